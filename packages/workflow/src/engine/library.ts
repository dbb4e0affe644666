/** The workflows a worker knows, by name; and their nodes, also by the names they had before. */
import { QError, type Step } from '@q/core'
import type { Graph, GraphNode } from '../graph/graph.ts'
import { nodeNamed } from '../graph/names.ts'

/** What a step belongs to. `node` is undefined for the engine's own steps, and for those that this build does not know. */
export interface Known {
  readonly graph: Graph
  readonly node: GraphNode | undefined
}

/** Finds graphs and nodes. */
export class Library {
  readonly graphs: readonly Graph[]
  readonly #known = new Map<string, Graph>()

  /**
   * @param graphs Those that they start as children come with them.
   * @throws QError `ERR_OPTION` when two have one name.
   */
  constructor(graphs: readonly Graph[]) {
    if (graphs.length === 0) throw new QError('ERR_OPTION', 'workflows: takes one workflow at least.')
    this.graphs = withChildren(graphs)
    for (const graph of this.graphs) {
      if (this.#known.has(graph.name))
        throw new QError(
          'ERR_OPTION',
          `workflows: there are two with the name "${graph.name}". Give each a name of its own.`,
        )
      this.#known.set(graph.name, graph)
    }
  }

  find(step: (Step & { readonly workflow: string }) | null | undefined): Known | undefined {
    const graph = step === null || step === undefined ? undefined : this.#known.get(step.workflow)
    return graph === undefined ? undefined : { graph, node: nodeNamed(graph, step!.node) }
  }
}

function withChildren(graphs: readonly Graph[]): Graph[] {
  const all = new Set<Graph>(graphs)
  for (const graph of all)
    for (const { work } of graph.nodes.values()) if (work.kind === 'child') all.add(work.of().graph)
  return [...all]
}
