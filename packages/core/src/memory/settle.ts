/**
 * What a settlement, a return or a crash does to one row.
 *
 * Pure changes of a row: the caller puts it back into its queue or among the finished, as `Next`
 * says. A token is checked before anything is touched.
 */
import type { Settlement } from '../backend/backend.ts'
import { CRASH_BUDGET } from '../backend/backend.ts'
import type { ErrorRecord } from '../error-record.ts'
import type { FinalStatus } from '../task/status.ts'
import type { Encoded } from '../task/task.ts'
import type { Row } from './row.ts'
import { copyEncoded, copyError, dueAt } from './row.ts'

/** Where the row goes now. */
export type Next = 'waits' | 'finished' | 'held'

/**
 * Applies a settlement whose token is the row's current one.
 * @throws QError `ERR_OPTION` for a delay that is not a number; nothing is changed then.
 */
export function applySettlement(row: Row, settlement: Settlement, now: number): Next {
  switch (settlement.kind) {
    case 'progress':
      row.checkpoint = new Uint8Array(settlement.checkpoint)
      return 'held'
    case 'done':
      return settled(row, finish(row, 'done', settlement.result, null, now))
    case 'killed':
    case 'cancelled':
      return settled(row, finish(row, settlement.kind, null, settlement.error ?? null, now))
    case 'failed':
      return settled(row, fail(row, settlement.error, dueAt({ afterMs: settlement.retryAfterMs }, now)))
    case 'released':
      return settled(row, giveBack(row))
    case 'deferred':
      row.runAt = dueAt({ afterMs: settlement.afterMs }, now)
      return settled(row, giveBack(row))
  }
}

/**
 * Gives a claimed row back with its attempt: it stands as before the claim, `failed` if it has
 * failed before and `pending` if not.
 */
export function giveBack(row: Row): Next {
  row.attempt -= 1
  row.status = row.attempt > 0 ? 'failed' : 'pending'
  return 'waits'
}

/** Counts a crash of the worker that held the row; the attempt stays counted. */
export function crash(row: Row, now: number): Next {
  row.crashes += 1
  const attemptsSpent = row.maxAttempts !== null && row.attempt >= row.maxAttempts
  const crashesSpent = row.crashes >= CRASH_BUDGET
  const error = crashError(row, crashesSpent)
  return attemptsSpent || crashesSpent ? finish(row, 'killed', null, error, now) : fail(row, error, now)
}

function settled(row: Row, next: Next): Next {
  row.settledToken = row.token
  return next
}

function fail(row: Row, error: ErrorRecord, runAt: number): Next {
  row.error = copyError(error)
  row.runAt = runAt
  row.status = 'failed'
  return 'waits'
}

function finish(row: Row, status: FinalStatus, result: Encoded | null, error: ErrorRecord | null, now: number): Next {
  row.result = result === null ? null : copyEncoded(result)
  row.error = error === null ? null : copyError(error)
  row.status = status
  row.finishedAt = now
  row.checkpoint = null
  return 'finished'
}

function crashError(row: Row, crashesSpent: boolean): ErrorRecord {
  const attempts = row.maxAttempts === null ? `attempt ${row.attempt}` : `attempt ${row.attempt} of ${row.maxAttempts}`
  const reason = crashesSpent ? `; that is the limit of ${CRASH_BUDGET}` : ''
  return {
    name: 'QError',
    code: 'ERR_CRASHED',
    message: `The lease of the worker ended while it held this task (${attempts}, crash ${row.crashes}${reason}).`,
  }
}
