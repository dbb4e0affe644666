import { expect, test } from 'vitest'
import { testSchema } from './support/schema.ts'

test('the schema of a test goes although a transaction that the test left open holds its tables', async () => {
  const on = await testSchema()
  const client = await on.pool.connect()
  await client.query('begin')
  await client.query(`lock table "${on.schema}".tally`)
  client.release()
  await on.end()
  const next = await testSchema(false)
  expect(await next.rows('select from pg_namespace where nspname = $1', [on.schema])).toEqual([])
  await next.end()
})
