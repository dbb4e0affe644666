import { afterAll, beforeAll, expect, test } from 'vitest'
import { classify } from '../src/connection/classify.ts'
import { sendStatement } from '../src/connection/statement.ts'
import { testSchema, type TestSchema } from './support/schema.ts'

const LONG_MS = 60_000

let on: TestSchema
beforeAll(async () => {
  on = await testSchema(false)
})
afterAll(() => on.end())

test('a statement answers with its rows, or with the error of the server', async () => {
  const client = await on.pool.connect()
  try {
    expect(await sendStatement(client, { text: 'select $1::int4 as n', values: [7] }, LONG_MS)).toEqual([{ n: 7 }])
    await expect(sendStatement(client, { text: 'select nothing' }, LONG_MS)).rejects.toMatchObject({ code: '42703' })
  } finally {
    client.release()
  }
})

test('a statement without an answer in time fails as a connection that is lost', async () => {
  const client = await on.pool.connect()
  const error = await sendStatement(client, { text: 'select pg_sleep(60)' }, 20).catch((thrown: unknown) => thrown)
  client.release(true)
  expect(classify(error)).toBe('unavailable')
})

test('a statement whose connection ends fails at once', async () => {
  const client = await on.pool.connect()
  const [row] = await sendStatement<{ pid: number }>(client, { text: 'select pg_backend_pid() as pid' }, LONG_MS)
  const sent = sendStatement(client, { text: 'select pg_sleep(60)' }, LONG_MS).catch((thrown: unknown) => thrown)
  await on.rows('select pg_terminate_backend($1)', [row!.pid])
  expect(classify(await sent)).toBe('unavailable')
  client.release(true)
})
