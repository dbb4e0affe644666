/**
 * One total function from anything a driver can throw to an error of ours.
 *
 * Three questions are answered for every error: may the same statement be sent again on this
 * connection, is the connection (or the server) the trouble, or is the statement itself refused.
 */
import { isQError, QError, toErrorRecord } from '@q/core'

/** What to do about an error from the driver. */
export type ErrorKind =
  /** Deadlock, serialization failure: send it again at once. */
  | 'conflict'
  /** Another transaction held what was needed for too long. */
  | 'locked'
  /** The connection or the server is gone, starting, full or read-only: try again later, on another connection. */
  | 'unavailable'
  /** Our tables or functions are not there. */
  | 'schema'
  /** Refused for good. */
  | 'refused'

const CONFLICT = new Set(['40001', '40P01'])
const LOCK_TIMEOUT = '55P03'
/** 57P01–05 shut down, crashed, starting, dropped, idle; 25006 read-only (an old primary); 25P03 idle in transaction; 57014 statement timeout. */
const UNAVAILABLE = new Set([
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '57014',
  '25006',
  '25P03',
  '25P04',
  '40003',
  '58000',
  '58030',
  'XX000',
])
const UNAVAILABLE_CLASSES = new Set(['08', '53'])
/** Raised by `push_keyed`: a key was used with another payload. */
const KEY_CONFLICT = 'Q0001'
/** Raised by `push_keyed`: another transaction holds a key. */
const KEY_HELD = 'Q0002'
/** Raised by the functions of control: another transaction holds a task. */
const TASK_HELD = 'Q0003'
const MISSING = new Set(['42P01', '3F000', '42883', '42703'])
const SQLSTATE = /^[0-9A-Z]{5}$/
const DRIVER_TROUBLE =
  /connection|terminated|timeout|timed out|not queryable|client was closed|socket|after calling end/i

/** Classifies anything thrown by a driver. Never throws. */
export function classify(error: unknown): ErrorKind {
  const code = codeOf(error)
  // Node's own errors (ECONNREFUSED, EPIPE, ERR_SSL_…) name the network or TLS, never the statement. No SQLSTATE starts with E.
  if (code?.startsWith('E')) return 'unavailable'
  if (code !== undefined && SQLSTATE.test(code)) {
    if (CONFLICT.has(code)) return 'conflict'
    if (code === LOCK_TIMEOUT || code === KEY_HELD || code === TASK_HELD) return 'locked'
    if (UNAVAILABLE.has(code) || UNAVAILABLE_CLASSES.has(code.slice(0, 2))) return 'unavailable'
    return MISSING.has(code) ? 'schema' : 'refused'
  }
  // pg reports a connection that ended under a query without any code.
  return error instanceof Error && DRIVER_TROUBLE.test(error.message) ? 'unavailable' : 'refused'
}

/** The error to show to the caller of a backend method. Errors that are ours already pass through. */
export function toBackendError(error: unknown, what: string, schema: string): QError {
  if (isQError(error)) return error
  const { message } = toErrorRecord(error)
  if (codeOf(error) === KEY_CONFLICT) return keyConflict(message, error)
  switch (classify(error)) {
    case 'locked':
      return heldError(what, codeOf(error) === LOCK_TIMEOUT ? LOCKED : message, error)
    case 'conflict':
    case 'unavailable':
      return new QError('ERR_BACKEND_UNAVAILABLE', `Postgres could not ${what}: ${message}`, {
        cause: error,
      })
    case 'schema':
      return new QError(
        'ERR_SCHEMA_MISSING',
        `Postgres could not ${what}: ${message}. The tables of schema "${schema}" are missing or too old: run PostgresStorage.setup(pool) once, with the same schema option, before pushing or working.`,
        { cause: error },
      )
    case 'refused':
      return new QError('ERR_BACKEND', `Postgres refused to ${what}: ${message}`, { cause: error })
  }
}

/** What the server said of one of several tasks, as the error of that one alone. */
export function blamed(error: QError, what: string, sentence: string): QError {
  return error.code === 'ERR_KEY_CONFLICT' ? keyConflict(sentence, error.cause) : heldError(what, sentence, error.cause)
}

/** Of which tasks, by id, the server said what is wrong with them, and what it said. Empty when it named none. */
export function blameOf(error: unknown): ReadonlyMap<string, string> {
  const cause = isQError(error) ? error.cause : undefined
  const code = codeOf(cause)
  if (code !== KEY_CONFLICT && code !== KEY_HELD) return new Map()
  const { detail } = cause as { readonly detail?: unknown }
  return new Map(Object.entries(JSON.parse(typeof detail === 'string' ? detail : '{}') as Record<string, string>))
}

/** Whether a push gave up waiting for a key that another transaction has taken. */
export function isKeyHeld(error: unknown): boolean {
  return isQError(error) && codeOf(error.cause) === KEY_HELD
}

/** Whether a statement gave up waiting for a lock, without saying for whose. */
export function isLockTimeout(error: unknown): boolean {
  return isQError(error) && codeOf(error.cause) === LOCK_TIMEOUT
}

const LOCKED = 'another transaction that is still open holds what this needs'

function keyConflict(sentence: string, cause: unknown): QError {
  return new QError(
    'ERR_KEY_CONFLICT',
    `${sentence}. An idempotency key stands for one payload: use another key, or push the same payload.`,
    { cause },
  )
}

function heldError(what: string, sentence: string, cause: unknown): QError {
  return new QError(
    'ERR_BACKEND_UNAVAILABLE',
    `Postgres could not ${what}: ${sentence}. Commit or roll back that transaction, or try again later.`,
    { cause },
  )
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
