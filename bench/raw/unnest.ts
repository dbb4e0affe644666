/** The limit of bulk pushes: one connection, 1,000 rows per statement, nothing checked. */
import type { BenchDatabase } from '../database.ts'
import { openPool, withSchema } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'
import { createRawTable, fillRawTable } from './table.ts'

/** A contender. */
export function rawUnnest(database: BenchDatabase, meter: Meter, size: number): Contender {
  return {
    name: 'raw unnest',
    note: 'prepared INSERT … SELECT FROM unnest, 1,000 rows each, one after the other',
    size,
    run: (count) =>
      withSchema(database, async (schema) => {
        await createRawTable(database.admin, schema)
        const pool = openPool(database.url, 1)
        try {
          return await meter(count, () => fillRawTable(pool, schema, count))
        } finally {
          await pool.end()
        }
      }),
  }
}
