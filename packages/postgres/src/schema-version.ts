/** Refuses to work on a schema that is missing, too old, or was made by a newer incompatible release. */
import { QError } from '@q/core'
import { sql } from 'kysely'
import { compiler } from './connection/compiler.ts'
import type { Control } from './connection/control.ts'
import { schemaNewer } from './migrate.ts'
import { SCHEMA_VERSION } from './schema/migrations.ts'

/**
 * @throws QError `ERR_SCHEMA_MISSING` or `ERR_SCHEMA_NEWER`
 */
export async function checkSchemaVersion(control: Control, schema: string): Promise<void> {
  const query = sql<{
    version: number
    breaking: boolean
  }>`select version, breaking from ${sql.id(schema, 'migration')} order by version`.compile(compiler)
  const rows = await control.run(query, 'read the schema version')
  const version = rows.at(-1)?.version ?? 0
  if (version < SCHEMA_VERSION) {
    throw new QError(
      'ERR_SCHEMA_MISSING',
      `Schema "${schema}" has version ${version}, this package needs ${SCHEMA_VERSION}: run PostgresStorage.setup(pool) with the same schema option.`,
    )
  }
  if (rows.some((row) => row.version > SCHEMA_VERSION && row.breaking)) throw schemaNewer(schema, version)
}
