/** Lent transactions: whatever goes wrong in one, its connection goes back to the user's pool, and nobody is told what did not happen. */
import { uuidv7 } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
let pool: pg.Pool
let storage: PostgresStorage<number>
beforeAll(async () => {
  on = await testSchema()
  await on.rows('create table $schema.effect (id uuid primary key)')
  await on.rows(`create function $schema.die() returns trigger language plpgsql as $$
    begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return null; end $$`)
  await on.rows('create table $schema.deadly (id uuid primary key)')
  await on.rows(`create constraint trigger die after insert on $schema.deadly deferrable initially deferred
    for each row execute function $schema.die()`)
  // A single connection: one that leaks would keep everything after it waiting.
  pool = new pg.Pool({ connectionString: inject('databaseUrl'), max: 1, connectionTimeoutMillis: 2_000 })
  pool.on('error', () => undefined)
  storage = new PostgresStorage<number>({ pool, schema: on.schema, queue: 'lent' })
})
afterAll(async () => {
  await storage.close()
  await pool.end()
  await on.end()
})

const insert = (client: pg.PoolClient, id: string, table = 'effect') =>
  client.query(`insert into "${on.schema}".${table} values ($1)`, [id])
const there = async (id: string) => (await on.rows('select from $schema.effect where id = $1', [id])).length === 1

/** The transaction works, and the connection is as it was. */
async function isWhole(): Promise<void> {
  const id = uuidv7()
  await storage.backend.transaction(async (tx) => {
    expect(tx.listenerCount('error')).toBeGreaterThan(0)
    await insert(tx, id)
  })
  expect(await there(id)).toBe(true)
  const client = await pool.connect()
  expect(client.listenerCount('error')).toBe(0)
  const { rows } = await client.query<{ at: boolean }>('select now() = statement_timestamp() as at')
  expect(rows[0]!.at).toBe(true)
  client.release()
  expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0])
}

test('the function’s error is thrown as it is and what it wrote is undone', async () => {
  const id = uuidv7()
  const reason = new Error('enough')
  const thrown = await storage.backend
    .transaction(async (tx) => {
      await insert(tx, id)
      throw reason
    })
    .catch((error: unknown) => error)
  expect(thrown).toBe(reason)
  expect(await there(id)).toBe(false)
  await isWhole()
})

test('a function that throws before it returns a promise rolls back', async () => {
  await expect(
    storage.backend.transaction(() => {
      throw new Error('at once')
    }),
  ).rejects.toThrow('at once')
  await isWhole()
})

test('a failed statement that the function passes over is no commit', async () => {
  const id = uuidv7()
  await expect(
    storage.backend.transaction(async (tx) => {
      await insert(tx, id)
      await tx.query('select 1 / 0').catch(() => undefined)
      return 'fine'
    }),
  ).rejects.toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE' })
  expect(await there(id)).toBe(false)
  await isWhole()
})

test('a connection that dies under the function is no commit, also when the function passes over it', async () => {
  for (const passesOver of [true, false]) {
    const id = uuidv7()
    const lent = storage.backend.transaction(async (tx) => {
      await insert(tx, id)
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await on.rows('select pg_terminate_backend($1, 5000)', [rows[0]!.pid])
      const query = tx.query('select 1')
      await (passesOver ? query.catch(() => undefined) : query)
    })
    if (passesOver) await expect(lent).rejects.toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE' })
    else await expect(lent).rejects.toBeInstanceOf(Error)
    expect(await there(id)).toBe(false)
    await isWhole()
  }
})

test('a connection that dies in the commit is ERR_BACKEND_UNAVAILABLE', async () => {
  const id = uuidv7()
  await expect(
    storage.backend.transaction(async (tx) => {
      await insert(tx, id)
      await insert(tx, id, 'deadly')
    }),
  ).rejects.toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE' })
  expect(await there(id)).toBe(false)
  await isWhole()
})

test('a commit that is refused is ERR_BACKEND_UNAVAILABLE with the reason', async () => {
  await on.rows('create table $schema.twice (id uuid unique deferrable initially deferred)')
  const id = uuidv7()
  await expect(
    storage.backend.transaction(async (tx) => {
      await insert(tx, id, 'twice')
      await insert(tx, id, 'twice')
    }),
  ).rejects.toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE', cause: { code: '23505' } })
  await isWhole()
})

test('a commit whose reply is lost is ERR_BACKEND_UNAVAILABLE, and the settlement in it has happened', async () => {
  class Losing extends pg.Client {
    override query(...given: unknown[]): never {
      const [statement, callback] = given as [{ text?: string }, ((error: Error) => void) | undefined]
      const send = (values: unknown[]): never =>
        Reflect.apply(pg.Client.prototype.query.bind(this), this, values) as never
      if (statement.text !== 'commit') return send(given)
      const lost = (): void => {
        void this.end()
        callback?.(new Error('Connection terminated unexpectedly'))
      }
      return send([statement, lost])
    }
  }
  const losing = new pg.Pool({ connectionString: inject('databaseUrl'), max: 1, Client: Losing })
  losing.on('error', () => undefined)
  const other = new PostgresStorage<number>({ pool: losing, schema: on.schema, queue: 'lent' })
  await other.push(1)
  const instance = await instanceOf(other as never)
  const { tasks } = await other.backend.claim({ instance, queues: [{ queue: 'lent', limit: 1 }] })
  const { id, token } = tasks[0]!
  const settlement = { id, token, kind: 'done', result: null } as const
  await expect(
    other.backend.transaction(async (tx) => {
      await insert(tx, id)
      expect(await other.backend.settle([settlement], { tx })).toEqual(['applied'])
    }),
  ).rejects.toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE' })
  expect(await there(id)).toBe(true)
  expect(await other.backend.settle([settlement])).toEqual(['already'])
  expect(losing.totalCount - losing.idleCount).toBe(0)
  await other.close()
  await losing.end()
})

test('a transaction that cannot be begun is ERR_BACKEND_UNAVAILABLE, and its function is not called', async () => {
  const client = await pool.connect()
  let called = false
  await expect(
    storage.backend.transaction(async () => {
      called = true
    }),
  ).rejects.toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE' })
  expect(called).toBe(false)
  client.release()
  await isWhole()
})

test('a storage that was closed lends nothing', async () => {
  const closed = new PostgresStorage<number>({ pool, schema: on.schema, queue: 'lent' })
  await closed.close()
  await expect(closed.backend.transaction(async () => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await isWhole()
})
