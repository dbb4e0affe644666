/**
 * What a handler says about its attempt: `ctx.log.info('sent', { to })`.
 *
 * A line is made storable where it is said: bounded, well formed, plain JSON. Saying something never throws, whatever
 * is said, because a log must not decide over the work.
 */
import type { LogLevel, NewLogLine } from '../backend/visibility.ts'
import { show } from '../show.ts'
import type { ClaimedTask } from '../task/task.ts'

/** The longest message of a line, in characters; what is longer is cut, and says so. */
export const MAX_LINE_CHARS = 4_096
/** The longest fields of a line, in characters of JSON; what is longer is replaced by a note. */
export const MAX_FIELDS_CHARS = 4_096

const CUT = ' … (cut)'

/** Says one line. `fields` are kept as JSON: errors by name, message and code; what JSON does not have as text. */
export type Say = (message: string, fields?: Readonly<Record<string, unknown>>) => void

/** The log of one attempt. */
export interface TaskLog {
  readonly debug: Say
  readonly info: Say
  readonly warn: Say
  readonly error: Say
}

/** Where lines go. */
export interface LineSink {
  /** Takes a line of an attempt; never throws. `fields` are as they were given. */
  line(task: ClaimedTask, level: LogLevel, message: unknown, fields: unknown): void
}

/** The log of one attempt. Its functions may be taken out of it. */
export function makeTaskLog(task: ClaimedTask, sink: LineSink): TaskLog {
  const at =
    (level: LogLevel): Say =>
    (message, fields) =>
      sink.line(task, level, message, fields)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A line as it is stored. Total: whatever is given, it comes out storable. */
export function toLine(attempt: number, level: LogLevel, message: unknown, fields: unknown, at: number): NewLogLine {
  return {
    attempt,
    level,
    message: toText(typeof message === 'string' ? message : show(message), MAX_LINE_CHARS),
    fields: toFields(fields),
    at,
  }
}

/** At most `max` characters, well formed, without NUL; says at its end that it was cut. */
export function toText(text: string, max: number): string {
  const short = text.length > max ? text.slice(0, max - CUT.length) + CUT : text
  return short.toWellFormed().replaceAll('\0', '\uFFFD')
}

/** Escapes that no store should have to take: NUL and lone surrogates. `$1` are escaped backslashes before it. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi

function toFields(fields: unknown): string | null {
  if (fields === undefined || fields === null) return null
  try {
    const object = typeof fields === 'object' && !Array.isArray(fields) && !(fields instanceof Error)
    const text = JSON.stringify(object ? fields : { value: fields }, bounded())
    if (text.length > MAX_FIELDS_CHARS) return tooLong()
    return text.replaceAll(UNSTORABLE, String.raw`$1\ufffd`)
  } catch (error) {
    return error === TOO_MUCH ? tooLong() : note(`the fields could not be written as JSON: ${show(error)}`)
  }
}

const TOO_MUCH = new Error('too much')

/** Writes what JSON does not have in words, and ends early when it surely becomes too long: fields may be anything. */
function bounded(): (key: string, value: unknown) => unknown {
  let chars = 0
  return (key, value) => {
    chars += key.length + (typeof value === 'string' ? value.length : 1)
    if (chars > MAX_FIELDS_CHARS) throw TOO_MUCH
    if (value instanceof Error) return { name: value.name, message: value.message, ...codeOf(value) }
    if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return show(value)
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  }
}

function codeOf(error: Error): { readonly code?: unknown } {
  return 'code' in error ? { code: error.code } : {}
}

function tooLong(): string {
  return note(`the fields were longer than ${MAX_FIELDS_CHARS} characters of JSON and were left out`)
}

function note(text: string): string {
  return JSON.stringify({ note: toText(text, 500) })
}
