/** The limit of single pushes without sharing commits: a prepared plain INSERT, one row each. */
import { callers } from '../callers.ts'
import type { BenchDatabase } from '../database.ts'
import { openPool, withSchema } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'
import { payload } from '../payload.ts'
import { createRawTable, rawTable } from './table.ts'

const CONNECTIONS = 10

/** A contender with this many callers at once over a pool of 10. */
export function rawInsert(database: BenchDatabase, meter: Meter, concurrent: number, size: number): Contender {
  return {
    name: `raw insert, ${concurrent}`,
    note: `prepared INSERT of one row, ${concurrent} caller(s) over a pool of ${CONNECTIONS}`,
    size,
    run: (count) =>
      withSchema(database, async (schema) => {
        await createRawTable(database.admin, schema)
        const pool = openPool(database.url, CONNECTIONS)
        const text = `insert into ${rawTable(schema)} (queue, payload) values ($1, $2) returning id`
        const push = (n: number): Promise<unknown> =>
          pool.query({ name: 'insert', text, values: ['bench', Buffer.from(JSON.stringify(payload(n)))] })
        try {
          await callers(concurrent, concurrent * 2, push)
          return await meter(count, () => callers(concurrent, count, push))
        } finally {
          await pool.end()
        }
      }),
  }
}
