/**
 * One stored task, and the views of it that leave the store.
 *
 * Whatever crosses this border is copied both ways: neither the caller's arrays nor those of a
 * handler are the stored ones.
 */
import type { ErrorRecord } from '../error-record.ts'
import { QError } from '../error.ts'
import type { FinalStatus, Status } from '../task/status.ts'
import type {
  ClaimedTask,
  ClaimToken,
  Due,
  Encoded,
  InstanceId,
  Metadata,
  NewTask,
  Outcome,
  StoredTask,
  TaskId,
} from '../task/task.ts'

/** A task as the memory backend keeps it. */
export interface Row {
  readonly id: TaskId
  readonly queue: string
  readonly payload: Encoded
  readonly priority: number
  readonly maxAttempts: number | null
  readonly key: string | null
  readonly metadata: Metadata | null
  readonly createdAt: number
  status: Status
  runAt: number
  attempt: number
  crashes: number
  /** Of the current claim; `null` when nobody holds the task. */
  token: ClaimToken | null
  holder: InstanceId | null
  /** Of the last claim that was ended by a settlement: repeating it answers `already`. */
  settledToken: ClaimToken | null
  checkpoint: Uint8Array | null
  finishedAt: number | null
  /** Place among the finished; 0 before. */
  finishOrder: number
  result: Encoded | null
  error: ErrorRecord | null
}

/**
 * A pending row for a pushed task.
 * @throws QError `ERR_OPTION` when its time is not a number.
 */
export function newRow(task: NewTask, now: number): Row {
  return {
    id: task.id,
    queue: task.queue,
    payload: copyEncoded(task.payload),
    priority: task.priority,
    maxAttempts: task.maxAttempts,
    key: task.key,
    metadata: task.metadata === null ? null : copyMetadata(task.metadata),
    createdAt: now,
    status: 'pending',
    runAt: dueAt(task.due, now),
    attempt: 0,
    crashes: 0,
    token: null,
    holder: null,
    settledToken: null,
    checkpoint: null,
    finishedAt: null,
    finishOrder: 0,
    result: null,
    error: null,
  }
}

/**
 * A moment by the store's clock.
 * @throws QError `ERR_OPTION` for what is not a number: it would never come due.
 */
export function dueAt(due: Due, now: number): number {
  const at = 'at' in due ? due.at : now + due.afterMs
  if (Number.isFinite(at)) return at
  throw new QError('ERR_OPTION', `memory: a due time must be a finite number, got ${at}.`)
}

/** The row in the hands of a worker. */
export function toClaimed(row: Row, token: ClaimToken): ClaimedTask {
  return {
    id: row.id,
    queue: row.queue,
    token,
    attempt: row.attempt,
    crashes: row.crashes,
    payload: copyEncoded(row.payload),
    priority: row.priority,
    maxAttempts: row.maxAttempts,
    runAt: row.runAt,
    metadata: row.metadata === null ? null : copyMetadata(row.metadata),
    checkpoint: row.checkpoint === null ? null : new Uint8Array(row.checkpoint),
  }
}

/** The row as a reader sees it. */
export function toStored(row: Row): StoredTask {
  return {
    id: row.id,
    queue: row.queue,
    status: row.status,
    attempt: row.attempt,
    crashes: row.crashes,
    maxAttempts: row.maxAttempts,
    priority: row.priority,
    payload: copyEncoded(row.payload),
    metadata: row.metadata === null ? null : copyMetadata(row.metadata),
    createdAt: row.createdAt,
    runAt: row.runAt,
    finishedAt: row.finishedAt,
    result: row.result === null ? null : copyEncoded(row.result),
    error: row.error === null ? null : copyError(row.error),
  }
}

/** A row that has ended. */
export type FinishedRow = Row & { readonly status: FinalStatus; readonly finishedAt: number }

export function isFinished(row: Row): row is FinishedRow {
  return row.finishedAt !== null
}

/** How a finished row ended. */
export function toOutcome(row: FinishedRow): Outcome {
  return {
    id: row.id,
    queue: row.queue,
    status: row.status,
    attempt: row.attempt,
    finishedAt: row.finishedAt,
    result: row.result === null ? null : copyEncoded(row.result),
    error: row.error === null ? null : copyError(row.error),
  }
}

export function copyEncoded(encoded: Encoded): Encoded {
  return { codec: encoded.codec, bytes: new Uint8Array(encoded.bytes) }
}

export function copyError(error: ErrorRecord): ErrorRecord {
  return error.cause === undefined ? { ...error } : { ...error, cause: copyError(error.cause) }
}

function copyMetadata(metadata: Metadata): Metadata {
  return Object.fromEntries(Object.entries(metadata))
}

/** Same codec, same bytes. */
export function sameEncoded(a: Encoded, b: Encoded): boolean {
  return (
    a.codec === b.codec &&
    a.bytes.byteLength === b.bytes.byteLength &&
    a.bytes.every((byte, index) => byte === b.bytes[index])
  )
}
