/** A task and the data it is about are stored together or not at all. */
import './support/database.ts'
import { WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { type Generated, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

interface Tables {
  orders: { id: Generated<number>; item: string }
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
await PostgresStorage.setup(pool)
await pool.query('create table orders (id serial primary key, item text not null)')

const invoices = new PostgresStorage<{ orderId: number }>({ pool, queue: 'invoices' })

async function order(item: string, stock: number): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { id } = await tx.insertInto('orders').values({ item }).returning('id').executeTakeFirstOrThrow()
    await invoices.push({ orderId: id }, { tx })
    if (stock === 0) throw new Error(`no ${item} left`)
  })
}

await order('book', 3)
await order('lamp', 0).catch((error: Error) => console.log(`rolled back: ${error.message}`))

const worker = new WorkerBuilder('invoices').backend(invoices).build(async ({ orderId }, ctx) => {
  const { rows } = await pool.query('select item from orders where id = $1', [orderId])
  console.log(`invoice for order ${orderId}:`, rows)
  void ctx.worker.stop()
})
await worker.run()

const { rows } = await pool.query('select count(*)::int as tasks from q.tasks')
console.log(rows[0])

await invoices.close()
await db.destroy()

// Prints:
//   rolled back: no lamp left
//   invoice for order 1: [ { item: 'book' } ]
//   { tasks: 1 }
