/** The limit of draining in two statements: a connection deletes the last batch while another claims the next. */
import type { PoolClient } from 'pg'
import type { RawDrain } from './drain.ts'
import { rawTable } from './table.ts'

const BATCH = 500

interface Row {
  readonly id: string
  readonly payload: Buffer
}

/** Drains on two connections until nothing is left. */
export const overlappedDelete: RawDrain = {
  name: 'raw overlapped delete',
  note: `two connections, plan pinned: delete the last ${BATCH} while the next ${BATCH} are claimed; keeps nothing`,
  connections: 2,
  async drain([claimer, deleter], schema, handler) {
    let deleting: Promise<void> = Promise.resolve()
    for (;;) {
      const rows = await claim(claimer!, schema)
      if (rows.length === 0) break
      for (const row of rows) handler(row.payload)
      await deleting
      deleting = remove(
        deleter!,
        schema,
        rows.map((row) => row.id),
      )
    }
    await deleting
  },
}

async function claim(client: PoolClient, schema: string): Promise<Row[]> {
  const table = rawTable(schema)
  const { rows } = await client.query<Row>({
    name: 'claim',
    text: `
      update ${table} set state = 1
       where ctid = any(array(
               select ctid from ${table}
                where state = 0 and run_at <= now()
                order by run_at, id limit ${BATCH} for update skip locked))
      returning id, payload`,
  })
  return rows
}

async function remove(client: PoolClient, schema: string, ids: readonly string[]): Promise<void> {
  await client.query({
    name: 'remove',
    text: `delete from ${rawTable(schema)} where id = any($1::int8[])`,
    values: [ids],
  })
}
