/** The same on a real Postgres. */
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, inject } from 'vitest'
import { engineSuite } from '../suite/all.ts'
import { benchOf, type TestStore } from '../suite/support.ts'

describe('on Postgres', () => {
  const pool = new pg.Pool({ connectionString: inject('databaseUrl'), max: 10 })
  const schema = `workflow_${process.pid}_${Date.now().toString(36)}`
  const stores: PostgresStorage<unknown>[] = []
  let made = 0

  beforeAll(async () => {
    await PostgresStorage.setup(pool, { schema })
  })
  // Each has connections of its own, and a server has a hundred.
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
  })
  afterAll(async () => {
    await pool.query(`drop schema ${schema} cascade`)
    await pool.end()
  })

  engineSuite(
    benchOf(() => {
      const store = PostgresStorage.withNotify<unknown>({ pool, schema, queue: `flows-${made++}` })
      stores.push(store)
      return store as unknown as TestStore
    }),
  )
})
