/** Starts runs. */
import {
  checkKey,
  checkKnownOptions,
  checkMetadata,
  checkPriority,
  checkTaskId,
  didYouMean,
  type Duration,
  type Metadata,
  QError,
  type Receipt,
  type RunId,
  toMs,
  uuidv7,
} from '@q/core'
import { newRun } from '../engine/new-run.ts'
import type { Graph } from '../graph/graph.ts'
import { nodesAfter } from '../graph/after.ts'
import { Run } from './handle.ts'
import { hostOf, type RunStore } from './store.ts'

/** How a run is started. */
export interface StartOptions<Tx = never> {
  /** A UUID of your own; with it a start can be repeated. Default: a new UUIDv7. */
  readonly id?: RunId
  /** Idempotency key, unique for this workflow in its queue: the same key again gives the run that exists. 1 to 200 characters. */
  readonly key?: string
  /** Of its steps, -100 to 100; larger runs first. Default 0. */
  readonly priority?: number
  /** Travels with the run and all its steps. */
  readonly metadata?: Metadata
  /** From the start until the run fails; takes the place of the workflow's own. */
  readonly deadline?: Duration
  /** Starts inside the caller's transaction: the run exists if and when it commits. */
  readonly tx?: Tx
}

const OPTIONS: readonly (keyof StartOptions)[] = ['id', 'key', 'priority', 'metadata', 'deadline', 'tx']

/**
 * Starts one run.
 * @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION`, `ERR_DURATION`, `ERR_TASK_ID` before anything is stored;
 *   `ERR_NOT_SUPPORTED` when the backend keeps no runs.
 */
export async function startRun<Output, Tx>(
  graph: Graph,
  store: RunStore<Tx>,
  input: unknown,
  options: StartOptions<Tx> = {},
): Promise<Run<Output>> {
  const [run] = await startRuns<Output, Tx>(graph, store, [input], options)
  return run!
}

/**
 * Starts one run in the middle: at a node, which is given the input.
 * @throws as {@link startRun}; QError `ERR_OPTION` for a node that is not there, or is given the outputs of several others.
 */
export async function startRunAt<Output, Tx>(
  graph: Graph,
  store: RunStore<Tx>,
  at: string,
  input: unknown,
  options: StartOptions<Tx> = {},
): Promise<Run<Output>> {
  const where = `Workflow "${graph.name}": pushStep`
  const node = graph.nodes.get(at)
  if (node === undefined) {
    const near = didYouMean(at, [...graph.nodes.keys()])
    throw new QError(
      'ERR_OPTION',
      `${where}: there is no node "${at}"${near === undefined ? '.' : `, did you mean "${near}"?`}`,
    )
  }
  if (node.from.length > 1 && node.join.kind !== 'one')
    throw new QError(
      'ERR_OPTION',
      `${where}: node "${at}" is given the outputs of ${node.from.length} others. Start before it.`,
    )
  const after = nodesAfter(graph, at)
  for (const name of after) {
    const { join, from } = graph.nodes.get(name)!
    const other = join.kind === 'one' || name === at ? undefined : from.find((edge) => !after.has(edge.node))
    if (other !== undefined)
      throw new QError(
        'ERR_OPTION',
        `${where}: node "${name}", which comes after "${at}", would wait for "${other.node}" for ever. Start before both.`,
      )
  }
  const [run] = await startRuns<Output, Tx>(graph, store, [input], options, [at])
  return run!
}

/** Starts several runs with one statement: all of them or none. @throws as {@link startRun} */
export async function startRuns<Output, Tx>(
  graph: Graph,
  store: RunStore<Tx>,
  inputs: readonly unknown[],
  options: StartOptions<Tx> = {},
  at?: readonly string[],
): Promise<Run<Output>[]> {
  const where = `Workflow "${graph.name}": pushStart`
  checkKnownOptions(where, options, OPTIONS)
  const { id, key, priority = 0, metadata, deadline, tx } = options
  if (inputs.length > 1 && (id !== undefined || key !== undefined))
    throw new QError('ERR_OPTION', `${where}: id and key are of one run; start each with a call of its own.`)
  const host = hostOf(store)
  const common = {
    queue: host.queue,
    priority: checkPriority(where, priority),
    metadata: metadata === undefined ? null : checkMetadata(where, metadata),
    encode: (value: unknown) => host.values.encode(value),
    ...(at === undefined ? {} : { at }),
    ...(key === undefined ? {} : { key: checkKey(`${where}: key`, key) }),
    ...(deadline === undefined ? {} : { deadlineMs: toMs(deadline, `${where}: deadline`, { min: 1 }) }),
  }
  const runs = inputs.map((input) =>
    newRun(graph, {
      ...common,
      id: id === undefined ? uuidv7() : checkTaskId(id, 'A run id is one of your own or none.'),
      input,
    }),
  )
  const receipts = await host.startable.startRuns(runs, tx === undefined ? undefined : { tx })
  return receipts.map((receipt: Receipt) => new Run<Output>(host, graph, receipt.id, receipt.outcome === 'created'))
}
