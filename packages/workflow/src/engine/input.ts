/** What a step is given: its payload as it is, or put together from the outputs of the steps before it. */
import type { ClaimedTask, Encoded, RunId, Runs, StoredTask } from '@q/core'
import { QError } from '@q/core'
import type { GraphNode, Graph } from '../graph/graph.ts'
import { verdictOf } from '../graph/join.ts'
import { storedName } from '../graph/names.ts'
import { stepId } from '../ids.ts'
import { outputIndex } from './frame.ts'
import { readSteps } from './read-steps.ts'
import { decodeRef } from './refs.ts'
import { type NodeEnd, stateOver } from './transition.ts'
import type { Values } from './values.ts'

/** What a node is given, or that it is not to run. */
export type Input = { readonly verdict: 'run'; readonly value: unknown } | { readonly verdict: 'skip' }

/** Finds the input of steps. */
export class Inputs {
  readonly #runs: Runs
  readonly #values: Values

  constructor(runs: Runs, values: Values) {
    this.#runs = runs
    this.#values = values
  }

  /**
   * Does not wait for anything where the payload has the value.
   * @param args What middlewares made of it; where they saw nothing, nothing unless they put something there.
   * @throws QError `ERR_DECODE`; `ERR_TASK_NOT_FOUND` when a step that it depends on is gone.
   */
  of(graph: Graph, node: GraphNode, task: ClaimedTask, args: unknown): Input | Promise<Input> {
    const ref = decodeRef(task.payload)
    if (ref === undefined) return this.#run(node, args)
    switch (ref.kind) {
      case 'nothing':
        return this.#run(node, args)
      case 'output':
        return args === undefined
          ? this.#outputOf(ref.of).then((value) => this.#run(node, value))
          : this.#run(node, args)
      case 'join':
        return this.#joined(graph, node, task.step!.run).then((input) =>
          args === undefined || input.verdict === 'skip' ? input : { verdict: 'run', value: args },
        )
      default:
        throw new QError(
          'ERR_DECODE',
          `A step of node "${node.name}" holds an instruction "${ref.kind}", which is none for it.`,
        )
    }
  }

  /** Outputs of nodes that are done, by name; of those that are not there is none. */
  async outputs(graph: Graph, run: RunId, names: readonly string[]): Promise<Map<string, unknown>> {
    const steps = await this.#read(graph, run, names)
    return new Map(
      names.flatMap((name) => {
        const step = steps.get(name)
        return step?.status === 'done' ? [[name, this.#values.decode(step.result)] as const] : []
      }),
    )
  }

  /** The steps that have the outputs of nodes, by name; there is none of a node that has not come to it. */
  steps(graph: Graph, run: RunId, names: readonly string[]): Promise<Map<string, StoredTask>> {
    return this.#read(graph, run, names)
  }

  #run(node: GraphNode, value: unknown): Input {
    const [edge] = node.from
    return { verdict: 'run', value: node.input === 'record' && edge !== undefined ? { [edge.node]: value } : value }
  }

  async #outputOf(id: string): Promise<unknown> {
    const [step] = await this.#runs.readSteps([id])
    if (step === null || step === undefined)
      throw new QError('ERR_TASK_NOT_FOUND', `The step ${id}, whose output is the input of this one, is gone.`)
    return this.#values.decode(step.result)
  }

  async #joined(graph: Graph, node: GraphNode, run: RunId): Promise<Input> {
    const steps = await this.#read(
      graph,
      run,
      node.from.map((edge) => edge.node),
    )
    const record: Record<string, unknown> = {}
    const states = node.from.map((edge) => {
      const step = steps.get(edge.node)
      const end = endOf(step, graph.nodes.get(edge.node)?.work.kind === 'route', (result) =>
        this.#values.decode(result),
      )
      const state = stateOver(edge, end.end)
      if (state === 'done') record[edge.node] = end.value
      return state
    })
    return verdictOf(node.join, states) === 'run' ? { verdict: 'run', value: record } : { verdict: 'skip' }
  }

  async #read(graph: Graph, run: RunId, names: readonly string[]): Promise<Map<string, StoredTask>> {
    const found = new Map<string, StoredTask>()
    const places = names.map((name) => {
      const node = graph.nodes.get(name)!
      return { name, id: stepId(run, storedName(node), outputIndex(node)) }
    })
    const steps = await readSteps(
      this.#runs,
      places.map(({ id }) => id),
    )
    for (const [index, step] of steps.entries()) if (step !== null) found.set(places[index]!.name, step)
    return found
  }
}

/** How the node of a step ended, as far as its step tells; one that has not ended counts as skipped. */
function endOf(
  step: StoredTask | undefined,
  isRoute: boolean,
  decode: (result: Encoded | null) => unknown,
): { readonly end: NodeEnd; readonly value?: unknown } {
  if (step?.status === 'killed') return { end: { state: 'failed' } }
  if (step?.status !== 'done') return { end: { state: 'skipped' } }
  const value = decode(step.result)
  return {
    end: {
      state: 'done',
      of: step.id,
      output: step.result,
      label: isRoute && typeof value === 'string' ? value : undefined,
    },
    value,
  }
}
