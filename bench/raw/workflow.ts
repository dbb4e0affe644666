/**
 * Limits of workflows: hand-written loops that advance runs of three steps and keep what each step returned.
 *
 * Batched: one statement stores the step of a hundred runs and moves them on. Alone: one commit per step and run, over
 * a pool, as a library does that settles each step by itself. Neither has retries, leases or more than one worker.
 */
import type { Pool } from 'pg'
import type { BenchDatabase } from '../database.ts'
import { openPool, withSchema } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'

/** Steps of a run. */
export const STEPS = 3
const BATCH = 100
const CONNECTIONS = 10

/** Runs advanced a hundred at a time. */
export function rawBatched(database: BenchDatabase, meter: Meter): Contender {
  return {
    name: 'raw batched',
    note: `one connection: one statement per step stores the results of ${BATCH} runs and moves them on`,
    run: (count) => onTables(database, 1, count, meter, batched),
  }
}

/** Runs advanced one by one. */
export function rawAlone(database: BenchDatabase, meter: Meter): Contender {
  return {
    name: 'raw, one commit per step',
    note: `${CONNECTIONS} connections: each step of each run is one statement and one commit`,
    size: 5_000,
    run: (count) => onTables(database, CONNECTIONS, count, meter, alone),
  }
}

async function onTables(
  database: BenchDatabase,
  connections: number,
  count: number,
  meter: Meter,
  work: (pool: Pool, schema: string, count: number) => Promise<void>,
): Promise<Awaited<ReturnType<Meter>>> {
  return withSchema(database, async (schema) => {
    await database.admin.query(`
      create schema ${schema};
      create table ${schema}.run (id int8 primary key, step int2 not null default 0, input jsonb not null, output jsonb);
      create table ${schema}.step (run int8, step int2, result jsonb not null, at timestamptz not null default clock_timestamp(), primary key (run, step));
      insert into ${schema}.run (id, input) select n, to_jsonb(n) from generate_series(1, ${count}) as n`)
    const pool = openPool(database.url, connections)
    try {
      const figures = await meter(count, () => work(pool, schema, count))
      const { rows } = await database.admin.query<{ done: number; steps: number }>(
        `select (select count(*) from ${schema}.run where step = ${STEPS})::int4 as done, (select count(*) from ${schema}.step)::int4 as steps`,
      )
      if (rows[0]!.done !== count || rows[0]!.steps !== count * STEPS)
        throw new Error(`Done ${rows[0]!.done} of ${count}.`)
      return figures
    } finally {
      await pool.end()
    }
  })
}

async function batched(pool: Pool, schema: string, count: number): Promise<void> {
  const text = advance(schema, 'id = any ($1)')
  for (let at = 1; at <= count; at += BATCH) {
    const ids = Array.from({ length: Math.min(BATCH, count - at + 1) }, (_, index) => String(at + index))
    for (let step = 0; step < STEPS; step++) await pool.query({ name: `batch ${schema}`, text, values: [ids] })
  }
}

async function alone(pool: Pool, schema: string, count: number): Promise<void> {
  const text = advance(schema, 'id = $1')
  let next = 1
  const work = async (): Promise<void> => {
    while (next <= count) {
      const id = next++
      for (let step = 0; step < STEPS; step++) await pool.query({ name: `alone ${schema}`, text, values: [id] })
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
}

function advance(schema: string, which: string): string {
  return `with moved as (
      update ${schema}.run set step = step + 1, output = case when step = ${STEPS - 1} then to_jsonb(step + 1) end
       where ${which} returning id, step
    ) insert into ${schema}.step (run, step, result) select id, step, to_jsonb(step) from moved`
}
