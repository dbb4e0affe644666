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
  /** Groups errors that look alike, see {@link fingerprintOf}. Of the outermost record only. */
  readonly fingerprint?: string
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
  const record = describe(thrown, 0)
  return { ...record, fingerprint: fingerprintOf(record) }
}

/** How much of a message counts for its fingerprint. */
const MAX_COMPARED = 500

/**
 * Sixteen hexadecimal digits that are the same for errors that look alike: same name and code, same message once numbers,
 * ids and quoted or bracketed text are taken out, and same innermost stack frame outside of `node_modules`, its line
 * and column not counted.
 */
export function fingerprintOf(record: Pick<ErrorRecord, 'name' | 'message' | 'code' | 'stack'>): string {
  const message = record.message
    .slice(0, MAX_COMPARED)
    .replaceAll(/"[^"]*"|'[^']*'|`[^`]*`|\([^)]*\)|\[[^\]]*\]/g, '…')
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b|\d+/gi, '#')
  return hash([record.name, record.code ?? '', message, frameOf(record.stack)].join('\n'))
}

function frameOf(stack: string | undefined): string {
  for (const line of (stack ?? '').split('\n', 50)) {
    const frame = /^\s*at (.{1,300})$/.exec(line)?.[1]
    if (frame !== undefined && !/node_modules|node:internal|<anonymous>/.test(frame))
      return frame.replaceAll(/:\d+/g, '')
  }
  return ''
}

/** Two 32-bit FNV-1a hashes: told apart, not protected. */
function hash(text: string): string {
  const fnv = (seed: number): string => {
    let state = seed
    for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193)
    return (state >>> 0).toString(16).padStart(8, '0')
  }
  return fnv(0x811c9dc5) + fnv(0x050c5d1f)
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
