/**
 * The limit of draining: one statement deletes the last batch and claims the next.
 *
 * It keeps nothing (no history, no results, no attempts), has no leases and one connection. Two claimers of
 * this kind can deadlock, so it is a limit and not a design.
 */
import type { PoolClient } from 'pg'
import { rawTable } from './table.ts'
import type { RawDrain } from './drain.ts'

const BATCH = 500

interface Row {
  readonly id: string
  readonly payload: Buffer
}

/** Drains on the first connection until nothing is left. */
export const fusedDelete: RawDrain = {
  name: 'raw fused delete',
  note: `one connection, plan pinned: delete the last ${BATCH} and claim the next in one statement; keeps nothing`,
  connections: 1,
  async drain([client], schema, handler) {
    let done: string[] = []
    for (;;) {
      const rows = await deleteAndClaim(client!, schema, done)
      if (rows.length === 0) return
      for (const row of rows) handler(row.payload)
      done = rows.map((row) => row.id)
    }
  },
}

async function deleteAndClaim(client: PoolClient, schema: string, done: readonly string[]): Promise<Row[]> {
  const table = rawTable(schema)
  const { rows } = await client.query<Row>({
    name: 'fused',
    text: `
      with gone as (delete from ${table} where id = any($1::int8[]))
      update ${table} set state = 1
       where ctid = any(array(
               select ctid from ${table}
                where state = 0 and run_at <= now()
                order by run_at, id limit ${BATCH} for update skip locked))
      returning id, payload`,
    values: [done],
  })
  return rows
}
