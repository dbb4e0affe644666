/** A worker as those see it who did not make it: its handlers, middlewares and listeners. */
import type { Duration } from '../duration.ts'
import type { QError } from '../error.ts'
import type { InstanceId } from '../task/task.ts'

/** `idle` before the first and `stopped` after each life; both can be run. */
export type WorkerState = 'idle' | 'starting' | 'running' | 'paused' | 'stopping' | 'stopped'

/** A worker as its handlers and listeners see it. */
export interface WorkerHandle {
  /** The label it was built with. */
  readonly name: string
  /** This start of it; a new one each time it registers. Empty before the first. */
  readonly instance: InstanceId
  /** Where it is in its life. */
  readonly state: WorkerState
  /** Attempts under way. */
  readonly taskCount: number
  /** Whether something is under way that a stop would wait for: attempts, tracked promises, outcomes not stored yet. */
  readonly hasPendingTasks: boolean
  /** Begins to stop. Do not wait for it inside a handler: it waits for the handler. */
  stop(options?: StopOptions): Promise<void>
  /**
   * Claims and starts nothing until `resume()`; running tasks go on and the lease is kept.
   * @throws QError `ERR_WORKER_STATE` when it does not run.
   */
  pause(): void
  /**
   * Ends what `pause()` began. A pause of its queue or by a command to this worker goes on.
   * @throws QError `ERR_WORKER_STATE` when it does not run.
   */
  resume(): void
  /**
   * Has a stop wait for this promise too, until its deadline: work that goes on beside handlers. Its failure is the
   * caller's. While the worker does not run it does nothing.
   * @param abort Called with the reason when the deadline has passed and the promise has not settled: ends the work.
   * @returns The same promise.
   * @throws QError `ERR_OPTION` for what is no promise.
   */
  track<T>(work: Promise<T>, abort?: (reason: QError) => void): Promise<T>
  /** Tells the worker's listeners something of your own: a `custom` event. */
  emit(name: string, data?: unknown): void
}

/** How to stop. */
export interface StopOptions {
  /** How long running tasks may go on before their signals abort. Default: the worker's `stopTimeout`. 0 aborts now. */
  readonly timeout?: Duration
}
