/** Where runs are kept: a storage, as far as a workflow needs one. */
import { type Backend, QError, required, type Runs, type TaskSource } from '@q/core'
import { type Host, openHost } from '../engine/host.ts'

/**
 * Any storage of the queue whose workers run the steps: a `MemoryStorage`, a `PostgresStorage`, one of `makeShared`.
 * `Tx` is what it takes as a transaction of the caller's.
 */
export interface RunStore<Tx = never> {
  readonly backend: Backend<Tx>
  readonly queue: string
  readonly values: TaskSource['values']
  /** Set where the queue has a contract of its own: that is about other tasks. */
  readonly contract?: unknown
}

/** The runs of a storage. */
export interface RunHost<Tx> extends Host {
  readonly startable: Runs<Tx>
}

/** @throws QError `ERR_NOT_SUPPORTED` when the backend keeps no runs; `ERR_OPTION` for a queue with a contract. */
export function hostOf<Tx>(store: RunStore<Tx>): RunHost<Tx> {
  if (store.contract !== undefined)
    throw new QError(
      'ERR_OPTION',
      `The queue "${store.queue}" has a contract for its args, and steps of workflows have others. Give workflows a queue of their own.`,
    )
  const { backend, queue, values } = store
  return {
    ...openHost({ backend: backend as Backend, queue, values }),
    startable: required(backend as Backend, 'startRuns') as Runs<Tx>,
  }
}
