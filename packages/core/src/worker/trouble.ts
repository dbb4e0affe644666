/** What is common to all places where a worker meets an error of its backend and goes on. */
import { isQError, QError } from '../error.ts'
import { type Backoff, exponential } from '../middleware/backoff.ts'
import type { Emitter } from './emitter.ts'
import type { ErrorPlace } from './event.ts'

/** Pauses between tries after errors: 100 ms doubling to 5 s, spread widely so that workers do not return together. */
export const troubleBackoff: Backoff = exponential({ min: 100, max: 5_000, jitter: 0.3 })

/** An error of a backend that repeating the same call does not mend. Errors without our codes may pass. */
export function isPermanent(error: unknown): boolean {
  return isQError(error) && !error.retryable
}

/** The backend was closed: nothing will ever work again. */
export function isClosed(error: unknown): boolean {
  return isQError(error, 'ERR_CLOSED')
}

/**
 * Tells that the backend was closed while the worker lived.
 * @returns What the worker ends with.
 */
export function closedUnder(name: string, events: Emitter, where: ErrorPlace, cause: unknown): QError {
  const error = new QError(
    'ERR_CLOSED',
    `Worker "${name}" ended because its storage was closed; stop the worker before closing its storage: await worker.stop(), then storage.close().`,
    { cause },
  )
  events.emit({ type: 'error', where, error, retryMs: null })
  return error
}
