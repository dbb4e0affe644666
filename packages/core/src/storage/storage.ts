/**
 * One queue of one backend, typed: where producers push, what a worker is built on, and what readers ask.
 *
 * It is put together from halves, each of which adds one kind of thing to the one before: `StorageBase` (what it is),
 * `Producer` (push), `Reader` (look), `Control` (act), and here how tasks are waited for.
 */
import type { WaitOptions } from '../backend/backend.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkTaskId } from '../id.ts'
import { checkKnownOptions } from '../options.ts'
import type { TaskId } from '../task/task.ts'
import { Control } from './control.ts'
import type { FinishedTask } from './finished.ts'
import { finishedTask, resultOf } from './finished.ts'

/** For how long to wait. */
export interface WaitForOptions {
  /** Ends the wait; its reason is thrown. */
  readonly signal?: AbortSignal
  /** Default: no limit. */
  readonly timeout?: Duration
}

/**
 * A typed queue. Backends extend it or hand it out.
 *
 * `Input` is what can be pushed and `Args` what handlers are given; `Returns` is what handlers return and `Result` what
 * waiting gives. They differ only where a schema transforms.
 */
export class Storage<Input, Tx = never, Result = unknown, Args = Input, Returns = Result> extends Control<
  Input,
  Tx,
  Result,
  Args,
  Returns
> {
  /**
   * Waits for one task and returns its decoded result.
   *
   * @typeParam Expected What the handler returns, where no schema says it; then not checked.
   * @throws QError `ERR_TASK_FAILED` (with the stored error as its cause) when it was killed or cancelled;
   *   `ERR_WAIT_TIMEOUT`; `ERR_TASK_NOT_FOUND`; `ERR_TASK_ID`; `ERR_OPTION`; `ERR_DURATION`; `ERR_DECODE` and `ERR_INVALID` for a result that cannot be read.
   */
  async waitFor<Expected = Result>(id: TaskId, options: WaitForOptions = {}): Promise<Expected> {
    for await (const finished of this.waitForMany([id], options)) {
      const result: unknown = resultOf(finished)
      return result as Expected
    }
    throw new QError('ERR_TASK_NOT_FOUND', `No outcome for task ${id}.`)
  }

  /**
   * Yields each task as it ends, in the order they end, and ends after the last. A task that failed is a value here, not
   * an error; `result` is decoded when it is read.
   *
   * @throws QError `ERR_WAIT_TIMEOUT`, `ERR_TASK_NOT_FOUND`, `ERR_TASK_ID`, `ERR_OPTION`, `ERR_DURATION`
   */
  async *waitForMany(ids: readonly TaskId[], options: WaitForOptions = {}): AsyncGenerator<FinishedTask<Result>> {
    checkKnownOptions('waitFor', options, ['signal', 'timeout'] satisfies readonly (keyof WaitForOptions)[])
    const { signal, timeout } = options
    const wait: WaitOptions = {
      ...(signal === undefined ? {} : { signal }),
      ...(timeout === undefined ? {} : { timeoutMs: toMs(timeout, 'timeout') }),
    }
    const checked = ids.map((id) => checkTaskId(id))
    for await (const outcome of this.backend.wait(checked, wait)) yield finishedTask(outcome, this.values)
  }

  /** Ends the backend. Afterwards every call rejects with `ERR_CLOSED`. */
  async close(): Promise<void> {
    await this.backend.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
