/** What a handler sees that runs on a thread: what of its context can cross to one. */
import type { ProgressUpdate, TaskInfo, TaskLog } from '@q/core'

/** A handler that a module exports for `parallelize`. Apart from `args` and `ctx` it shares nothing with the process's other threads. */
export type ThreadHandler<Args, Result = unknown> = (args: Args, ctx: ThreadContext) => Result | Promise<Result>

/** Handed to a handler on a thread, one per attempt. */
export interface ThreadContext {
  readonly task: TaskInfo
  readonly taskId: string
  /** 1 for the first execution. */
  readonly attempt: number
  /**
   * Aborts when the attempt times out, is cancelled or lost, or its worker stops. The thread hears of it when its event
   * loop turns; in a loop that never waits ask {@link ThreadContext.throwIfAborted}. A handler that goes on is ended with
   * its thread after the grace period.
   */
  readonly signal: AbortSignal
  /** Throws the reason of `signal` if the end was asked for, and hears of that inside a loop that never waits, too. */
  throwIfAborted(): void
  /** The log of the task. Of fields that cannot be passed between threads a note is left. */
  readonly log: TaskLog
  /** Says how far the work is, as `ctx.report` of the task does. Passed on without waiting. */
  report(progress: ProgressUpdate): void
}
