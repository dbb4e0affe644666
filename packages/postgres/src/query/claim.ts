/** The call of the `claim` function. */
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'

/** One instance asking for one queue. */
export interface ClaimEntry {
  readonly instance: string
  readonly queue: string
  readonly limit: number
}

/** From where to look in a lane, milliseconds since the epoch. */
export type LowBounds = ReadonlyMap<number, number>

/** A claimed task, or (id null) what is to be said of its entry. */
export type ClaimRow =
  | {
      readonly ord: number
      readonly id: string
      readonly token: string
      readonly lane: number
      readonly priority: number
      readonly attempt: number
      readonly crashes: number
      readonly run_at: number
      readonly max_attempts: number | null
      readonly codec: string
      readonly payload: Buffer
      readonly metadata: Record<string, string> | null
      readonly checkpoint: Buffer | null
    }
  | {
      readonly ord: number
      readonly id: null
      readonly token: string
      readonly run_at: number | null
    }

/** Claims for several entries at once; rows come by entry and in claim order. */
export function claimQuery(schema: string, entries: readonly ClaimEntry[], low: LowBounds): CompiledQuery<ClaimRow> {
  return sql<ClaimRow>`select ord, id, token, lane, priority, attempt, crashes, run_at, max_attempts, codec, payload, metadata, checkpoint
    from ${sql.id(schema, 'claim')}(
      ${entries.map((entry) => entry.instance)}::uuid[], ${entries.map((entry) => entry.queue)}::text[],
      ${entries.map((entry) => entry.limit)}::int4[], ${[...low.keys()]}::int4[], ${[...low.values()]}::float8[])`.compile(
    compiler,
  )
}
