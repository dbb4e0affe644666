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
      `select * from $schema.settle($1::uuid[], array_fill($2::int8, array[200]), array_fill(4::int2, array[200]), null, null, null, null, null, null, '{}')`,
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

test('claims change rows in place: no index is touched', async () => {
  const storage = on.storage<number>()
  await storage.pushAll(Array.from({ length: 4_000 }, (_, n) => n))
  const instance = await instanceOf(storage as never)
  const client = await on.pool.connect()
  const updates = async () =>
    (
      await client.query<{ all: string; hot: string }>(
        `select n_tup_upd as all, n_tup_hot_upd as hot from pg_stat_xact_user_tables where schemaname = $1 and relname = 'live'`,
        [on.schema],
      )
    ).rows[0]!
  try {
    await client.query('begin')
    for (let at = 0; at < 4; at++)
      await client.query(claimText.replace('$schema', `"${on.schema}"`), [instance, storage.queue, 500, [], []])
    const { all, hot } = await updates()
    expect(Number(all)).toBe(2_000)
    expect(Number(hot)).toBeGreaterThan(1_900)
  } finally {
    await client.query('rollback')
    client.release()
  }
})

describe('what is done from outside, beside 20,000 waiting and 2,000 finished tasks,', () => {
  test('scans no table', async () => {
    const storage = on.storage<number>()
    await storage.pushAll(Array.from({ length: 22_000 }, (_, n) => n))
    const instance = await instanceOf(storage as never)
    const queues = [{ queue: storage.queue, limit: 1_000 }]
    for (let at = 0; at < 2; at++) {
      const { tasks } = await storage.backend.claim({ instance, queues })
      await storage.backend.settle(tasks.map(({ id, token }) => ({ id, token, kind: 'done', result: null })))
    }
    const { tasks } = await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: 50 }] })
    const held = tasks.map(({ id }) => id).sort()
    const pick = async (table: string) =>
      (
        await on.rows<{ id: string }>(
          `select v.id from $schema.${table} v join $schema.lane l on l.id = v.lane where l.queue = $1 ${table === 'live' ? 'and state = 0' : ''} order by v.id limit 50`,
          [storage.queue],
        )
      ).map(({ id }) => id)
    const [waiting, ended] = [await pick('live'), await pick('outcome')]
    const ids = [...held, ...waiting, ...ended].sort()
    const statements: [string, unknown[]][] = [
      [`select $schema.change_task($1, '{"priority": 5, "due": {"afterMs": 10}}', null, null)`, [waiting[0]]],
      [`select * from $schema.cancel($1::uuid[], '{}')`, [ids]],
      ['select * from $schema.resume_tasks($1::uuid[])', [ids]],
      ['select * from $schema.remove_tasks($1::uuid[])', [ids]],
      ['select $schema.vacuum_queue($1, 0, 0, 0, 100, null)', [storage.queue]],
      ['select $schema.deregister($1)', [instance]],
      [
        'select * from $schema.beat($1, 5000, $2::uuid[], $3::int8[])',
        [instance, held, held.map(() => tasks[0]!.token)],
      ],
      [
        `select * from $schema.acquire(array_fill('k'::text, array[50]), array_fill(10, array[50]), null, $1::uuid[], $2::int8[])`,
        [held, held.map(() => tasks[0]!.token)],
      ],
    ]
    for (const [text, values] of statements) expect((await reads(text, values)).sequential, text).toBe(0)
    await on.rows(`update $schema.instance set lease_until = clock_timestamp() - interval '1 second' where id = $1`, [
      instance,
    ])
    expect((await reads('select * from $schema.sweep(20, 5, 2)', [])).sequential, 'sweep').toBe(0)
  })
})

test('a vacuum that goes on reads the entries of what it deletes, however many tasks are kept beside them', async () => {
  const storage = on.storage<number>()
  await storage.push(1)
  const [lane] = await on.rows<{ id: number }>('select id from $schema.lane where queue = $1', [storage.queue])
  const finished = (status: number, count: number, ago: string): Promise<unknown> =>
    on.rows(
      `insert into $schema.outcome (id, lane, status, attempt, crashes, token, run_at, finished_at)
         select gen_random_uuid(), $1, $2, 1, 0, 0, now(), now() - $3::interval + n * interval '1 ms' from generate_series(1, $4::int) n`,
      [lane!.id, status, ago, count],
    )
  await finished(5, 10_000, '3 days')
  await finished(6, 10_000, '3 days')
  await finished(4, 1_000, '2 days')
  const entries = `select coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0)::int as n from pg_stat_user_indexes
    where schemaname = $1 and indexrelname in ('outcome_lane', 'outcome_bad')`
  const client = await on.pool.connect()
  const vacuum = async (retention: string, from: number | null) => {
    await client.query('begin')
    const before = await client.query<{ n: number }>(entries, [on.schema])
    const { rows } = await client.query<{ deleted: number; done_to: number | null }>(
      `select * from "${on.schema}".vacuum_queue($1, ${retention}, 100, $2)`,
      [storage.queue, from],
    )
    const after = await client.query<{ n: number }>(entries, [on.schema])
    await client.query('commit')
    expect(rows[0]!.deleted).toBe(100)
    return { to: rows[0]!.done_to, read: after.rows[0]!.n - before.rows[0]!.n }
  }
  try {
    const first = await vacuum('0, null, null', null)
    expect(first.read).toBeGreaterThan(20_000)
    const second = await vacuum('0, null, null', first.to)
    // The entries of what the first deleted in its last millisecond may still be there.
    expect(second.read).toBeLessThan(110)
    expect((await vacuum('0, null, 0', second.to)).read).toBeLessThan(220)
  } finally {
    client.release()
  }
})

test('what a vacuum left, because it was locked or beyond its limit, is found by the next', async () => {
  const storage = on.storage<number>()
  const { backend } = storage
  const instance = await instanceOf(storage as never)
  await storage.pushAll([1, 2, 3, 4])
  const ids: string[] = []
  for (let n = 0; n < 4; n++) {
    const { tasks } = await backend.claim({ instance, queues: [{ queue: storage.queue, limit: 1 }] })
    await backend.settle(tasks.map(({ id, token }) => ({ id, token, kind: 'done', result: null })))
    ids.push(tasks[0]!.id)
  }
  const client = await on.pool.connect()
  try {
    await client.query('begin')
    await client.query(`select from "${on.schema}".outcome where id = $1 for update`, [ids[1]])
    expect(await backend.vacuum(storage.queue, { doneMs: 0 }, 2)).toBe(1)
    expect(await backend.vacuum(storage.queue, { doneMs: 0 }, 100)).toBe(2)
    expect(await backend.vacuum(storage.queue, { doneMs: 0 }, 100)).toBe(0)
  } finally {
    await client.query('rollback')
    client.release()
  }
  expect(await backend.vacuum(storage.queue, { doneMs: 0 }, 100)).toBe(1)
})

test('no function whose plans are pinned is compiled just in time', async () => {
  const pinned = await on.rows<{ name: string; jit: boolean }>(
    `select proname as name, 'jit=off' = any (proconfig) as jit from pg_proc
      where pronamespace = $1::regnamespace and 'enable_sort=off' = any (proconfig)`,
    [`"${on.schema}"`],
  )
  expect(pinned.length).toBeGreaterThan(10)
  expect(pinned.filter(({ jit }) => !jit)).toEqual([])
})
