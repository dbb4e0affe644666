/**
 * A handler that decides what its tasks lead to: what compiles to tasks of its own, such as a workflow.
 *
 * The worker does for it what it does for every handler (slots, middlewares, limits of time, retries, lease). The program
 * reads the payload itself, and has the last word on each settlement before it is sent.
 */
import type { Settlement } from '../backend/backend.ts'
import type { RetryPolicy } from '../middleware/retry.ts'
import type { ClaimedTask, Encoded, NewTask } from '../task/task.ts'
import type { TaskContext } from './context.ts'
import type { TaskSource } from './options.ts'

/** An attempt as a program sees it. */
export interface ProgramContext extends TaskContext {
  /** The task as it was claimed, token and payload included. */
  readonly task: ClaimedTask
  /** What it gave to `follow`; it is part of the settlement that `settle` is given. */
  readonly follows: readonly NewTask[] | undefined
  /** The task with what was given to `carry`, as it is done for those given to `follow`. */
  carried(task: NewTask): NewTask
}

/** What a worker runs instead of a handler. Given to `WorkerBuilder.build()`. */
export interface Program {
  /**
   * Called once for each worker that is built on it.
   * @param policy The worker's, for tasks without one of their own.
   * @throws QError `ERR_NOT_SUPPORTED` when the backend lacks what the program needs; `ERR_OPTION`.
   */
  attach(source: TaskSource, policy: RetryPolicy): AttachedProgram
}

/** A program on one queue. */
export interface AttachedProgram {
  /**
   * The settlement of a task that is not to be run; neither middlewares nor `run` see it. `undefined`: run it. Never throws.
   */
  readonly refuse: (task: ClaimedTask) => Settlement | undefined
  /**
   * The args that middlewares and `run` see, as far as they can be had without waiting.
   * @throws anything: the task is killed with it.
   */
  readonly read: (payload: Encoded) => unknown
  /** Runs one attempt, at the centre of the middlewares. What it returns is given to `encode`. */
  readonly run: (task: ProgramContext) => unknown
  /**
   * The result to store of an attempt that returned.
   * @throws anything: the task is killed with it.
   */
  readonly encode: (returned: unknown, task: ProgramContext) => Encoded | null
  /** The retry policy of a task; `undefined`: the worker's. */
  readonly policy: (task: ClaimedTask) => RetryPolicy | undefined
  /** The settlement to send of an attempt, in whichever way it ended. Never throws. `null`: the program has settled it itself. */
  readonly settle: (task: ClaimedTask, settlement: Settlement) => Settlement | null
  /** The settlement to send in the place of one that the store refused for good. Never throws. */
  readonly instead: (refused: Settlement, minimal: Settlement) => Settlement
}

/** Whether it is a program. */
export function isProgram(handler: unknown): handler is Program {
  return typeof handler === 'object' && handler !== null && 'attach' in handler && typeof handler.attach === 'function'
}
