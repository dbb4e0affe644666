/**
 * What a settlement, a return, a crash or a cancel does to one row.
 *
 * Pure changes of a row: the caller puts it back into its queue or among the finished, and into the history, as
 * `Turn` says. A token is checked before anything is touched. A step of a run ends only by a settlement that says so.
 */
import type { Settlement } from '../backend/backend.ts'
import { CRASH_BUDGET } from '../backend/backend.ts'
import type { AttemptResult } from '../backend/visibility.ts'
import type { ErrorRecord } from '../error-record.ts'
import { fingerprintOf } from '../error-record.ts'
import type { ErrorCode } from '../error.ts'
import type { FinalStatus } from '../task/status.ts'
import type { Encoded } from '../task/task.ts'
import { NEVER } from './queue-order.ts'
import type { Row } from './row.ts'
import { copyEncoded, copyError, dueAt } from './row.ts'

/** How an attempt can end. */
export type EndedResult = Exclude<AttemptResult, 'running'>

/** Where the row goes now, and how its attempt came out: `null` when it was given back or goes on. */
export type Turn =
  | { readonly next: 'waits' | 'finished'; readonly result: EndedResult }
  | { readonly next: 'waits' | 'held'; readonly result: null }

const GIVEN_BACK: Turn = { next: 'waits', result: null }
const GOES_ON: Turn = { next: 'held', result: null }

/**
 * Applies a settlement whose token is the row's current one.
 * @throws QError `ERR_OPTION` for a delay that is not a number; nothing is changed then.
 */
export function applySettlement(row: Row, settlement: Settlement, now: number): Turn {
  if (settlement.kind === 'progress') {
    row.checkpoint = new Uint8Array(settlement.checkpoint)
    return GOES_ON
  }
  const turn = endHold(row, settlement, now)
  row.settledToken = row.token
  return turn
}

function endHold(row: Row, settlement: Exclude<Settlement, { kind: 'progress' }>, now: number): Turn {
  switch (settlement.kind) {
    case 'done':
      return finish(row, 'done', settlement.result, null, now)
    case 'killed':
      return finish(row, 'killed', null, settlement.error, now)
    case 'cancelled':
      return row.cancel === null ? finish(row, 'cancelled', null, settlement.error ?? null, now) : endAsked(row, now)
    case 'failed': {
      const runAt = dueAt({ afterMs: settlement.retryAfterMs }, now)
      if (endsAsked(row)) return endAsked(row, now)
      return fail(row, 'failed', settlement.error, row.cancel === null ? runAt : now)
    }
    case 'released':
      return giveBack(row, now)
    case 'deferred':
      row.runAt = deferredTo(settlement, now)
      return giveBack(row, now)
  }
}

/**
 * Gives a claimed row back with its attempt: it stands as before the claim, `failed` if it has
 * failed before and `pending` if not. One that somebody asked to cancel ends instead.
 */
export function giveBack(row: Row, now: number): Turn {
  if (endsAsked(row)) return endAsked(row, now)
  row.attempt -= 1
  row.status = row.attempt > 0 ? 'failed' : 'pending'
  return GIVEN_BACK
}

/** Counts a crash of the worker that held the row; the attempt stays counted. */
export function crash(row: Row, now: number): Turn {
  row.crashes += 1
  if (endsAsked(row)) return endAsked(row, now)
  const attemptsSpent = row.maxAttempts !== null && row.attempt >= row.maxAttempts
  const crashesSpent = row.crashes >= CRASH_BUDGET
  const error = crashError(row, crashesSpent)
  if (row.run !== null || (!attemptsSpent && !crashesSpent)) return fail(row, 'crashed', error, now)
  finish(row, 'killed', null, error, now)
  return { next: 'finished', result: 'crashed' }
}

/** Why something was cancelled. */
export function cancelledError(message: string): ErrorRecord {
  return ownError('ERR_CANCELLED', message)
}

/** Ends a row as `cancelled`. */
export function cancelRow(row: Row, reason: string | undefined, now: number): Turn {
  return finish(row, 'cancelled', null, cancelledError(reason ?? 'The task was cancelled.'), now)
}

/** Somebody asked for its end, and it ends where it would go back. */
function endsAsked(row: Row): boolean {
  return row.cancel !== null && row.run === null
}

function deferredTo({ afterMs, run }: Extract<Settlement, { kind: 'deferred' }>, now: number): number {
  if (run?.listen === undefined) return dueAt({ afterMs }, now)
  return run.listen.until === null ? NEVER : dueAt({ at: run.listen.until }, now)
}

function endAsked(row: Row, now: number): Turn {
  return cancelRow(row, row.cancel?.reason, now)
}

function fail(row: Row, result: 'failed' | 'crashed', error: ErrorRecord, runAt: number): Turn {
  row.error = copyError(error)
  row.runAt = runAt
  row.status = 'failed'
  return { next: 'waits', result }
}

function finish(row: Row, status: FinalStatus, result: Encoded | null, error: ErrorRecord | null, now: number): Turn {
  row.result = result === null ? null : copyEncoded(result)
  row.error = error === null ? null : copyError(error)
  row.status = status
  row.finishedAt = now
  row.checkpoint = null
  return { next: 'finished', result: status }
}

function crashError(row: Row, crashesSpent: boolean): ErrorRecord {
  const attempts = row.maxAttempts === null ? `attempt ${row.attempt}` : `attempt ${row.attempt} of ${row.maxAttempts}`
  const reason = crashesSpent ? `; that is the limit of ${CRASH_BUDGET}` : ''
  return ownError(
    'ERR_CRASHED',
    `The lease of the worker ended while it held this task (${attempts}, crash ${row.crashes}${reason}).`,
  )
}

function ownError(code: ErrorCode, message: string): ErrorRecord {
  const record = { name: 'QError', code, message }
  return { ...record, fingerprint: fingerprintOf(record) }
}
