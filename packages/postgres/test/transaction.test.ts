import { uuidv7 } from '@q/core'
import { Kysely, PostgresDialect } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

const count = async (queue: string): Promise<number> =>
  (await on.rows('select from $schema.tasks where queue = $1', [queue])).length

describe('push in the caller’s transaction', () => {
  test('a pg client: stored if it commits, gone if it rolls back', async () => {
    const storage = on.storage<number>()
    const client = await on.pool.connect()
    await client.query('begin')
    const receipt = await storage.push(1, { tx: client, priority: 3 })
    expect(receipt.outcome).toBe('created')
    expect(await count(storage.queue)).toBe(0)
    await client.query('commit')
    expect(await count(storage.queue)).toBe(1)
    await client.query('begin')
    await storage.pushBulk([2, 3], { tx: client })
    await client.query('rollback')
    client.release()
    expect(await count(storage.queue)).toBe(1)
  })

  test('a Kysely transaction', async () => {
    const storage = on.storage<number>()
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: on.pool }) })
    await db.transaction().execute(async (tx) => {
      await storage.push(1, { tx })
    })
    await expect(
      db.transaction().execute(async (tx) => {
        await storage.push(2, { tx })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await count(storage.queue)).toBe(1)
  })

  test('anything with query(text, values)', async () => {
    const storage = on.storage<number>()
    const client = await on.pool.connect()
    await client.query('begin')
    await storage.push(1, { tx: { query: (text, values) => client.query(text, values) } })
    await client.query('commit')
    client.release()
    expect(await count(storage.queue)).toBe(1)
  })

  test.each([
    ['a pool', () => on.pool],
    ['a Kysely outside a transaction', () => new Kysely<object>({ dialect: new PostgresDialect({ pool: on.pool }) })],
    ['a string', () => 'tx' as never],
    ['an empty object', () => ({}) as never],
  ])('%s is refused and nothing is stored', async (_, make) => {
    const storage = on.storage<number>()
    await expect(storage.push(1, { tx: make() })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    expect(await count(storage.queue)).toBe(0)
  })

  test('a new queue’s first task in a long transaction keeps nobody waiting', async () => {
    const storage = on.storage<number>()
    const client = await on.pool.connect()
    await client.query('begin')
    await storage.push(1, { tx: client })
    await expect(storage.push(2)).resolves.toMatchObject({ outcome: 'created' })
    await client.query('rollback')
    client.release()
    expect(await count(storage.queue)).toBe(1)
  })
})

test('settle in the caller’s transaction: effect and settlement commit together or not at all', async () => {
  const storage = on.storage<number>()
  await on.rows('create table if not exists $schema.effect (n int)')
  await storage.push(1)
  const instance = await instanceOf(storage as never)
  const { tasks } = await storage.backend.claim({
    instance,
    queues: [{ queue: storage.queue, limit: 1 }],
  })
  const { id, token } = tasks[0]!
  const client = await on.pool.connect()
  for (const end of ['rollback', 'commit']) {
    await client.query('begin')
    await client.query(`insert into "${on.schema}".effect values (1)`)
    expect(await storage.backend.settle([{ id, token, kind: 'done', result: null }], { tx: client })).toEqual([
      'applied',
    ])
    await client.query(end)
    const rows = await on.rows('select status from $schema.tasks where id = $1', [id])
    expect(rows).toEqual([{ status: end === 'commit' ? 'done' : 'queued' }])
    expect(await on.rows('select from $schema.effect')).toHaveLength(end === 'commit' ? 1 : 0)
  }
  client.release()
})

test('a unique push that is rolled back leaves the key, and what it replaced, as they were', async () => {
  const storage = on.storage<number>()
  const task = (payload: string, otherwise: 'keep' | 'replace') => ({
    id: uuidv7(),
    queue: storage.queue,
    payload: { codec: 'json', bytes: new TextEncoder().encode(payload) },
    priority: 0,
    due: { afterMs: 0 },
    maxAttempts: null,
    key: null,
    metadata: null,
    unique: { key: 'u', while: 'unfinished', windowMs: 0, otherwise } as const,
  })
  const client = await on.pool.connect()
  await client.query('begin')
  expect(await storage.backend.push([task('1', 'keep')], { tx: client })).toMatchObject([{ outcome: 'created' }])
  await client.query('rollback')
  const [first] = await storage.backend.push([task('2', 'keep')])
  expect(first!.outcome).toBe('created')
  await client.query('begin')
  expect(await storage.backend.push([task('3', 'replace')], { tx: client })).toEqual([
    { id: first!.id, outcome: 'replaced' },
  ])
  await client.query('rollback')
  client.release()
  expect(
    await on.rows(`select convert_from(payload, 'UTF8') as payload from $schema.tasks where queue = $1`, [
      storage.queue,
    ]),
  ).toEqual([{ payload: '2' }])
})
