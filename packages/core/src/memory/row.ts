/**
 * One stored task, and how it is made.
 *
 * What leaves the store is made of it in views.ts. Whatever crosses this border is copied both ways:
 * neither the caller's arrays nor those of a handler are the stored ones.
 */
import type { Step } from '../backend/runs.ts'
import type { AttemptRecord, LogLine } from '../backend/visibility.ts'
import type { ErrorRecord } from '../error-record.ts'
import { QError } from '../error.ts'
import type { FinalStatus, Status } from '../task/status.ts'
import type { ClaimToken, Due, Encoded, InstanceId, Metadata, NewTask, Progress, TaskId } from '../task/task.ts'
import type { RunRow } from './run-row.ts'

/** Who works on a task, and since when. */
interface Hold {
  readonly instance: InstanceId
  /** The worker's label. */
  readonly worker: string
  readonly claimedAt: number
  /** How long it had been due by then, in milliseconds. */
  readonly waitedMs: number
}

/** A task as the memory backend keeps it. */
export interface Row {
  readonly id: TaskId
  readonly queue: string
  readonly key: string | null
  /** It was pushed to be the only one with this key; it may have lost it since. */
  readonly uniqueKey: string | null
  readonly createdAt: number
  /** Which step it is, as it was pushed. */
  readonly step: Step | null
  /** The run of which it is a step; `null`: it is none. */
  run: RunRow | null
  /** Names of the messages that make it due while it waits. */
  listen: readonly string[] | null
  payload: Encoded
  priority: number
  maxAttempts: number | null
  metadata: Metadata | null
  timeoutMs: number | null
  /** Milliseconds since the epoch. */
  deadline: number | null
  status: Status
  runAt: number
  attempt: number
  crashes: number
  /** Of the current claim; `null` when nobody holds the task. */
  token: ClaimToken | null
  hold: Hold | null
  /** Somebody asked for its end while it was held; a step of a run keeps it until it ends. */
  cancel: { readonly reason: string | undefined } | null
  /** Of the last claim that was ended by a settlement: repeating it answers `already`. */
  settledToken: ClaimToken | null
  checkpoint: Uint8Array | null
  progress: Progress | null
  finishedAt: number | null
  /** Place among the finished; 0 before. */
  finishOrder: number
  result: Encoded | null
  error: ErrorRecord | null
  /** Attempts that ended, the last ones of them. */
  attempts: AttemptRecord[]
  /** What its handlers said, the last lines of it. */
  lines: LogLine[]
  /** What its holders stored beside it, by number. */
  pages: Map<number, Encoded> | null
  /** Place in its heap while it waits. */
  heapAt: number
}

/** What a push asks for, and an update or a replacement may change. */
export type Wish = Pick<Row, 'payload' | 'priority' | 'runAt' | 'maxAttempts' | 'metadata' | 'timeoutMs' | 'deadline'>

/**
 * What a pushed task asks for, copied.
 * @throws QError `ERR_OPTION` when its time or deadline is not a number.
 */
export function wishOf(task: NewTask, now: number): Wish {
  return {
    payload: copyEncoded(task.payload),
    priority: task.priority,
    runAt: dueAt(task.due, now),
    maxAttempts: task.maxAttempts,
    metadata: copyMetadata(task.metadata),
    timeoutMs: task.timeoutMs ?? null,
    deadline: deadlineAt(task.deadline ?? null, now),
  }
}

/** Attempts kept of one task. */
export const KEPT_ATTEMPTS = 1_000

/** Shared by all rows that have no attempts, or no lines: most have no use for a list of their own. Never pushed to. */
export const NONE: never[] = []

/** A pending row for a pushed task. */
export function newRow(task: NewTask, wish: Wish, now: number): Row {
  return {
    id: task.id,
    queue: task.queue,
    key: task.key,
    uniqueKey: task.unique?.key ?? null,
    createdAt: now,
    step: task.step ?? null,
    run: null,
    listen: null,
    ...wish,
    status: 'pending',
    attempt: 0,
    crashes: 0,
    token: null,
    hold: null,
    cancel: null,
    settledToken: null,
    checkpoint: null,
    progress: null,
    finishedAt: null,
    finishOrder: 0,
    result: null,
    error: null,
    attempts: NONE,
    lines: NONE,
    pages: null,
    heapAt: 0,
  }
}

/**
 * A moment by the store's clock.
 * @throws QError `ERR_OPTION` for what is not a number: it would never come due.
 */
export function dueAt(due: Due, now: number): number {
  return moment('a due time', due, now)
}

/**
 * A deadline by the store's clock.
 * @throws QError `ERR_OPTION` for what is not a number.
 */
export function deadlineAt(deadline: Due | null, now: number): number | null {
  return deadline === null ? null : moment('a deadline', deadline, now)
}

function moment(what: string, due: Due, now: number): number {
  const at = 'at' in due ? due.at : now + due.afterMs
  if (Number.isFinite(at)) return at
  throw new QError('ERR_OPTION', `memory: ${what} must be a finite number, got ${at}.`)
}

/** A row that has ended. */
export type FinishedRow = Row & { readonly status: FinalStatus; readonly finishedAt: number }

export function isFinished(row: Row): row is FinishedRow {
  return row.finishedAt !== null
}

/** Neither held nor ended: it is `pending` or `failed`. */
export function isWaiting(row: Row): boolean {
  return row.token === null && row.finishedAt === null
}

export function copyEncoded(encoded: Encoded): Encoded {
  return { codec: encoded.codec, bytes: new Uint8Array(encoded.bytes) }
}

export function copyError(error: ErrorRecord): ErrorRecord {
  return error.cause === undefined ? { ...error } : { ...error, cause: copyError(error.cause) }
}

export function copyMetadata(metadata: Metadata | null): Metadata | null {
  return metadata === null ? null : Object.fromEntries(Object.entries(metadata))
}

/** Same codec, same bytes. */
export function sameEncoded(a: Encoded, b: Encoded): boolean {
  return (
    a.codec === b.codec &&
    a.bytes.byteLength === b.bytes.byteLength &&
    a.bytes.every((byte, index) => byte === b.bytes[index])
  )
}
