/**
 * Every error this project throws on purpose, each with a code that never changes.
 *
 * The table below is the only list of codes: the reference page and the tests are made
 * from it. Errors are recognised by `code`, never by class identity, so two copies of this
 * package in one process still understand each other.
 */

/** What each code means and what to do about it. `retryable`: the same call may succeed later. */
export const ERROR_CODES = {
  ERR_OPTION: { retryable: false, cause: 'An option has an unknown name, a wrong type or a value out of range.' },
  ERR_DURATION: {
    retryable: false,
    cause: 'A duration is neither milliseconds nor a string like "250ms", "1s", "5m", "2h", "7d".',
  },
  ERR_QUEUE_NAME: {
    retryable: false,
    cause: 'A queue name is empty, too long or holds a character that is not allowed.',
  },
  ERR_TASK_ID: { retryable: false, cause: 'A task id is not a UUID.' },
  ERR_ENCODE: {
    retryable: false,
    cause: 'A value cannot be stored faithfully by its codec; the message names the path.',
  },
  ERR_DECODE: { retryable: false, cause: 'A stored value cannot be read back by the codec of its queue.' },
  ERR_PAYLOAD_TOO_LARGE: { retryable: false, cause: 'An encoded value is larger than the limit of its queue.' },
  ERR_KEY_CONFLICT: { retryable: false, cause: 'An idempotency key was used again with a different payload.' },
  ERR_TASK_NOT_FOUND: { retryable: false, cause: 'No task has this id in this backend.' },
  ERR_RUN_NOT_FOUND: { retryable: false, cause: 'No run of a workflow has this id in this backend.' },
  ERR_TASK_FAILED: { retryable: false, cause: 'The task that was waited for ended as killed or cancelled.' },
  ERR_WAIT_TIMEOUT: { retryable: true, cause: 'The task did not finish within the time given.' },
  ERR_LEASE_LOST: {
    retryable: false,
    cause: 'The worker instance is no longer registered: its lease expired and its tasks were given to others.',
  },
  ERR_CRASHED: {
    retryable: true,
    cause: 'A worker died, or was not heard of for longer than its lease, while it held the task.',
  },
  ERR_CLOSED: { retryable: false, cause: 'The backend, storage or worker was used after it was closed.' },
  ERR_BACKEND_UNAVAILABLE: { retryable: true, cause: 'The store cannot be reached or refused the connection for now.' },
  ERR_BACKEND: {
    retryable: false,
    cause: 'The store refused the statement for a reason that repeating does not mend.',
  },
  ERR_SCHEMA_MISSING: { retryable: false, cause: 'The tables are missing or older than this version needs.' },
  ERR_SCHEMA_NEWER: { retryable: false, cause: 'The tables were made by a newer version than this one knows.' },
  ERR_NOT_SUPPORTED: { retryable: false, cause: 'The backend does not have the capability that was asked for.' },
  ERR_INVALID: { retryable: false, cause: 'A value does not fit the schema of its queue; the message names the path.' },
  ERR_SCHEMA_ASYNC: { retryable: false, cause: 'The schema of a queue validates asynchronously.' },
  ERR_DEADLINE: { retryable: false, cause: 'The deadline of the task passed before it was done.' },
  ERR_CANCELLED: { retryable: false, cause: 'Somebody asked for the end of the task.' },
  ERR_SKIPPED: { retryable: false, cause: 'A step of a workflow was not to run: what leads to it ended otherwise.' },
  ERR_FILTERED: { retryable: false, cause: 'A filter refused the task.' },
  ERR_CIRCUIT_OPEN: { retryable: true, cause: 'A circuit breaker is open and lets no task through for now.' },
  ERR_TIMEOUT: { retryable: true, cause: 'A handler did not end within its time limit.' },
  ERR_ABORT: { retryable: false, cause: 'A handler asked for its task to be killed without another try.' },
  ERR_RETRY_AFTER: { retryable: true, cause: 'A handler asked for its task to be tried again after a given time.' },
  ERR_DEFERRED: { retryable: true, cause: 'A handler put its task off without counting the attempt.' },
  ERR_NEXT_TWICE: { retryable: false, cause: 'A middleware called next() more than once.' },
  ERR_WORKER_STATE: { retryable: false, cause: 'The worker cannot do this in the state it is in.' },
  ERR_SHUTDOWN_TIMEOUT: {
    retryable: false,
    cause: 'Stopping took longer than the deadline; the tasks still running are named.',
  },
} as const

/** One of the stable codes in {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES

/** Base of every error thrown by this project. Recognise it by {@link isQError}, not by `instanceof`. */
export class QError extends Error {
  override readonly name: string = 'QError'
  /** Stable code, for programs. */
  readonly code: ErrorCode
  /** Whether the same call may succeed later without any change. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
    this.retryable = ERROR_CODES[code].retryable
  }
}

/** True for an error of this project (from any copy of it), optionally with one given code. Total: anything may be asked. */
export function isQError(error: unknown, code?: ErrorCode): error is QError {
  try {
    if (!(error instanceof Error) || !('code' in error) || !('retryable' in error)) return false
    return code === undefined
      ? typeof error.code === 'string' && Object.hasOwn(ERROR_CODES, error.code)
      : error.code === code
  } catch {
    // A thrown proxy may refuse to be looked at.
    return false
  }
}
