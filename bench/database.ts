/**
 * The server everything is measured on, and fresh tables for each run.
 *
 * Durable as in production: fsync and synchronous commit are on. Checkpoints are asked for before
 * a run and otherwise kept out of it, so that full-page images do not land on one contender.
 */
import { startDatabase } from '@q/dev-database'
import type { Pool } from 'pg'
import pg from 'pg'

/** A server for benchmarks. */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string
  /** Whether the server runs on this machine, so that its processes can be looked at. */
  readonly own: boolean
  /** For preparing and measuring; contenders have connections of their own. */
  readonly admin: Pool
}

const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
} as const

/** Starts a server, or takes the one of `DATABASE_URL` as it is set up. */
export async function openDatabase(more: Readonly<Record<string, string>> = {}): Promise<BenchDatabase> {
  const database = await startDatabase({ settings: { ...SETTINGS, ...more } })
  const admin = openPool(database.url, 2)
  return {
    url: database.url,
    own: database.own,
    admin,
    async [Symbol.asyncDispose]() {
      await admin.end()
      await database.stop()
    },
  }
}

/** A pool whose broken connections do not end the process. */
export function openPool(url: string, max: number, options?: string): Pool {
  const pool = new pg.Pool({ connectionString: url, max, ...(options === undefined ? {} : { options }) })
  pool.on('error', () => undefined)
  return pool
}

let schemas = 0

/** Runs with a schema name that nothing uses, after a checkpoint; whatever is in it is dropped afterwards. */
export async function withSchema<T>(database: BenchDatabase, run: (schema: string) => Promise<T>): Promise<T> {
  const schema = `bench_${++schemas}`
  await database.admin.query(`drop schema if exists ${schema} cascade`)
  await database.admin.query('checkpoint')
  try {
    return await run(schema)
  } finally {
    await database.admin.query(`drop schema if exists ${schema} cascade`)
  }
}
