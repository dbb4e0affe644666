/** What the parts of the engine share: the store, with what a workflow needs of it, and the values of one queue. */
import type { Backend, RetryPolicy, Runs, TaskSource } from '@q/core'
import { DEFAULT_RETRY, required } from '@q/core'
import { Collections } from './collections.ts'
import { Inputs } from './input.ts'
import { Values } from './values.ts'

/** The engine on one queue of one backend. */
export interface Host {
  readonly backend: Backend
  readonly runs: Runs
  readonly queue: string
  readonly values: Values
  readonly inputs: Inputs
  readonly collections: Collections
  /** Of steps whose node says nothing of it. */
  readonly policy: RetryPolicy
}

/** @throws QError `ERR_NOT_SUPPORTED` when the backend keeps no runs. */
export function openHost(
  { backend, queue, values: codec }: Pick<TaskSource, 'backend' | 'queue' | 'values'>,
  policy: RetryPolicy = DEFAULT_RETRY,
): Host {
  const runs = required(backend, 'startRuns')
  const collections = new Collections(backend, runs, codec)
  const values = new Values(codec, collections)
  return { backend, runs, queue, values, collections, policy, inputs: new Inputs(runs, values) }
}
