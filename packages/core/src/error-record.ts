/**
 * What is stored of a thrown value: total and bounded, so that writing a failure can never fail.
 */

/** A thrown value as it is stored: plain JSON, no NUL, no lone surrogates, at most about 48 KiB. */
export interface ErrorRecord {
  /** Class name, such as `TypeError`; `string`, `undefined` and so on for what is not an Error. */
  readonly name: string
  /** At most 8,192 characters. */
  readonly message: string
  /** The error's own code (`ERR_…`, `ECONNRESET`, SQLSTATE), when it has one. */
  readonly code?: string
  /** At most 32,768 characters. */
  readonly stack?: string
  /** At most five deep. */
  readonly cause?: ErrorRecord
}

const MAX_NAME = 200
const MAX_MESSAGE = 8_192
const MAX_STACK = 32_768
const MAX_CAUSE_STACK = 2_048
const MAX_DEPTH = 5

/**
 * Describes anything that can be thrown. Never throws itself: hostile getters, proxies, cycles
 * and endless strings come out as a short, storable record.
 */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  return describe(thrown, 0)
}

function describe(thrown: unknown, depth: number): ErrorRecord {
  if (typeof thrown !== 'object' || thrown === null) {
    return {
      name: typeof thrown === 'object' ? 'null' : typeof thrown,
      message: text(() => String(thrown), MAX_MESSAGE) ?? '',
    }
  }
  const read = (key: string): unknown => (thrown as Record<string, unknown>)[key]
  const name =
    text(() => read('name'), MAX_NAME) ??
    text(() => (read('constructor') as { name: unknown }).name, MAX_NAME) ??
    'Error'
  const message =
    text(() => read('message'), MAX_MESSAGE) ??
    text(() => JSON.stringify(thrown), MAX_MESSAGE) ??
    'a thrown object that cannot be read'
  const code = text(() => read('code'), MAX_NAME)
  const stack = text(() => read('stack'), depth === 0 ? MAX_STACK : MAX_CAUSE_STACK)
  const cause = depth + 1 < MAX_DEPTH ? attempt(() => read('cause')) : undefined
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined || cause === null ? {} : { cause: describe(cause, depth + 1) }),
  }
}

/** The string that `read` gives, cut and made storable; undefined when it throws or gives none. */
function text(read: () => unknown, max: number): string | undefined {
  const value = attempt(read)
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || value === '') return undefined
  return value.slice(0, max).toWellFormed().replaceAll('\0', '\uFFFD')
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
