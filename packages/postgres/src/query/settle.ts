/** The call of the `settle` function. */
import type { NewTask, Settlement } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'
import { buffer, column, taskColumns } from '../columns.ts'

/** The numbers that stand for the kinds in `settle`; 4 to 6 are also the statuses in `outcome`. */
const KIND = {
  failed: 3,
  done: 4,
  killed: 5,
  cancelled: 6,
  released: 7,
  deferred: 8,
  progress: 9,
} as const satisfies Record<Settlement['kind'], number>

/** A settlement that was not applied: its place in the batch, from 1; answer 1 already, 2 stale. */
export interface SettleRow {
  readonly ord: number
  readonly answer: number
}

/** A follow-on task, its lane, and the place (from 1) of the settlement that it belongs to. */
export interface Follow {
  readonly task: NewTask
  readonly lane: number
  readonly of: number
}

/** Settles tasks with distinct ids, sorted by id. `doneClaims`: tokens of which nothing is left. */
export function settleQuery(
  schema: string,
  settlements: readonly Settlement[],
  doneClaims: readonly string[],
  follows: readonly Follow[],
): CompiledQuery<SettleRow> {
  const head = sql`${settlements.map((s) => s.id)}::uuid[], ${settlements.map((s) => s.token)}::int8[],
    ${settlements.map((s) => KIND[s.kind])}::int2[], ${column(settlements, delayOf)}::float8[],
    ${column(settlements, (s) => (s.kind === 'done' ? (s.result?.codec ?? null) : null))}::text[],
    ${column(settlements, bytesOf)}::bytea[], ${column(settlements, errorOf)}::jsonb[], ${doneClaims}::int8[]`
  if (follows.length === 0)
    return sql<SettleRow>`select ord, answer from ${sql.id(schema, 'settle')}(${head})`.compile(compiler)
  const f = taskColumns(
    follows.map((follow) => follow.task),
    follows.map((follow) => follow.lane),
  )
  return sql<SettleRow>`select ord, answer from ${sql.id(schema, 'settle')}(${head},
    ${follows.map((follow) => follow.of)}::int4[], ${f.ids}::uuid[], ${f.lanes}::int4[], ${f.at}::float8[], ${f.delay}::float8[],
    ${f.maxAttempts}::int2[], ${f.codecs}::text[], ${f.payloads}::bytea[], ${f.keys}::text[], ${f.metadata}::jsonb[])`.compile(
    compiler,
  )
}

function delayOf(settlement: Settlement): number | null {
  if (settlement.kind === 'failed') return settlement.retryAfterMs
  return settlement.kind === 'deferred' ? settlement.afterMs : null
}

function bytesOf(settlement: Settlement): Buffer | null {
  if (settlement.kind === 'progress') return buffer(settlement.checkpoint)
  return settlement.kind === 'done' && settlement.result !== null ? buffer(settlement.result.bytes) : null
}

function errorOf(settlement: Settlement): string | null {
  return 'error' in settlement && settlement.error !== undefined ? JSON.stringify(settlement.error) : null
}
