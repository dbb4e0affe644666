/** Cursors of lists: opaque to users, checked strictly when they come back, tied to their list. */
import type { PageRequest } from '@q/core'
import { checkInteger, checkKnownOptions, QError } from '@q/core'

const VERSION = 1
const DEFAULT_LIMIT = 50
const LARGEST_LIMIT = 200
/** Longer than any that is made here. */
const LONGEST = 1_000
/** The first and the last microsecond that Postgres can store. */
const FIRST_US = -210_866_803_200_000_000n
const LAST_US = 9_224_318_015_999_999_999n
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Tokens are 64 bits. */
const LAST_TOKEN = 2n ** 63n - 1n

/** What a cursor holds: words and numbers by short names. */
export type CursorFields = Readonly<Record<string, string | number | boolean>>

/** How each field of a list's cursor is recognised. */
export type CursorShape<Fields extends CursorFields> = {
  readonly [K in keyof Fields]: (value: unknown) => value is Fields[K]
}

/** A moment in microseconds since the epoch, as decimal digits. */
export function isMicros(value: unknown): value is string {
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return false
  const us = BigInt(value)
  return us <= LAST_US && us >= FIRST_US
}

/** A UUID in lower case. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value)
}

/** What can be the token of a claim. */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,19}$/.test(value) && BigInt(value) <= LAST_TOKEN
}

/** A string without NUL. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

/** The cursor of a list as a word. */
export function writeCursor(list: string, fields: CursorFields): string {
  return Buffer.from(JSON.stringify({ v: VERSION, list, ...fields })).toString('base64url')
}

/**
 * Reads a cursor of a list.
 * @param where Names the method and option in the error: `listTasks: cursor`.
 * @throws QError `ERR_OPTION` for a word that {@link writeCursor} did not make for this list.
 */
export function readCursor<Fields extends CursorFields>(
  where: string,
  list: string,
  cursor: unknown,
  shape: CursorShape<Fields>,
): Fields {
  const fields = parse(cursor)
  const known = fields !== undefined && fields['v'] === VERSION && fields['list'] === list
  if (known && hasShape(fields, shape)) return fields
  const shown = typeof cursor === 'string' ? JSON.stringify(cursor.slice(0, 60)) : String(cursor)
  throw new QError('ERR_OPTION', `${where} must be one that this list gave before, unchanged, got ${shown}.`)
}

/**
 * The page that was asked for, checked; `after` is absent at the start of the list.
 * @throws QError `ERR_OPTION`
 */
export function readPage<Fields extends CursorFields>(
  list: string,
  page: PageRequest | undefined,
  shape: CursorShape<Fields>,
): { readonly limit: number; readonly after: Fields | undefined } {
  const given = page ?? {}
  checkKnownOptions(list, given, ['limit', 'cursor'])
  return {
    limit: given.limit === undefined ? DEFAULT_LIMIT : checkInteger(list, 'limit', given.limit, 1, LARGEST_LIMIT),
    after: given.cursor === undefined ? undefined : readCursor(`${list}: cursor`, list, given.cursor, shape),
  }
}

function parse(cursor: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof cursor !== 'string' || cursor.length > LONGEST || !/^[\w-]+$/.test(cursor)) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function hasShape<Fields extends CursorFields>(
  fields: Readonly<Record<string, unknown>>,
  shape: CursorShape<Fields>,
): fields is Fields {
  return Object.keys(shape).every((key) => shape[key]!(fields[key]))
}
