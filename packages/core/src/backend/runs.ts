/**
 * Runs of workflows, as a store keeps them: a capability of a backend.
 *
 * A run is a record, and its steps are tasks like any other that say which run they belong to. What a step means is the
 * business of whoever pushes it; a store keeps four promises:
 *
 * - A run moves only by what a settlement of one of its steps carries ({@link RunPart}), all or nothing with the
 *   settlement, by a cancel and by a retry.
 * - A step ends only by a settlement, so that whatever follows from its end is stored with it. Where another task would be
 *   ended by the store (its attempts or crashes are spent, somebody cancelled it while it waited), a step is handed out
 *   once more, to be ended: see `ClaimedTask.crashes`, `attempt` and `cancelling`.
 *   A step that somebody asked to end, and that goes back, is handed out again: `failed` and `released`, a sweep and
 *   `deregister` leave it due at once, and so does `deferred` with {@link RunPart.listen}; `deferred` without it waits.
 * - Steps are removed with their run only, and a run only once it has ended. So `Remove` and `ResumeById` answer `busy` for
 *   every step, and `Vacuum` passes them over.
 * - A claim says how the run stands. When a run ends its waiting steps end as `cancelled` with it, up to 1,000 in the same
 *   settlement. Those beyond, and a step that is stored later, are handed out, to be settled as `cancelled`.
 */
import type { ErrorRecord } from '../error-record.ts'
import type { ClaimToken, Due, Encoded, Metadata, NewTask, Receipt, StoredTask, TaskId } from '../task/task.ts'
import type { Retention } from './control.ts'
import type { Page, PageRequest } from './visibility.ts'

/** A UUID in lower case; UUIDv7 unless the caller chose it. */
export type RunId = string

/** Which step of which run a task is. */
export interface Step {
  readonly run: RunId
  /** Name of the node, 1 to 200 characters. */
  readonly node: string
  /** Which of the node's tasks it is: an element, a slice, an iteration; 0 where there is one. */
  readonly index: number
}

/**
 * Where a run is.
 * - `running`: it goes on
 * - `failing`, `cancelling`: it will be `failed` or `cancelled` once what is under way has ended and what is to be undone is undone
 * - `done`, `failed`, `cancelled`: it has ended
 */
export type RunStatus = 'running' | 'failing' | 'cancelling' | FinalRunStatus

/** How a run ends. */
export type FinalRunStatus = 'done' | 'failed' | 'cancelled'

/** Which run status may become which. Anything else is left as it is. */
export const RUN_TRANSITIONS: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  running: ['failing', 'cancelling', 'done', 'failed', 'cancelled'],
  failing: ['failed'],
  cancelling: ['cancelled'],
  done: [],
  failed: [],
  cancelled: [],
}

/** Whether what was to be undone is: `null` when nothing was, or is yet. `partial`: some of it could not be. */
export type Compensation = 'complete' | 'partial' | null

/** A run as it is started. */
export interface NewRun {
  /** Made by the producer before the first try, so that a start whose reply was lost can be repeated. */
  readonly id: RunId
  /** Queue of its first steps. */
  readonly queue: string
  /** Name of the workflow, 1 to 200 characters. */
  readonly workflow: string
  /** Of the workflow, for people; at most 100 characters. */
  readonly version: string | null
  /** Tells graphs apart, at most 100 characters. */
  readonly hash: string
  readonly input: Encoded
  /** Idempotency key, unique among the runs of its workflow and queue, at most 200 characters. */
  readonly key: string | null
  readonly metadata: Metadata | null
  /** For people: what enforces it is a task of the run. */
  readonly deadline: Due | null
  /** The waiting step that hears of its end by a {@link Message} named {@link childMessage}. */
  readonly parent: { readonly run: RunId; readonly task: TaskId } | null
  /** Its first steps; `step.run` is the id. */
  readonly tasks: readonly NewTask[]
}

/** A run as a reader finds it. */
export interface RunInfo {
  readonly id: RunId
  readonly queue: string
  readonly workflow: string
  readonly version: string | null
  readonly hash: string
  readonly status: RunStatus
  readonly input: Encoded
  /** Of a run that is `done`. */
  readonly output: Encoded | null
  /** Why it fails or failed, is or was cancelled. */
  readonly error: ErrorRecord | null
  readonly compensation: Compensation
  readonly key: string | null
  readonly metadata: Metadata | null
  readonly parent: { readonly run: RunId; readonly task: TaskId } | null
  /** How often it was retried. */
  readonly retries: number
  /** Milliseconds since the epoch, by the store's clock, like all times here. */
  readonly createdAt: number
  readonly deadline: number | null
  readonly finishedAt: number | null
}

/**
 * What a settlement does to the run of its task, if and only if it is applied. Not with `progress`, which may be repeated.
 * Follow-on tasks come first, then in the order below.
 */
export interface RunPart {
  readonly run: RunId
  /** Steps that this one leads to, together with others. */
  readonly arrive?: readonly Arrival[]
  /** Runs to start. One that exists already is left as it is. */
  readonly start?: readonly NewRun[]
  readonly change?: RunChange
  /**
   * With a settlement `deferred`: due again at once when a message with one of the names comes, or has come and was not
   * received yet, by any step; also when the run has ended.
   */
  readonly listen?: Listen
}

/** An arrival of one or more predecessors at a step that waits for several. */
export interface Arrival {
  /** The step, stored when it opens and not before. Its id is that of the join. Each arrival at a join brings the same one. */
  readonly task: NewTask
  /**
   * How many arrive with this settlement, and how many of them are `done` and how many `failed`; the others were skipped. `arrived` may
   * be negative: so many more are to come than were counted on.
   */
  readonly arrived: number
  readonly done: number
  readonly failed: number
  /** The join opens, once, as soon as one of these is reached. */
  readonly opens: {
    /** So many arrived. */
    readonly arrived: number
    /** So many were done. Absent: does not matter. */
    readonly done?: number
    /** More than so many failed. Absent: does not matter. */
    readonly failed?: number
  }
}

/**
 * A step's word on its run. Without effect when the run may not go there from where it is: {@link RUN_TRANSITIONS}. What is
 * absent stays as it is.
 */
export interface RunChange {
  readonly status: Exclude<RunStatus, 'running'>
  readonly output?: Encoded | null
  readonly error?: ErrorRecord | null
  readonly compensation?: Compensation
}

/** How long a step waits, and for what. */
export interface Listen {
  /** Names of messages. None: only the time counts. */
  readonly names: readonly string[]
  /** Due at this moment even so, in milliseconds since the epoch; `null`: never. It takes the place of `afterMs`. */
  readonly until: number | null
}

/** Something told to a run from outside, kept until one of its steps receives it. */
export interface Message {
  /** 1 to 200 characters. */
  readonly name: string
  readonly payload: Encoded | null
}

/** Name of the message that a waiting step gets when a run it started has ended. It has no payload: the run has the rest. */
export function childMessage(run: RunId): string {
  return `$run:${run}`
}

/** Which runs. Everything given must hold. */
export interface RunFilter {
  readonly queue?: string
  readonly workflow?: string
  readonly status?: RunStatus
  readonly parent?: RunId
}

/** `cancelling`: asked for by this call. `already`: by an earlier one, or it fails. `ended`: it had ended. `unknown`: no run has this id. */
export type CancelRunAnswer = 'cancelling' | 'already' | 'ended' | 'unknown'

/**
 * `stored`; `duplicate`: one with this key came before, whether or not the run has ended since; `ended`: the run has ended,
 * nothing was stored; `unknown`: no run has this id.
 */
export type SignalAnswer = 'stored' | 'duplicate' | 'ended' | 'unknown'

/** How to run a run again from where it failed. */
export interface RunRetry {
  readonly id: RunId
  /** `retries` as it was when the rest was worked out: a run that was retried since is left alone. */
  readonly retries: number
  /** Steps that ended and live again, with the same id, payload and attempt history. */
  readonly resume: readonly TaskId[]
  /** Steps and joins to forget; what leads to them will store them anew. */
  readonly forget: readonly TaskId[]
  /** How joins of the run that have not opened stand from now on. Those not named stay. */
  readonly joins: readonly {
    readonly id: TaskId
    readonly arrived: number
    readonly done: number
    readonly failed: number
  }[]
  /** New steps. Ids that exist already are skipped. */
  readonly tasks: readonly NewTask[]
}

/**
 * `retried`; `busy`: it has not ended, or a step of it still lives; `stale`: it was retried meanwhile, or is `done`;
 * `unknown`: no run has this id.
 */
export type RetryRunAnswer = 'retried' | 'busy' | 'stale' | 'unknown'

/** Keeps runs. `Tx` as in the backend. */
export interface Runs<Tx = never> {
  /**
   * Starts runs: all of them with their first steps or, if this throws, none. A run whose id exists, or whose key was used
   * by its workflow in its queue, is not started again: its receipt says `duplicate` and names the run that exists. A
   * known key decides before a known id, and within one call the first wins.
   * @param options.tx As in `push`.
   * @returns One receipt per run, in the order given.
   */
  startRuns(runs: readonly NewRun[], options?: { readonly tx?: Tx | undefined }): Promise<readonly Receipt[]>
  /** The run, or `null` when there is none with this id. */
  fetchRun(id: RunId): Promise<RunInfo | null>
  /** Runs, the latest first: by `createdAt`, then id, both descending. */
  listRuns(filter: RunFilter, page?: PageRequest): Promise<Page<RunInfo>>
  /**
   * The steps of a run that are stored, in the order of their ids. An unknown run has none.
   * @param filter `unfinished`: only those that wait or are held.
   */
  listSteps(run: RunId, filter?: { readonly unfinished?: boolean }, page?: PageRequest): Promise<Page<StoredTask>>
  /** Tasks by id, at most 1,000; `null` for those that do not exist. */
  readSteps(ids: readonly TaskId[]): Promise<readonly (StoredTask | null)[]>
  /**
   * Yields runs as they end, in the order they end, and ends after the last; like `wait`.
   * @throws QError `ERR_RUN_NOT_FOUND` when one is unknown; `ERR_WAIT_TIMEOUT`; the signal's reason when it aborts.
   */
  waitRuns(
    ids: readonly RunId[],
    options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): AsyncIterable<RunInfo>
  /**
   * Makes running runs `cancelling`, and ends the waiting steps of runs that are `cancelling` or `failing`, as `cancelled`, up to
   * 1,000 per call and run; held ones are asked to end, like by `Cancel`. Steps whose node starts with `$` are left alone: they
   * are those that end a run. Repeating it ends more of those that wait.
   * @param requests `task`: a step of the run, stored by the call that makes it `cancelling`: the one that will end it.
   */
  cancelRuns(
    requests: readonly { readonly id: RunId; readonly reason?: string; readonly task: NewTask }[],
  ): Promise<readonly CancelRunAnswer[]>
  /**
   * Makes a run that ended as `failed` or `cancelled` `running` again, all of it or nothing: forgets steps and joins, gives
   * others a new life like `ResumeById`, then sets joins and stores steps. Its messages stay as they are.
   */
  retryRun(retry: RunRetry): Promise<RetryRunAnswer>
  /** Runs that have not ended though no step of theirs lives, the oldest first; at most 1,000. */
  stuckRuns(limit: number): Promise<readonly RunInfo[]>
  /**
   * Stores steps and arrivals that a run should have had already. Ids that exist are skipped, and so are runs that have ended.
   * @param joins How joins that have not opened stand from now on.
   */
  repairRun(repair: Pick<RunRetry, 'id' | 'joins' | 'tasks'>): Promise<void>
  /**
   * Forgets runs that ended so long ago, with their steps, messages and pages: the oldest first, about `limit` steps and
   * runs, 1 to 10,000, but at least one run. A run of which a step still lives stays, and so does one whose parent goes on.
   * @param retention `doneMs`, `killedMs` (for those that failed), `cancelledMs`; absent ones are kept.
   * @returns How many runs were forgotten.
   */
  vacuumRuns(queue: string, retention: Retention, limit: number): Promise<number>
}

/** Keeps messages for runs. */
export interface Mailbox {
  /**
   * Tells a run something. Kept until a step receives it, also when none listens yet.
   * @param options.key Idempotency key, unique in the run, at most 200 characters.
   */
  signal(run: RunId, message: Message, options?: { readonly key?: string }): Promise<SignalAnswer>
  /**
   * Shows a step what {@link Mailbox.receive} would give it now, and gives it nothing: another step may be given it first.
   * @returns In the order in which they came.
   * @throws QError `ERR_LEASE_LOST` when the token is not the step's current one.
   */
  peek(step: { readonly id: TaskId; readonly token: ClaimToken }, names: readonly string[]): Promise<readonly Message[]>
  /**
   * Gives a step messages of its run: for each name the first that nobody received. Repeating it gives the same step the same
   * messages again, and those that came since for other names.
   * @returns In the order in which they came.
   * @throws QError `ERR_LEASE_LOST` when the token is not the step's current one.
   */
  receive(
    step: { readonly id: TaskId; readonly token: ClaimToken },
    names: readonly string[],
  ): Promise<readonly Message[]>
  /**
   * Loses for good what the step has received under the names; the next call of {@link Mailbox.receive} gives it the next ones.
   * @throws QError `ERR_LEASE_LOST` when the token is not the step's current one.
   */
  discard(step: { readonly id: TaskId; readonly token: ClaimToken }, names: readonly string[]): Promise<void>
}

/** Keeps what is too long for one value: pages that belong to a task. */
export interface Collections {
  /**
   * Stores pages of a task that is held, from number `first` on, in the place of those with the same number. They go with the task.
   * @param pages At most 1,000, and callers keep them below a few megabytes together.
   * @throws QError `ERR_LEASE_LOST` when the token is not the task's current one.
   */
  writePages(
    owner: { readonly id: TaskId; readonly token: ClaimToken },
    first: number,
    pages: readonly Encoded[],
  ): Promise<void>
  /** Pages of a task with the numbers from `first` on, `limit` (1 to 100) of them, in order. An unknown task has none. */
  readPages(owner: TaskId, first: number, limit: number): Promise<readonly Encoded[]>
}

/** Lends a transaction in which a task can be settled. */
export interface Transactional<Tx> {
  /**
   * Runs a function inside a transaction, which is committed when it resolves and rolled back when it rejects.
   * @throws what the function threw; `ERR_BACKEND_UNAVAILABLE` when it could not be begun or committed; in that case it may have
   *   been committed all the same.
   */
  transaction<T>(run: (tx: Tx) => Promise<T>): Promise<T>
}
