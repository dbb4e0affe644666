import { uuidv7 } from '@q/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

test('what people ask of a task that a transaction of theirs has locked ends in bounded time, and locks nothing after', async () => {
  const storage = on.storage<number>()
  const { id } = await storage.push(1, { runAfter: '1h' })
  const client = await on.pool.connect()
  await client.query('begin')
  await client.query(`select from "${on.schema}".live where id = $1 for update`, [id])
  const cancelled = storage.cancel(id).catch((error: unknown) => error)
  await client.query('select pg_sleep(4)')
  const waiting = `select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock' and xact_start < clock_timestamp() - interval '3.5 s'`
  expect(await on.rows(waiting, [`q control ${on.schema}`])).toEqual([])
  await client.query('rollback')
  client.release()
  expect(['cancelled', expect.objectContaining({ code: 'ERR_BACKEND_UNAVAILABLE' })]).toContainEqual(await cancelled)
  expect(await storage.cancel(id)).not.toBe('unknown')
})

test('a first task of a queue that a transaction holds back keeps others waiting in bounded time', async () => {
  const queue = `q-${uuidv7()}`
  const client = await on.pool.connect()
  await client.query('begin')
  await client.query(`select "${on.schema}".enqueue($1, '1')`, [queue])
  const pushed = on
    .storage<number>({ queue })
    .push(2)
    .catch((error: unknown) => error)
  await client.query('select pg_sleep(4)')
  await client.query('commit')
  client.release()
  expect(await pushed).toMatchObject({ outcome: 'created' })
  expect((await on.storage<number>({ queue }).count()).value).toBe(2)
})
