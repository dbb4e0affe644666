/** From nodes as builders put them down to a graph: checked, in order, with both ends of every edge. */
import { checkNodes, topological } from './check.ts'
import type { Graph, GraphNode } from './graph.ts'
import { hashOf } from './hash.ts'

/** A node without what the others of its graph make of it: the edges that leave it are the `from` of those. */
export type NodeDraft = Omit<GraphNode, 'to' | 'origin'>

/** A workflow as a builder leaves it. */
export interface GraphDraft extends Pick<Graph, 'name' | 'version' | 'deadlineMs' | 'output'> {
  readonly nodes: readonly NodeDraft[]
}

/**
 * The graph of a draft.
 * @throws QError `ERR_OPTION` naming the workflow and the node.
 */
export function makeGraph(draft: GraphDraft): Graph {
  const { name, version, deadlineMs, output } = draft
  checkNodes(name, draft.nodes, output)
  const nodes = topological(name, draft.nodes)
  const to = new Map<string, Set<string>>(nodes.map((node) => [node.name, new Set()]))
  for (const node of nodes) for (const edge of node.from) to.get(edge.node)!.add(node.name)
  const hash = hashOf({ name, output, nodes })
  const telling = tellingNodes(nodes)
  return {
    name,
    version,
    hash,
    nodes: new Map(
      nodes.map((node) => [
        node.name,
        { ...node, to: [...to.get(node.name)!], origin: telling.has(node.name) ? { version, hash } : null },
      ]),
    ),
    entries: nodes.filter(({ from }) => from.length === 0).map((node) => node.name),
    output,
    deadlineMs,
  }
}

/** Nodes with `migrate`, and routes that hand what they are given on to such. */
function tellingNodes(nodes: readonly NodeDraft[]): Set<string> {
  const telling = new Set<string>()
  for (const { name, from, work, options } of nodes.toReversed()) {
    const handsOn = work.kind === 'route' && work.gives === 'input'
    if (options.migrate !== undefined || (handsOn && telling.has(`to ${name}`))) telling.add(name)
    if (telling.has(name)) for (const { node } of from) telling.add(`to ${node}`)
  }
  return telling
}
