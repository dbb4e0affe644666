/** What the hot statements read, counted by the server within one transaction: nothing is estimated, nothing timed. */
import type { Settlement } from '@q/core'
import { task } from '@q/core'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

interface Read {
  readonly sequential: number
  readonly entries: number
}

/** Rows read by sequential scans of the task tables, and entries read from the claim's index, while `text` runs. */
async function reads(text: string, values: unknown[]): Promise<Read> {
  const client: pg.PoolClient = await on.pool.connect()
  const counters = async (): Promise<Read> => {
    const { rows } = await client.query<{ sequential: string; entries: string }>(
      `select (select coalesce(sum(seq_tup_read), 0) from pg_stat_xact_user_tables where schemaname = $1 and relname in ('live', 'task', 'outcome')) as sequential,
              (select coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0) from pg_stat_user_indexes where schemaname = $1 and indexrelname = 'live_due') as entries`,
      [on.schema],
    )
    return { sequential: Number(rows[0]!.sequential), entries: Number(rows[0]!.entries) }
  }
  try {
    await client.query('begin')
    const before = await counters()
    await client.query(text.replaceAll('$schema', `"${on.schema}"`), values)
    const after = await counters()
    return {
      sequential: after.sequential - before.sequential,
      entries: after.entries - before.entries,
    }
  } finally {
    await client.query('rollback')
    client.release()
  }
}

const claimText =
  'select count(*) from $schema.claim(array[$1]::uuid[], array[$2]::text[], array[$3]::int4[], $4::int4[], $5::float8[])'

describe('on tables that were just filled and never analysed', () => {
  test.each([1, 50, 500])('a claim of %i reads as many index entries and scans no table', async (limit) => {
    const storage = on.storage<number>()
    await storage.pushAll(Array.from({ length: 20_000 }, (_, n) => n))
    const instance = await instanceOf(storage as never)
    const read = await reads(claimText, [instance, storage.queue, limit, [], []])
    expect(read.sequential).toBe(0)
    expect(read.entries).toBeLessThanOrEqual(limit + 2)
    expect(read.entries).toBeGreaterThanOrEqual(limit)
  })

  test('a settle of 200 among 20,000 scans no table', async () => {
    const storage = on.storage<number>()
    await storage.pushAll(Array.from({ length: 20_000 }, (_, n) => n))
    const instance = await instanceOf(storage as never)
    const { tasks } = await storage.backend.claim({
      instance,
      queues: [{ queue: storage.queue, limit: 200 }],
    })
    const ids = tasks.map((task) => task.id).sort()
    const read = await reads(
      `select * from $schema.settle($1::uuid[], array_fill($2::int8, array[200]), array_fill(4::int2, array[200]), null, null, null, null, '{}')`,
      [ids, tasks[0]!.token],
    )
    expect(read.sequential).toBe(0)
  })
})

test('a claim does not read past tasks scheduled for later', async () => {
  const storage = on.storage<number>()
  await storage.pushAll(Array.from({ length: 5_000 }, (_, n) => task(n).runAfter('1h')))
  await storage.push(1)
  const instance = await instanceOf(storage as never)
  const read = await reads(claimText, [instance, storage.queue, 100, [], []])
  expect(read.entries).toBeLessThanOrEqual(4)
})

test('under a held snapshot a claim with its low-water bound does not walk over what has finished', async () => {
  const storage = on.storage<number>()
  const snapshot = await on.pool.connect()
  try {
    await storage.pushAll(Array.from({ length: 6_000 }, (_, n) => n))
    await snapshot.query('begin isolation level repeatable read')
    await snapshot.query('select 1')
    const instance = await instanceOf(storage as never)
    let last = 0
    for (let at = 0; at < 10; at++) {
      const { tasks } = await storage.backend.claim({
        instance,
        queues: [{ queue: storage.queue, limit: 500 }],
      })
      await storage.backend.settle(
        tasks.map((task): Settlement => ({
          id: task.id,
          token: task.token,
          kind: 'done',
          result: null,
        })),
      )
      last = tasks.at(-1)!.runAt
    }
    const [lane] = await on.rows<{ id: number }>('select id from $schema.lane where queue = $1', [storage.queue])
    const without = await reads(claimText, [instance, storage.queue, 100, [], []])
    const bounded = await reads(claimText, [instance, storage.queue, 100, [lane!.id], [last]])
    expect(without.entries).toBeGreaterThan(5_000)
    // Tasks of one statement share their time, so the bound is exact to one batch of 1,000.
    expect(bounded.entries).toBeLessThan(1_200)
  } finally {
    await snapshot.query('rollback')
    snapshot.release()
  }
})

test('a quarantined lane and 20 priorities cost one index probe each', async () => {
  const storage = on.storage<number>()
  for (let priority = -10; priority < 10; priority++) await storage.push(priority, { priority })
  const instance = await instanceOf(storage as never)
  const { tasks } = await storage.backend.claim({
    instance,
    queues: [{ queue: storage.queue, limit: 20 }],
  })
  expect(tasks.map((task) => task.priority)).toEqual(Array.from({ length: 20 }, (_, n) => 9 - n))
  const read = await reads(claimText, [instance, storage.queue, 10, [], []])
  expect(read.sequential).toBe(0)
  expect(read.entries).toBeLessThanOrEqual(45)
})

test('a keyed push probes its keys one by one, however many the queue has', async () => {
  const storage = on.storage<number>()
  const keyed = (from: number) => Array.from({ length: 1_000 }, (_, n) => task(from + n).key(`key-${from + n}`))
  for (let from = 0; from < 5_000; from += 1_000) await storage.pushBulk(keyed(from))
  const index = `(select pg_stat_get_xact_tuples_returned('$schema.idempotency_pkey'::regclass)) as entries`
  const client = await on.pool.connect()
  try {
    await client.query('begin')
    await storage.pushBulk([...keyed(4_500).slice(0, 500), ...keyed(9_000).slice(0, 500)], { tx: client })
    const { rows } = await client.query<{ entries: string }>(`select ${index}`.replaceAll('$schema', `"${on.schema}"`))
    expect(Number(rows[0]!.entries)).toBeLessThan(5_000)
  } finally {
    await client.query('rollback')
    client.release()
  }
})
