/** The calls by which runs are told something, their steps hear of it, and pages are written and read. */
import type { FixedQuery } from '../connection/call.ts'
import { callOf } from '../connection/call.ts'

/** Tells a run something: id, name, codec, bytes, key. Answers 0 unknown, 1 stored, 2 duplicate, 3 ended. */
export const signalQuery: FixedQuery<{ answer: number }> = callOf<{ answer: number }>(
  'signal_run',
  'signal_run as answer',
  ['uuid', 'text', 'text', 'bytea', 'text'],
)

/** A message, or (held false) that the token is not current. */
export type ReceivedRow =
  | { readonly held: false }
  | { readonly held: true; readonly name: string; readonly codec: string | null; readonly bytes: Buffer | null }

/** Gives a step messages, or only shows them: id, token, names, whether it gives them. */
export const receiveQuery: FixedQuery<ReceivedRow> = callOf<ReceivedRow>('receive', 'held, name, codec, bytes', [
  'uuid',
  'int8',
  'text[]',
  'boolean',
])

/** Loses messages that a step was given: id, token, names. */
export const discardQuery: FixedQuery<{ held: boolean }> = callOf<{ held: boolean }>('discard', 'discard as held', [
  'uuid',
  'int8',
  'text[]',
])

/** Stores pages of a task: id, token, number of the first, codecs, bytes. */
export const writePagesQuery: FixedQuery<{ held: boolean }> = callOf<{ held: boolean }>(
  'write_pages',
  'write_pages as held',
  ['uuid', 'int8', 'int4', 'text[]', 'bytea[]'],
)
/** Reads pages of a task: id, number of the first, how many. */
export const readPagesQuery: FixedQuery<{ codec: string; bytes: Buffer }> = callOf<{ codec: string; bytes: Buffer }>(
  'read_pages',
  'codec, bytes',
  ['uuid', 'int4', 'int4'],
)
