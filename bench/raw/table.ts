/**
 * The table of the hand-written contenders: the narrowest queue that can be claimed in order.
 *
 * One partial index, no history, no leases, no attempts, no keys: a limit, not a library.
 */
import type { Pool } from 'pg'
import { payload } from '../payload.ts'

/** Rows per statement when filling. */
export const BATCH = 1_000

/**
 * Settings of a connection that claims. On a table that was never analysed the planner sorts the whole
 * backlog for every batch; with these it walks the index, which is the best the statement can do.
 */
export const PINNED_PLAN =
  '-c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan'

/** The name of the table in a schema. */
export function rawTable(schema: string): string {
  return `${schema}.task`
}

/** Makes the table. */
export async function createRawTable(admin: Pool, schema: string): Promise<void> {
  await admin.query(`create schema ${schema}`)
  await admin.query(`
    create table ${rawTable(schema)} (
      id      int8 generated always as identity primary key,
      queue   text not null,
      state   int2 not null default 0,
      run_at  timestamptz not null default clock_timestamp(),
      payload bytea not null
    );
    create index on ${rawTable(schema)} (run_at, id) where state = 0`)
}

/** The text of a statement that stores many. */
export function unnestText(schema: string): string {
  return `insert into ${rawTable(schema)} (queue, payload) select 'bench', p from unnest($1::bytea[]) as p`
}

/** Stores `count` tasks in batches. */
export async function fillRawTable(pool: Pool, schema: string, count: number): Promise<void> {
  const text = unnestText(schema)
  for (let at = 0; at < count; at += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - at) }, (_, index) =>
      Buffer.from(JSON.stringify(payload(at + index))),
    )
    await pool.query({ name: `fill ${schema}`, text, values: [batch] })
  }
}
