/**
 * Thrown values on their way between threads.
 *
 * A structured clone of an error loses its code, its own fields and its class, and refuses many; so an error travels as
 * its stored record, and is made anew on the other side: same name, message, stack, code and causes. The errors by
 * which a handler steers become instances of core's classes again.
 */
import {
  AbortError,
  DeferredError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorRecord,
  isQError,
  QError,
  RetryAfterError,
  toErrorRecord,
} from '@q/core'

/** A thrown value as plain data. */
export interface WireError {
  readonly record: ErrorRecord
  /** The pause that a `RetryAfterError` or `DeferredError` asks for. */
  readonly afterMs: number | undefined
  /** One of this project's, by its code and shape. */
  readonly own: boolean
}

/** Describes anything that can be thrown; never throws itself. */
export function toWire(thrown: unknown): WireError {
  const own = isQError(thrown)
  return { record: toErrorRecord(thrown), own, afterMs: own ? afterOf(thrown) : undefined }
}

/** The error described. */
export function fromWire({ record, afterMs, own }: WireError): Error {
  const error = own ? ownError(record, afterMs ?? 0) : foreignError(record)
  define(error, 'message', record.message)
  define(error, 'stack', record.stack ?? `${record.name}: ${record.message}`)
  return error
}

const BUILT_IN = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError } as const

function ownError(record: ErrorRecord, afterMs: number): Error {
  const cause = causeOf(record)
  if (record.code === 'ERR_ABORT') return new AbortError(cause ?? record.message)
  if (record.code === 'ERR_RETRY_AFTER') return new RetryAfterError(cause ?? record.message, afterMs)
  if (record.code === 'ERR_DEFERRED') return new DeferredError(afterMs)
  const error = new QError(record.code as ErrorCode, record.message, cause === undefined ? {} : { cause })
  if (record.name !== error.name) define(error, 'name', record.name)
  return error
}

function foreignError(record: ErrorRecord): Error {
  const known = Object.hasOwn(BUILT_IN, record.name) ? BUILT_IN[record.name as keyof typeof BUILT_IN] : Error
  const cause = causeOf(record)
  const error = new known(record.message, cause === undefined ? {} : { cause })
  if (error.name !== record.name) define(error, 'name', record.name)
  if (record.code !== undefined) Object.assign(error, { code: record.code })
  return error
}

/** Causes of this project keep their code, but do not steer: only what was thrown does. */
function causeOf({ cause }: ErrorRecord): Error | undefined {
  if (cause === undefined) return undefined
  const own = cause.code !== undefined && Object.hasOwn(ERROR_CODES, cause.code)
  return fromWire({ record: cause, own, afterMs: undefined })
}

function afterOf(error: QError): number | undefined {
  const after: unknown = 'afterMs' in error ? error.afterMs : undefined
  return typeof after === 'number' && after >= 0 ? after : undefined
}

/** As engines define it: hidden from loops over keys. */
function define(error: Error, key: 'message' | 'name' | 'stack', value: string): void {
  Object.defineProperty(error, key, { value, configurable: true, enumerable: false, writable: true })
}
