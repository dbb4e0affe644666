/**
 * Tells graphs apart: equal for the same graph on any machine and in any build of it.
 *
 * What changes it: the name of the workflow; a node that comes, goes, is renamed or becomes another kind; an edge or its
 * label; a join rule; the labels of a route; whether a node waits before it starts, is compensated, or may fail without
 * the run; where the output comes from. What does not: the source text of handlers, the order in which nodes of a graph
 * are written down, `version`, aliases, and what only tunes a node (retries, limits of time, priorities, spans of delays,
 * how a map goes over its elements).
 */
import type { Edge, Graph } from './graph.ts'
import type { NodeDraft } from './make.ts'

const encoder = new TextEncoder()
const BASIS = 0xcbf29ce484222325n
const PRIME = 0x100000001b3n

/** The hash of a graph: `g1-` and 16 hexadecimal digits. */
export function hashOf(graph: Pick<Graph, 'name' | 'output'> & { readonly nodes: Iterable<NodeDraft> }): string {
  const nodes = [...graph.nodes].map(factsOf).toSorted((a, b) => order(a[0], b[0]))
  return `g1-${fnv1a(JSON.stringify([graph.name, outputOf(graph.output), nodes]))}`
}

/** What the hash looks at. */
type Fact = string | number | boolean | null | readonly Fact[]

function factsOf(node: NodeDraft): readonly [string, ...Fact[]] {
  const { name, work, from, join, input, delay, options } = node
  return [
    name,
    work.kind,
    work.kind === 'map' ? work.filter : null,
    work.kind === 'route' ? [work.gives, work.labels?.toSorted(order) ?? null] : null,
    from.map(edgeOf).toSorted((a, b) => order(a.join('\n'), b.join('\n'))),
    join.kind === 'nOf' ? [join.kind, join.n] : join.kind,
    input,
    delay !== null,
    options.onFailure ?? 'fail',
    options.compensate !== undefined,
  ]
}

function edgeOf({ node, when }: Edge): readonly string[] {
  return when === undefined ? [node] : [node, when]
}

function outputOf(output: Graph['output']): Fact {
  if (output.kind === 'record') return ['record', output.nodes.toSorted(order)]
  return output.kind === 'node' ? ['node', output.node] : ['chain']
}

/** By code units: the same everywhere, unlike by locale. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** FNV-1a with 64 bits. */
function fnv1a(text: string): string {
  let hash = BASIS
  for (const byte of encoder.encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME)
  return hash.toString(16).padStart(16, '0')
}
