/**
 * Makes and upgrades the schema, safely when many processes start at once.
 *
 * All steps run in one transaction under a transaction-level advisory lock: whoever comes second waits
 * and finds nothing left to do; a process that dies half-way leaves nothing behind.
 */
import { QError } from '@q/core'
import type { Pool, PoolClient } from 'pg'
import { toBackendError } from './connection/classify.ts'
import { migrations, SCHEMA_VERSION } from './schema/migrations.ts'
import { checkSchemaName, DEFAULT_SCHEMA, quoteIdentifier } from './schema/sql.ts'

/** Advisory lock class of this project: the first four bytes of the ASCII word "qmig". */
const LOCK_CLASS = 0x716d6967

/** What {@link migrate} did. */
export interface MigrationReport {
  /** Versions that were run now, in order; empty when the schema was up to date. */
  readonly applied: readonly number[]
  /** The version the schema has now. */
  readonly version: number
}

/**
 * Brings the schema up to date; safe to call at every start and from many processes at once.
 *
 * @throws QError `ERR_SCHEMA_NEWER` when the schema was made by a newer, incompatible version.
 * @throws QError `ERR_BACKEND_UNAVAILABLE`, `ERR_BACKEND`; nothing was changed then.
 */
export async function migrate(pool: Pool, options: { readonly schema?: string } = {}): Promise<MigrationReport> {
  const schema = checkSchemaName(options.schema ?? DEFAULT_SCHEMA)
  let client: PoolClient | undefined
  let failed = true
  try {
    client = await pool.connect()
    client.on('error', ignore)
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1, hashtext($2))', [LOCK_CLASS, schema])
    const report = await migrateLocked(client, schema)
    await client.query('commit')
    failed = false
    return report
  } catch (error) {
    await client?.query('rollback').catch(ignore)
    throw toBackendError(error, `set up schema "${schema}"`, schema)
  } finally {
    client?.off('error', ignore)
    client?.release(failed)
  }
}

async function migrateLocked(client: PoolClient, schema: string): Promise<MigrationReport> {
  const quoted = quoteIdentifier(schema)
  const { rows: found } = await client.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [
    `${quoted}.migration`,
  ])
  if (!found[0]!.exists) {
    await client.query(`create schema if not exists ${quoted}`)
    await client.query(`create table ${quoted}.migration (
      version int4 primary key, name text not null, breaking boolean not null, applied_at timestamptz not null default clock_timestamp())`)
  }
  const { rows } = await client.query<{ version: number; breaking: boolean }>(
    `select version, breaking from ${quoted}.migration order by version`,
  )
  const unknown = rows.filter((row) => row.version > SCHEMA_VERSION)
  if (unknown.some((row) => row.breaking)) throw schemaNewer(schema, unknown.at(-1)!.version)
  const done = new Set(rows.map((row) => row.version))
  const applied: number[] = []
  for (const step of migrations({ schema })) {
    if (done.has(step.version)) continue
    await client.query(step.sql)
    await client.query(`insert into ${quoted}.migration (version, name, breaking) values ($1, $2, $3)`, [
      step.version,
      step.name,
      step.breaking,
    ])
    applied.push(step.version)
  }
  return { applied, version: Math.max(SCHEMA_VERSION, rows.at(-1)?.version ?? 0) }
}

/** The error for a schema that this version must not touch. */
export function schemaNewer(schema: string, version: number): QError {
  return new QError(
    'ERR_SCHEMA_NEWER',
    `Schema "${schema}" has version ${version}, this package works with ${SCHEMA_VERSION}: it was upgraded by a newer release. Upgrade @q/postgres in this process.`,
  )
}

function ignore(): void {
  // The query under way rejects with the same error.
}
