/**
 * What can be seen of tasks, queues and workers: capabilities of a backend.
 *
 * Every read is bounded, whatever is stored: lists are pages by key, counts say how exact they are, statistics come
 * from counters. Times are milliseconds since the epoch by the store's clock, spans are milliseconds. Of what is given, a
 * queue that can have no such name is refused with `ERR_QUEUE_NAME` and what else makes no sense with `ERR_OPTION`, before the
 * store is asked; what is no id names no task.
 */
import type { ErrorRecord } from '../error-record.ts'
import type { Status } from '../task/status.ts'
import type { InstanceId, Progress, StoredTask, TaskId } from '../task/task.ts'
import type { WorkerAbout, WorkerCommand } from './backend.ts'
import type { PauseInfo } from './control.ts'

/** Which tasks. Everything given must hold; nothing given is every task. */
export interface TaskFilter {
  readonly queue?: string
  /** One status, or `scheduled`: `pending` and not yet due. Absent: all. */
  readonly status?: Status | 'scheduled'
  /** Fingerprint of the task's last error. */
  readonly fingerprint?: string
  /** Pushed at or after this. */
  readonly createdFrom?: number
  /** Pushed before this. */
  readonly createdTo?: number
}

/** Which part of a list. */
export interface PageRequest {
  /** 1 to 200. Default 50. */
  readonly limit?: number
  /** `next` of the page before. Default: from the start. */
  readonly cursor?: string
}

/** A part of a list. */
export interface Page<T> {
  readonly items: readonly T[]
  /**
   * Continues the list, `null` at its end. A page may hold fewer than asked, even none, and still go on: a backend looks
   * at a bounded number of entries per call (on Postgres at the status of 10,000, the error of 750, the push of 250).
   */
  readonly next: string | null
}

/** Lists tasks. */
export interface ListTasks {
  /**
   * Tasks that have not ended come first, the soonest due (or longest held) first: by `runAt`, then id. Then those that
   * ended, the latest first: by `finishedAt`, then id, both descending. A task that does not change meanwhile is listed once.
   * @throws QError `ERR_OPTION` for a cursor that no page gave, or a limit out of range.
   */
  listTasks(filter: TaskFilter, page?: PageRequest): Promise<Page<StoredTask>>
}

/** `exact`; `estimated` from statistics; `capped`: at least this many. */
export interface Count {
  readonly value: number
  readonly kind: 'exact' | 'estimated' | 'capped'
}

/** Counts tasks. */
export interface CountTasks {
  /**
   * Bounded, whatever is stored: a few milliseconds as a rule, and on Postgres up to a tenth of a second where thousands of
   * changes were not folded yet. What would take longer is estimated or capped. On Postgres counts by queue and status are exact, `scheduled` is capped at 10,000, and filters by fingerprint or push count what one page looks at.
   */
  countTasks(filter: TaskFilter): Promise<Count>
}

/** How many tasks of a queue have each status. */
export type StatusCounts = Readonly<Record<Status, number>> & {
  /**
   * Of the `pending`: not yet due; at most 10,000 are counted, fewer where many queues have tasks that wait besides (on
   * Postgres 5,000 are looked at over all queues together).
   */
  readonly scheduled: number
}

/** One queue at a glance. */
export interface QueueInfo {
  readonly queue: string
  readonly counts: StatusCounts
  readonly paused: PauseInfo | null
  /** Living workers registered for it. */
  readonly workers: number
  /** How long the longest waiting due task has been due; `null` when none is. */
  readonly oldestDueMs: number | null
  /** Tasks that ended on each of the last seven days, today (UTC) last; days without any are 0. */
  readonly activity: readonly number[]
}

/** Lists queues. */
export interface ListQueues {
  /**
   * All queues that ever had a task or a pause, by name.
   * @param filter `queue`: that one alone, or none if it never had either; costs no more for the others there are.
   */
  listQueues(filter?: { readonly queue?: string }): Promise<readonly QueueInfo[]>
}

/** One worker instance. */
export interface WorkerInfo {
  readonly instance: InstanceId
  readonly name: string
  readonly queues: readonly string[]
  /** `lost`: its lease has ended. `ended`: it left, or was swept; shown for a day. */
  readonly state: 'alive' | 'lost' | 'ended'
  readonly command: WorkerCommand
  readonly startedAt: number
  readonly lastBeatAt: number
  readonly leaseUntil: number
  readonly endedAt: number | null
  /** Tasks it holds: started and not. */
  readonly held: number
  readonly about: WorkerAbout
}

/** Lists workers. */
export interface ListWorkers {
  /**
   * Living ones first, then by start, the newest first.
   * @throws QError `ERR_OPTION` for a cursor that no page gave, or a limit out of range.
   */
  listWorkers(filter?: { readonly queue?: string }, page?: PageRequest): Promise<Page<WorkerInfo>>
}

/** How one attempt came out; `running`: it is under way. `crashed`: its worker was lost. */
export type AttemptResult = 'running' | 'done' | 'failed' | 'killed' | 'cancelled' | 'crashed'

/** One attempt of one task. Attempts that were given back (released, deferred) are not kept. */
export interface AttemptRecord {
  readonly attempt: number
  readonly result: AttemptResult
  readonly worker: string | null
  readonly instance: InstanceId | null
  /** When it was claimed. */
  readonly claimedAt: number
  readonly endedAt: number | null
  /** How long the handler ran, `null` when nobody said. */
  readonly ranMs: number | null
  readonly error: ErrorRecord | null
}

/** The history of a task. */
export interface ListAttempts {
  /** Attempts in order, the last 1,000 of them. An unknown task has none. */
  listAttempts(id: TaskId): Promise<readonly AttemptRecord[]>
}

/** How loud a line is. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** What a handler says while it works; fields are plain JSON. */
export interface NewLogLine {
  readonly attempt: number
  readonly level: LogLevel
  /** At most 4,096 characters, well formed, without NUL: longer ones are cut by the worker. */
  readonly message: string
  /** A JSON object as text, at most 4,096 characters. */
  readonly fields: string | null
  /** Milliseconds since the epoch by the worker's clock. */
  readonly at: number
}

/** A stored line. */
export interface LogLine extends NewLogLine {
  /** Grows along the lines of a task. Opaque. */
  readonly seq: string
}

/** What one task has to report, under the token of its claim. */
export interface TaskReport {
  readonly id: TaskId
  readonly token: string
  /** Takes the place of what was said before. */
  readonly progress?: Progress
  readonly lines: readonly NewLogLine[]
}

/** Progress and logs of tasks, readable from every process. */
export interface Report {
  /**
   * Keeps progress and lines. Of one task the last 1,000 lines are kept. Reports under a token that is no longer current
   * are still kept as lines (they tell what happened) but change no progress; those of unknown tasks are dropped.
   */
  report(reports: readonly TaskReport[]): Promise<void>
  /** Lines of a task in order, those after `after`; at most `limit` (1 to 1,000, default 200). */
  readLog(id: TaskId, options?: { readonly after?: string; readonly limit?: number }): Promise<readonly LogLine[]>
}

/** Upper bounds of the buckets of a histogram, in milliseconds: 1, 2, 4 … 2^22 (70 minutes); the last bucket has none. */
export const HISTOGRAM_BUCKETS = 24

/** The bucket of a span: 0 for up to 1 ms, n for up to 2^n ms. */
export function bucketOf(ms: number): number {
  return ms <= 1 ? 0 : Math.min(HISTOGRAM_BUCKETS - 1, Math.ceil(Math.log2(ms)))
}

/** A quantile of a histogram in milliseconds, interpolated within its bucket; `null` when it is empty. */
export function quantile(histogram: readonly number[], q: number): number | null {
  const total = histogram.reduce((sum, n) => sum + n, 0)
  if (total === 0) return null
  let left = q * total
  for (const [bucket, n] of histogram.entries()) {
    if (n > 0 && left <= n) {
      const low = bucket === 0 ? 0 : 2 ** (bucket - 1)
      return low + (2 ** bucket - low) * (left / n)
    }
    left -= n
  }
  return 2 ** (histogram.length - 1)
}

/** What happened in one span of time. */
export interface MetricPoint {
  /** Start of the span. */
  readonly at: number
  readonly pushed: number
  readonly done: number
  /** Attempts that failed and will be tried again, crashes among them. */
  readonly failed: number
  readonly killed: number
  readonly cancelled: number
  /** Handler times of attempts that ended, {@link HISTOGRAM_BUCKETS} counts. */
  readonly ran: readonly number[]
  /** From due to claimed, of attempts that ended. */
  readonly waited: readonly number[]
}

/** Which series. */
export interface MetricRequest {
  /** Absent: all queues together. */
  readonly queue?: string
  readonly from: number
  readonly to: number
  /** Minutes are kept for two days, hours for thirty, days for four hundred. */
  readonly step: 'minute' | 'hour' | 'day'
}

/** Statistics over time. */
export interface Metrics {
  /**
   * One point per step, from the one that `from` is in up to `to`, which is not included: also where nothing happened, at
   * most 1,500.
   */
  metrics(request: MetricRequest): Promise<readonly MetricPoint[]>
}

/** Failures that look alike. */
export interface ErrorGroup {
  /** See `fingerprintOf`. */
  readonly fingerprint: string
  readonly queue: string
  readonly name: string
  readonly message: string
  readonly firstAt: number
  readonly lastAt: number
  /** Attempts that failed so, those that killed their task among them. */
  readonly count: number
  /** One of its tasks. */
  readonly sample: TaskId
}

/** Lists groups of failures. */
export interface ListErrorGroups {
  /**
   * The latest first. Groups unseen for thirty days are forgotten.
   * @throws QError `ERR_OPTION` for a cursor that no page gave, or a limit out of range.
   */
  listErrorGroups(filter?: { readonly queue?: string }, page?: PageRequest): Promise<Page<ErrorGroup>>
}

/** Something that happened to a task of a queue. */
export interface TaskEvent {
  /** Continues the stream after this event. */
  readonly cursor: string
  readonly id: TaskId
  readonly queue: string
  /** `failed`: an attempt failed and the task waits for its next. */
  readonly type: 'failed' | 'done' | 'killed' | 'cancelled'
  readonly attempt: number
  readonly at: number
  readonly error: ErrorRecord | null
}

/** A stream of what happens, across processes. */
export interface Events {
  /**
   * Yields what happens to tasks of a queue from now on, or after `after`, until the signal aborts. Each event once. What a
   * transaction of the user's that was open for more than ten seconds settled may be missing; a stream that goes on with
   * `after` may also miss what was committed meanwhile by a transaction that settled it before that event.
   * @throws the signal's reason is not thrown: an abort ends the stream.
   */
  events(queue: string, options?: { readonly after?: string; readonly signal?: AbortSignal }): AsyncIterable<TaskEvent>
}
