/**
 * The contract between what a task means and where it is stored.
 *
 * A backend is a store of tasks with two verbs that matter. `claim` hands out due tasks and
 * counts the attempt; `settle` is the only way a task leaves a worker. Everything else — retries,
 * crash recovery, follow-on tasks, effects in the user's own transaction — is one of the two.
 *
 * These words are fixed as tests by `describeBackend` in `@q/testing`; the memory backend of this
 * package is the executable specification.
 */
import type { ErrorRecord } from '../error-record.ts'
import type { ClaimedTask, ClaimToken, Encoded, InstanceId, NewTask, Outcome, Receipt, TaskId } from '../task/task.ts'
import type { RunPart } from './runs.ts'

/**
 * A store of tasks. `Tx` is what it accepts as the caller's own transaction; `never` if it has none. One that has none
 * refuses any, with `ERR_NOT_SUPPORTED`: what was to happen with a transaction must not happen without.
 */
export interface Backend<Tx = never> {
  /** Short name for messages and tables: `memory`, `postgres`. */
  readonly name: string

  /**
   * Stores tasks: all of them or, if this throws, none. Durable when it returns.
   *
   * Insertion order is kept among tasks of one call with equal priority and time whose ids increase, as those
   * made by `uuidv7` do. A task whose id exists already, or whose key was used in its queue, is not stored again:
   * its receipt says `duplicate` and names the existing task. Within one call the first wins. A known key decides
   * before a known id.
   *
   * @param tasks Any number, none included; callers keep batches bounded (the storages use 1,000).
   * @param options.tx Store inside the caller's transaction: visible, and announced, if and when it commits.
   * @returns One receipt per task, in the order given.
   * @throws QError `ERR_KEY_CONFLICT` when a key was used before with another payload.
   * @throws QError `ERR_BACKEND_UNAVAILABLE` when the store cannot be reached; repeating with the same ids is safe.
   */
  push(tasks: readonly NewTask[], options?: { readonly tx?: Tx | undefined }): Promise<readonly Receipt[]>

  /**
   * Hands due tasks to one registered instance.
   *
   * Due means `pending` or `failed` with its time reached by the store's clock. Within a queue the
   * order is priority (larger first), then time, then id. A paused queue has none. Each task handed out has its attempt
   * counted and a new token, is `queued`, and belongs to the instance until it is settled or the
   * instance's lease ends. No task is ever handed out to two holders at once. Queues do not block
   * one another, and a task that another caller is claiming right now is skipped, not waited for.
   *
   * A task that more than one worker died holding (`crashes >= 2`) is quarantined: it comes alone,
   * as the only task of its queue in the reply, so that the worker can run it with no neighbours.
   *
   * @throws QError `ERR_LEASE_LOST` when the instance is not registered (any more). Nothing is claimed.
   * @throws QError `ERR_BACKEND_UNAVAILABLE`; what may have been claimed comes back when the instance deregisters or its
   *   lease ends, so a caller that goes on registers under a new id first.
   */
  claim(request: ClaimRequest): Promise<ClaimReply>

  /**
   * Ends, hands back or updates claimed tasks. Durable when it returns.
   *
   * Each settlement with its follow-on tasks is all or nothing and independent of the others in the
   * call: `applied` once; `already` when this very claim was the last one settled (so a call whose reply was
   * lost can be repeated as it was); `stale` when the token is no longer the task's current one — then
   * nothing changes. `progress` keeps the claim and may be repeated. Once the task is claimed again, repeating an
   * earlier claim's settlement may answer either of the two. What a sweep or `deregister` took back was not
   * settled: its token is `stale`.
   *
   * A task that somebody asked to cancel (see `Cancel`) never goes back to wait: `failed`, `deferred` and `released`
   * end it as `cancelled`, and so do a sweep and `deregister`. `done` and `killed` stand. Steps of runs do go back (see runs.ts).
   *
   * @param options.tx Settle inside the caller's transaction: the effects commit together or not at all.
   * @returns One answer per settlement, in the order given. `busy`: somebody's open transaction holds the task, or a key
   *   of a follow-on task; nothing changed, to be settled again later.
   * @throws QError `ERR_BACKEND_UNAVAILABLE`; repeating is safe.
   */
  settle(
    settlements: readonly Settlement[],
    options?: { readonly tx?: Tx | undefined },
  ): Promise<readonly (SettleAnswer | 'busy')[]>

  /** Makes an instance known and starts its lease. Repeating it for a living instance changes nothing but the lease. */
  register(worker: WorkerRegistration): Promise<void>

  /**
   * Renews an instance's lease, also one that has run out but was not swept yet, and learns what became of its
   * tasks, in one round trip however many it runs. Tasks named in `running` are shown as `running` from now on.
   *
   * An instance whose lease ended and was swept gets `lease: 'lost'` and is not revived: it registers
   * again under a new id.
   */
  beat(request: BeatRequest): Promise<BeatReply>

  /**
   * Ends an instance: whatever it still holds goes back as if released, attempt given back, and its tokens are
   * stale. Unknown instances are fine.
   */
  deregister(instance: InstanceId): Promise<void>

  /**
   * Takes back the tasks of instances whose lease has ended: one crash is counted, the attempt stays
   * counted. A task is `failed` with the code `ERR_CRASHED` and due now, behind what waits already, or
   * `killed` when its `maxAttempts` are spent or it has crashed {@link CRASH_BUDGET} times. Bounded per call; call again while `more` is true. Any number of
   * processes may call it at once.
   */
  sweep(): Promise<SweepReport>

  /**
   * Yields the outcome of each task as it finishes, in the order they finish, and ends after the last. An id
   * named twice is told once; no ids, no outcomes.
   *
   * @throws QError `ERR_TASK_NOT_FOUND` when an id is unknown to the store.
   * @throws QError `ERR_WAIT_TIMEOUT` after `timeoutMs`, naming how many are still open.
   * @throws the signal's reason when it aborts.
   */
  wait(ids: readonly TaskId[], options?: WaitOptions): AsyncIterable<Outcome>

  /** Releases connections and timers. Afterwards every call rejects with `ERR_CLOSED`. Closing again does nothing. */
  close(): Promise<void>
}

/**
 * How often a worker may die holding a task before the task is killed: twice among others, then three
 * times alone in quarantine.
 */
export const CRASH_BUDGET = 5

/** From this many crashes on a task is only ever claimed alone. */
export const QUARANTINE_AT = 2

/** Asks for tasks of one or more queues, for one instance. */
export interface ClaimRequest {
  readonly instance: InstanceId
  /** Each queue once, with the most tasks wanted of it: 1 to 1,000. */
  readonly queues: readonly { readonly queue: string; readonly limit: number }[]
}

/** What a claim brought. */
export interface ClaimReply {
  /** In claim order within each queue. None is normal. */
  readonly tasks: readonly ClaimedTask[]
  /**
   * Milliseconds until the next task of these queues that waits now comes due, whatever its priority: 0 when more
   * are due right now, or may be because a limit was reached; `null` when none waits.
   */
  readonly nextDueMs: number | null
}

/** One task's end, return or progress, under the token of its claim. */
export type Settlement = {
  readonly id: TaskId
  readonly token: ClaimToken
  /** Tasks to store if and only if this settlement is applied. Duplicate ids and keys are skipped, and what a unique key keeps out. */
  readonly follow?: readonly NewTask[]
  /** How long the attempt ran, in milliseconds by the worker's clock. For histories and statistics. */
  readonly ranMs?: number
  /** What it does to the run of which the task is a step. Needs the capability `startRuns`. */
  readonly run?: RunPart
} & (
  | { readonly kind: 'done'; readonly result: Encoded | null }
  /** Failed, to be tried again after `retryAfterMs` by the store's clock. */
  | { readonly kind: 'failed'; readonly error: ErrorRecord; readonly retryAfterMs: number }
  | { readonly kind: 'killed'; readonly error: ErrorRecord }
  | { readonly kind: 'cancelled'; readonly error?: ErrorRecord }
  /** Back as it was, due at once, attempt given back: it was never started, or was asked to leave. */
  | { readonly kind: 'released' }
  /** Back, due after `afterMs`, attempt given back. */
  | { readonly kind: 'deferred'; readonly afterMs: number }
  /** Keeps the claim; the next attempt sees the bytes as its checkpoint. */
  | { readonly kind: 'progress'; readonly checkpoint: Uint8Array }
)

/** What became of one settlement. */
export type SettleAnswer = 'applied' | 'already' | 'stale'

/** One start of one worker. */
export interface WorkerRegistration {
  readonly instance: InstanceId
  /** The worker's label, for people. Many instances may share it. */
  readonly name: string
  readonly queues: readonly string[]
  /** How long the instance is trusted without a beat: 1,000 to 3,600,000. */
  readonly leaseMs: number
  /** What people want to know of it. Nothing depends on it. */
  readonly about?: WorkerAbout
}

/** A worker as it describes itself. */
export interface WorkerAbout {
  readonly host?: string
  readonly pid?: number
  /** Version of the program, if it says so. */
  readonly version?: string
  readonly concurrency?: number
  /** Names of the middlewares, the outermost first. */
  readonly middlewares?: readonly string[]
}

/** A sign of life. */
export interface BeatRequest {
  readonly instance: InstanceId
  readonly leaseMs: number
  /** Tasks that are at work: those that have been for half a second or so, and after a nudge for `news` all of them. */
  readonly running: readonly { readonly id: TaskId; readonly token: ClaimToken }[]
}

/** What the store knows that the worker may not. */
export interface BeatReply {
  readonly lease: 'held' | 'lost'
  /** Of the tasks named as running: those whose token is no longer current. Their handlers must stop. */
  readonly lost: readonly TaskId[]
  /** Of the tasks named as running: those that somebody asked to cancel. Still held, to be settled. Absent: none. */
  readonly cancelled?: readonly TaskId[]
  /** Of the instance's queues: those that are paused (see `Pause`). Absent: none. */
  readonly paused?: readonly string[]
  /** What somebody asked of this worker (see `CommandWorker`). Absent: to work. */
  readonly command?: WorkerCommand
}

/**
 * What a worker may be asked to do.
 * - `work`: claim and run tasks
 * - `pause`: claim and start nothing; running tasks go on and the lease is kept
 * - `stop`: stop as by `worker.stop()`: give back what has not started, let running tasks end, leave
 */
export type WorkerCommand = 'work' | 'pause' | 'stop'

/** What one sweep did. */
export interface SweepReport {
  /** Instances whose lease had ended. */
  readonly instances: number
  /** Tasks given back to be run again. */
  readonly recovered: number
  /** Tasks killed because their attempts or their crash budget were spent. */
  readonly killed: number
  /** There may be more to do. */
  readonly more: boolean
}

/** Bounds a wait. */
export interface WaitOptions {
  readonly signal?: AbortSignal
  /** Default: no limit. */
  readonly timeoutMs?: number
}
