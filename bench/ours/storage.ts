/** A storage of ours in a fresh schema, for one run. */
import { PostgresStorage } from '@q/postgres'
import type { BenchDatabase } from '../database.ts'
import { openPool, withSchema } from '../database.ts'
import type { Payload } from '../payload.ts'

/** The queue of all runs. */
export const QUEUE = 'bench'

/** Runs with a storage at its defaults. `notify`: one that listens instead of only polling. */
export async function withStorage<T>(
  database: BenchDatabase,
  run: (storage: PostgresStorage<Payload>, schema: string) => Promise<T>,
  options: { readonly notify?: boolean } = {},
): Promise<T> {
  return withSchema(database, async (schema) => {
    const pool = openPool(database.url, 10)
    await PostgresStorage.setup(pool, { schema })
    const settings = { pool, schema, queue: QUEUE }
    const storage = options.notify
      ? PostgresStorage.withNotify<Payload>(settings)
      : new PostgresStorage<Payload>(settings)
    try {
      return await run(storage, schema)
    } finally {
      await storage.close()
      await pool.end()
    }
  })
}

/** A drain that lost or repeated something has no speed. */
export async function assertAllDone(
  database: BenchDatabase,
  schema: string,
  count: number,
  handled: number,
): Promise<void> {
  const { rows } = await database.admin.query<{ done: number; open: number }>(
    `select (select count(*) from ${schema}.outcome where status = 4)::int4 as done, (select count(*) from ${schema}.live)::int4 as open`,
  )
  const { done, open } = rows[0]!
  if (handled !== count || done !== count || open !== 0)
    throw new Error(`Handled ${handled}, done ${done}, open ${open} of ${count} tasks.`)
}
