/** Nodes as builders put them down, for tests of what is made of them. */
import type { GraphNode } from '../../src/graph/graph.ts'
import { type GraphDraft, makeGraph, type NodeDraft } from '../../src/graph/make.ts'
import type { Graph } from '../../src/graph/graph.ts'

/** A step after others; `from` may also be given as edges. */
export function node(name: string, from: readonly string[] = [], more: Partial<NodeDraft> = {}): NodeDraft {
  const edges: GraphNode['from'] = from.map((each) => ({ node: each }))
  return {
    name,
    aliases: [],
    work: { kind: 'step', run: () => undefined },
    from: edges,
    join: from.length < 2 ? { kind: 'one' } : { kind: 'all' },
    input: from.length < 2 ? 'value' : 'record',
    delay: null,
    options: {},
    ...more,
  }
}

/** A route with these labels. */
export function route(name: string, labels: readonly string[] | null, from: readonly string[] = []): NodeDraft {
  return node(name, from, { work: { kind: 'route', run: () => 'x', gives: 'label', labels } })
}

/** A graph of these nodes. */
export function graphOf(nodes: readonly NodeDraft[], more: Partial<GraphDraft> = {}): Graph {
  return makeGraph({ name: 'flow', version: null, deadlineMs: null, output: { kind: 'chain' }, nodes, ...more })
}
