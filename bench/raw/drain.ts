/** Runs a hand-written drain on a table filled a moment ago and never analysed. */
import type { PoolClient } from 'pg'
import type { BenchDatabase } from '../database.ts'
import { openPool, withSchema } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'
import { createRawTable, fillRawTable, PINNED_PLAN, rawTable } from './table.ts'

/** A loop that claims, handles and deletes until nothing is left. */
export interface RawDrain {
  readonly name: string
  readonly note: string
  readonly connections: number
  drain(clients: readonly PoolClient[], schema: string, handler: (payload: Buffer) => void): Promise<void>
}

/** A contender that drains what was filled, parsing each payload as a library would. */
export function rawDrain(database: BenchDatabase, meter: Meter, kind: RawDrain): Contender {
  return {
    name: kind.name,
    note: kind.note,
    run: (count) =>
      withSchema(database, async (schema) => {
        await createRawTable(database.admin, schema)
        await fillRawTable(database.admin, schema, count)
        const pool = openPool(database.url, kind.connections, PINNED_PLAN)
        const clients = await Promise.all(Array.from({ length: kind.connections }, () => pool.connect()))
        let handled = 0
        try {
          const figures = await meter(count, () =>
            kind.drain(clients, schema, (payload) => {
              JSON.parse(payload.toString())
              handled += 1
            }),
          )
          const { rows } = await database.admin.query(`select 1 from ${rawTable(schema)} limit 1`)
          if (handled !== count || rows.length > 0) throw new Error(`${kind.name} handled ${handled} of ${count}.`)
          return figures
        } finally {
          for (const client of clients) client.release()
          await pool.end()
        }
      }),
  }
}
