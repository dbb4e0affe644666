/** A schema of its own for each test file, on the server of the run. */
import { PostgresStorage, type PostgresStorageOptions } from '@q/postgres'
import { uuidv7 } from '@q/core'
import pg from 'pg'
import { inject } from 'vitest'

/** A pool and a fresh, set-up schema; everything is dropped by `end`. */
export interface TestSchema {
  readonly pool: pg.Pool
  readonly schema: string
  /** A storage that is closed by `end`. */
  storage<Args = unknown>(
    options?: Partial<PostgresStorageOptions<Args>>,
    kind?: 'poll' | 'notify',
  ): PostgresStorage<Args>
  /** Rows of a query in which `$schema` stands for the quoted schema. */
  rows<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  end(): Promise<void>
}

/** @param setup Whether to make the tables, default true. */
export async function testSchema(setup = true): Promise<TestSchema> {
  const schema = `t_${uuidv7().replaceAll('-', '').slice(6, 26)}`
  const pool = new pg.Pool({ connectionString: inject('databaseUrl'), max: 12 })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  if (setup) await PostgresStorage.setup(pool, { schema })
  const storages: { close(): Promise<void> }[] = []
  return {
    pool,
    schema,
    storage<Args>(options: Partial<PostgresStorageOptions<Args>> = {}, kind = 'poll') {
      const all = { pool, schema, queue: `q-${uuidv7()}`, ...options }
      const made = kind === 'poll' ? new PostgresStorage<Args>(all) : PostgresStorage.withNotify<Args>(all)
      storages.push(made)
      return made
    },
    async rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      return (await pool.query<Row>(text.replaceAll('$schema', `"${schema}"`), values)).rows
    },
    async end() {
      await Promise.all(storages.map((storage) => storage.close()))
      // Connections that a failed test left inside a transaction would keep the schema for ever.
      await pool.end()
      const client = new pg.Client({ connectionString: inject('databaseUrl') })
      await client.connect()
      await client.query(`drop schema if exists "${schema}" cascade`)
      await client.end()
    },
  }
}

/** A registered instance with a lease long enough for a test. */
export async function instanceOf(storage: PostgresStorage<never>, leaseMs = 60_000): Promise<string> {
  const instance = uuidv7()
  await storage.backend.register({ instance, name: 'test', queues: [storage.queue], leaseMs })
  return instance
}
