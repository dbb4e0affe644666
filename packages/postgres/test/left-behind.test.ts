/** Rows that stand for nothing any more go, whatever lies before them, and keep nobody from what does stand for something. */
import type { ClaimedTask } from '@q/core'
import { uuidv7 } from '@q/core'
import type { PostgresStorage } from '@q/postgres'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeEach(async () => {
  await on?.end()
  on = await testSchema()
})
afterAll(() => on.end())

/** Cleans up once, after what was looked at before. */
async function tidy(rows: number, after: string | null = null): Promise<{ after: string; more: boolean }> {
  const [row] = await on.rows<{ after: string; more: boolean }>('select * from $schema.tidy($1, $2)', [rows, after])
  return row!
}
const rowsOf = async (table: string): Promise<number> => (await on.rows(`select from $schema.${table}`)).length

const done = ({ id, token }: ClaimedTask) => ({ id, token, kind: 'done', result: null }) as const
async function claimed(storage: PostgresStorage<number>, instance: string, count: number, limit = 1) {
  await storage.pushAll(Array.from({ length: count }, (_, n) => n))
  const all: ClaimedTask[] = []
  while (all.length < count)
    all.push(...(await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit }] })).tasks)
  return all
}

describe('the claim of tasks that were settled in transactions of the user’s', () => {
  test('goes once nothing of it is held, and not before', async () => {
    const storage = on.storage<number>()
    const instance = await instanceOf(storage as never)
    const [a, b] = await claimed(storage, instance, 2, 2)
    const [one, other] = [await on.pool.connect(), await on.pool.connect()]
    try {
      for (const [client, task] of [
        [one, a!],
        [other, b!],
      ] as const) {
        await client.query('begin')
        expect(await storage.backend.settle([done(task)], { tx: client })).toEqual(['applied'])
      }
      await tidy(10)
      expect(await rowsOf('claim')).toBe(1)
      await one.query('commit')
      await other.query('rollback')
      await tidy(10)
      expect(await rowsOf('claim')).toBe(1)
      await other.query('begin')
      await storage.backend.settle([done(b!)], { tx: other })
      await other.query('commit')
      await tidy(10)
      expect(await rowsOf('claim')).toBe(0)
    } finally {
      one.release()
      other.release()
    }
  })

  test('is cleaned up by those who sweep', async () => {
    const storage = on.storage<number>()
    const instance = await instanceOf(storage as never)
    const tasks = await claimed(storage, instance, 30)
    const client = await on.pool.connect()
    await client.query('begin')
    await storage.backend.settle(tasks.map(done), { tx: client })
    await client.query('commit')
    client.release()
    expect(await rowsOf('claim')).toBe(30)
    // One sweep in ten cleans up.
    for (let n = 0; n < 500 && (await rowsOf('claim')) > 0; n++) await storage.backend.sweep()
    expect(await rowsOf('claim')).toBe(0)
  })

  test('keeps no sweep from the tasks behind it', async () => {
    const storage = on.storage<number>()
    const instance = await instanceOf(storage as never)
    const tasks = await claimed(storage, instance, 105)
    const client = await on.pool.connect()
    await client.query('begin')
    await storage.backend.settle(tasks.slice(0, 100).map(done), { tx: client })
    await client.query('commit')
    client.release()
    await on.rows(`update $schema.instance set lease_until = clock_timestamp() - interval '1 second'`)
    const [report] = await on.rows('select * from $schema.sweep(20, 5, 2)')
    expect(report).toEqual({ instances: 1, recovered: 5, killed: 0, more: false })
  })
})

describe('cleaning up goes on where it stopped, past', () => {
  test('claims of which something is held', async () => {
    const storage = on.storage<number>()
    const instance = await instanceOf(storage as never)
    const tasks = await claimed(storage, instance, 30)
    const client = await on.pool.connect()
    await client.query('begin')
    await storage.backend.settle(tasks.slice(25).map(done), { tx: client })
    await client.query('commit')
    client.release()
    let { after, more } = await tidy(10)
    expect(more).toBe(false)
    for (let n = 0; n < 2; n++) ({ after, more } = await tidy(10, after))
    expect([await rowsOf('claim'), more]).toEqual([25, false])
    // At the end it starts again.
    await storage.backend.settle(tasks.slice(0, 8).map(done))
    await on.rows(
      `insert into $schema.claim (token, instance, worker, lane, from_at, to_at, ids)
         select n, $1, 1, 1, now(), now(), array[md5(n::text)::uuid] from generate_series(1, 8) n`,
      [instance],
    )
    const mores: boolean[] = []
    for (let n = 0; n < 3; n++) {
      ;({ after, more } = await tidy(10, after))
      mores.push(more)
    }
    expect(await rowsOf('claim')).toBe(17)
    expect(mores).toContain(true)
  })

  test('places that are taken and cancellations that are asked for', async () => {
    const storage = on.storage<number>()
    const instance = await instanceOf(storage as never)
    const tasks = await claimed(storage, instance, 25, 25)
    for (const { id, token } of tasks)
      await on.rows(`insert into $schema.place (key, id, token) values ('k', $1, $2)`, [id, token])
    await storage.backend.cancel!(tasks.map(({ id }) => id))
    await on.rows(
      `insert into $schema.place (key, id, token) select 'z', gen_random_uuid(), n from generate_series(1, 5) n`,
    )
    await on.rows(
      `insert into $schema.cancellation (id, error, at) select ('ffffffff' || substr(gen_random_uuid()::text, 9))::uuid, '{}', now() from generate_series(1, 5) n`,
    )
    let after: string | null = null
    for (let n = 0; n < 3; n++) ({ after } = await tidy(10, after))
    expect([await rowsOf('place'), await rowsOf('cancellation')]).toEqual([25, 25])
  })
})

test('a place that its task takes again while it is cleaned up stays', async () => {
  const storage = on.storage<number>()
  const instance = await instanceOf(storage as never)
  const [task] = await claimed(storage, instance, 1)
  await on.rows(`insert into $schema.place (key, id, token) values ('k', $1, 1)`, [task!.id])
  const client = await on.pool.connect()
  try {
    await client.query('begin')
    await client.query(
      `select * from "${on.schema}".acquire(array['k'], array[1], array[null]::float8[], array[$1]::uuid[], array[$2]::int8[])`,
      [task!.id, task!.token],
    )
    const tidying = tidy(10)
    await untilBlocked()
    await client.query('commit')
    await tidying
  } finally {
    client.release()
  }
  expect(await on.rows('select id, token from $schema.place')).toEqual([{ id: task!.id, token: task!.token }])
})

test('a bucket that is cleaned up while a token is taken from it does not give that token twice', async () => {
  const { backend } = on.storage<number>()
  const key = uuidv7()
  const acquire = () => backend.acquire!([{ kind: 'rate', key, limit: 1, periodMs: 3_600_000 }])
  await on.rows(
    `insert into $schema.bucket (key, tokens, at, full_at) values ($1, 1, now() - interval '1 day', now() - interval '1 day')`,
    [key],
  )
  const client = await on.pool.connect()
  try {
    await client.query('begin')
    await client.query(`select from "${on.schema}".bucket for update`)
    const taking = acquire()
    await untilBlocked()
    await client.query(`delete from "${on.schema}".bucket`)
    await client.query('commit')
    expect(await taking).toMatchObject([{ granted: true }])
  } finally {
    client.release()
  }
  expect(await acquire()).toMatchObject([{ granted: false }])
})

test('places of a key are counted once for all that ask together', async () => {
  const storage = on.storage<number>()
  const instance = await instanceOf(storage as never)
  const tasks = await claimed(storage, instance, 100, 100)
  await on.rows(
    `insert into $schema.place (key, id, token) select 'k', gen_random_uuid(), n from generate_series(1, 1000) n`,
  )
  const client = await on.pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query<{ granted: boolean }>(
      `select granted from "${on.schema}".acquire(array_fill('k'::text, array[100]), array_fill(2000, array[100]), array_fill(null::float8, array[100]), $1::uuid[], $2::int8[])`,
      [tasks.map(({ id }) => id), tasks.map(({ token }) => token)],
    )
    expect(rows.filter(({ granted }) => granted)).toHaveLength(100)
    const { rows: read } = await client.query<{ entries: string }>(
      `select pg_stat_get_xact_tuples_returned('"${on.schema}".place_pkey'::regclass) as entries`,
    )
    expect(Number(read[0]!.entries)).toBeLessThan(1_300)
  } finally {
    await client.query('rollback')
    client.release()
  }
})

/** Waits until a statement of this file waits for a lock. */
async function untilBlocked(): Promise<void> {
  for (;;) {
    const blocked = await on.rows(
      `select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.query like $1`,
      [`%${on.schema}%`],
    )
    if (blocked.length > 0) return
  }
}
