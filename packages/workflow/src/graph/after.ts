/** What comes after a node. */
import type { Graph } from './graph.ts'

/** A node and everything that it leads to. */
export function nodesAfter(graph: Graph, from: string): Set<string> {
  const found = new Set([from])
  for (const name of found) for (const next of graph.nodes.get(name)?.to ?? []) found.add(next)
  return found
}
