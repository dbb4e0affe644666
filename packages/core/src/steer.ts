/**
 * How a handler steers its own task by throwing.
 *
 * Apart from error.ts because they take durations and other people's errors.
 */
import type { Duration } from './duration.ts'
import { toMs } from './duration.ts'
import { isQError, QError } from './error.ts'
import { messageOf } from './show.ts'

/**
 * Throw from a handler or middleware to kill the task now: no further attempt.
 * @see apalis-core `AbortError`
 */
export class AbortError extends QError {
  override readonly name = 'AbortError'
  constructor(reason: unknown) {
    super('ERR_ABORT', messageOf(reason), { cause: reason })
  }
}

/**
 * Throw from a handler to fail this attempt and have the next one after `after` instead of the
 * retry policy's pause. The attempt counts: with none left the task is killed.
 * @throws QError `ERR_DURATION` from the constructor when `after` is not a duration.
 */
export class RetryAfterError extends QError {
  override readonly name = 'RetryAfterError'
  /** The pause in milliseconds. */
  readonly afterMs: number

  constructor(cause: unknown, after: Duration) {
    super('ERR_RETRY_AFTER', messageOf(cause), { cause })
    this.afterMs = toMs(after, 'RetryAfterError(cause, after): after')
  }
}

/**
 * Throw from a handler or middleware to run again after `after` without counting the attempt: nothing failed,
 * it is only too early.
 * @throws QError `ERR_DURATION` from the constructor when `after` is not a duration.
 */
export class DeferredError extends QError {
  override readonly name = 'DeferredError'
  /** The pause in milliseconds. */
  readonly afterMs: number

  constructor(after: Duration, cause?: unknown) {
    super(
      'ERR_DEFERRED',
      `Put off for ${typeof after === 'number' ? `${after} ms` : String(after)}${cause === undefined ? '.' : `: ${messageOf(cause)}`}`,
      cause === undefined ? undefined : { cause },
    )
    this.afterMs = toMs(after, 'DeferredError(after): after')
  }
}

/** A filter refused the task; thrown by `filter()`. It is the task's end. */
export class FilteredError extends QError {
  override readonly name = 'FilteredError'
  /** How the task ends. */
  readonly ending: 'killed' | 'cancelled'

  constructor(message: string, ending: 'killed' | 'cancelled') {
    super('ERR_FILTERED', message)
    this.ending = ending
  }
}

/** An error that says what becomes of the task, rather than what went wrong. */
export type SteeringError = AbortError | RetryAfterError | DeferredError | FilteredError

/** True for errors by which handlers and middlewares steer their task, from any copy of this package. */
export function isSteering(error: unknown): error is SteeringError {
  return (
    isQError(error, 'ERR_ABORT') ||
    isQError(error, 'ERR_DEFERRED') ||
    isQError(error, 'ERR_RETRY_AFTER') ||
    isQError(error, 'ERR_FILTERED')
  )
}
