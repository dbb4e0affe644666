/**
 * The names of nodes in the store.
 *
 * A step bears the first name that its node ever had: in every build that lists it, a renamed node has the same steps under
 * the same ids, and a build that does not list it any more does not know the node.
 */
import type { Graph, GraphNode } from './graph.ts'

const known = new WeakMap<Graph, ReadonlyMap<string, GraphNode>>()

/** What the steps of a node are called in the store: the last of its aliases, which is the first name it had. */
export function storedName({ name, aliases }: Pick<GraphNode, 'name' | 'aliases'>): string {
  return aliases.at(-1) ?? name
}

/** The node with this name, or that had it. */
export function nodeNamed(graph: Graph, name: string): GraphNode | undefined {
  return namesOf(graph).get(name)
}

function namesOf(graph: Graph): ReadonlyMap<string, GraphNode> {
  const found = known.get(graph)
  if (found !== undefined) return found
  const nodes = [...graph.nodes.values()]
  const names = new Map([
    ...nodes.flatMap((node) => node.aliases.map((alias) => [alias, node] as const)),
    ...nodes.map((node) => [node.name, node] as const),
  ])
  known.set(graph, names)
  return names
}
