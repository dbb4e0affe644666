/**
 * What people and programs may do to tasks, queues and workers from outside: capabilities of a backend.
 *
 * Each call is safe to repeat, answers for each task what became of it, and never touches a task that a worker holds
 * except to ask: a held task is ended by its holder or by its lease.
 */
import type { Due, Encoded, InstanceId, Metadata, TaskId } from '../task/task.ts'
import type { WorkerCommand } from './backend.ts'

/** Pushes with `unique` are understood (see `Uniqueness`). */
export interface Unique {
  readonly unique: true
}

/** What to change of a waiting task; what is absent stays. */
export interface TaskChange {
  readonly payload?: Encoded
  readonly due?: Due
  readonly priority?: number
  readonly maxAttempts?: number | null
  /** Takes the place of all metadata. */
  readonly metadata?: Metadata | null
  readonly timeoutMs?: number | null
  readonly deadline?: Due | null
}

/** `busy`: a worker holds it. `ended`: it is `done`, `killed` or `cancelled`. `unknown`: no task has this id. */
export type ControlAnswer = 'applied' | 'busy' | 'ended' | 'unknown'

/** Changes a task that waits: another payload, time, priority. */
export interface Update {
  /**
   * Changes a task that is `pending` or `failed`, all of the change or nothing. Attempts and id stay.
   * @returns What became of it. `busy` and `ended` tasks are left as they are.
   */
  update(id: TaskId, change: TaskChange): Promise<ControlAnswer>
}

/**
 * `cancelled`: ended by this call. `cancelling`: its holder is asked, by this call or an earlier one; of a step of a run that
 * waits: it is due now, to be ended by whoever claims it.
 */
export type CancelAnswer = 'cancelled' | 'cancelling' | 'ended' | 'unknown'

/** Ends tasks from anywhere. */
export interface Cancel {
  /**
   * Ends tasks that wait, at once, and asks for the end of tasks that are held: their worker hears of it with its next
   * beat, or sooner where it can be nudged. From then on such a task is never run again: what its holder settles
   * other than `done` or `killed` ends it as `cancelled`.
   * @param ids Any number, bounded by callers; each named once or more.
   * @param reason Kept as the message of the task's error, at most 500 characters.
   * @returns One answer per id, in the order given.
   */
  cancel(ids: readonly TaskId[], reason?: string): Promise<readonly CancelAnswer[]>
}

/** `resumed`: it waits and is due now. `busy`: a worker holds it. `unknown`: no task has this id. */
export type ResumeAnswer = 'resumed' | 'busy' | 'unknown'

/** Runs tasks again, or now. */
export interface ResumeById {
  /**
   * A waiting task is due now. One that ended is given a new life: it waits and is due now under the same id, its
   * `error` kept, result and checkpoint gone, `attempt` and `crashes` at 0, and a deadline that has passed is gone.
   * A unique key that another task has taken over meanwhile is not taken back: that task goes on holding it.
   * @returns One answer per id, in the order given.
   */
  resumeById(ids: readonly TaskId[]): Promise<readonly ResumeAnswer[]>
}

/** Deletes tasks. */
export interface Remove {
  /**
   * Deletes tasks that nobody holds, with their history, logs and keys.
   * @returns One answer per id, in the order given; `ended` is never answered.
   */
  remove(ids: readonly TaskId[]): Promise<readonly ControlAnswer[]>
}

/** Who paused a queue, when and why. */
export interface PauseInfo {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly by: string | null
  readonly reason: string | null
}

/** Stops whole queues. Stored: it outlives every process. */
export interface Pause {
  /**
   * No task of the queue is handed out until it is resumed; workers hear of it with their next beat, or sooner, and
   * start nothing that they hold unstarted. Running tasks go on. Pushes are accepted. Pausing a paused queue changes nothing.
   */
  pause(queue: string, info?: { readonly by?: string; readonly reason?: string }): Promise<void>
  /** Hands tasks out again. A queue that is not paused is left alone. */
  resume(queue: string): Promise<void>
}

/** Asks a worker, wherever it runs, to pause, work again or stop. Stored with its registration. */
export interface CommandWorker {
  /**
   * The instance hears of it with its next beat, or sooner.
   * @returns False when no such instance is registered.
   */
  commandWorker(instance: InstanceId, command: WorkerCommand): Promise<boolean>
}

/** How finished tasks of a queue are forgotten; spans in milliseconds since they ended. Absent: kept. */
export interface Retention {
  readonly doneMs?: number
  readonly killedMs?: number
  readonly cancelledMs?: number
}

/** Forgets finished tasks. */
export interface Vacuum {
  /**
   * Deletes finished tasks of a queue that are older than `retention` says, the oldest first, with their history, logs
   * and keys. Bounded: call again while as many as `limit` were deleted.
   * @param limit 1 to 10,000.
   * @returns How many were deleted.
   */
  vacuum(queue: string, retention: Retention, limit: number): Promise<number>
}

/** A wish for room under a limit that all processes share. */
export type LimitRequest =
  /** At most `limit` tasks of one key held at once. A place is given back when its task is settled or taken back, by itself. */
  | {
      readonly kind: 'concurrency'
      readonly key: string
      readonly limit: number
      readonly id: TaskId
      readonly token: string
    }
  /** A token bucket that holds `limit` and fills up once every `periodMs`. */
  | { readonly kind: 'rate'; readonly key: string; readonly limit: number; readonly periodMs: number }

/** Whether there is room; if not, when to ask again. */
export interface LimitAnswer {
  readonly granted: boolean
  /** Milliseconds, a hint for `concurrency`; 0 when granted. */
  readonly retryAfterMs: number
}

/** Limits across all processes: strict, and without anything to clean up after a crash. */
export interface Limit {
  /**
   * Takes a place or a token for each request, in the order given. Asking again for a place that the same task and
   * token have grants it again without counting twice.
   */
  acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]>
}
