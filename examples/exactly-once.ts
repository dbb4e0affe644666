/**
 * A task runs at least once; an effect in your own database can still happen exactly once: commit it
 * together with the task's id, and look for that id first.
 */
import './support/database.ts'
import { fixed, retry, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

interface Tables {
  account: { id: number; balance: number }
  charged: { task: string }
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
await PostgresStorage.setup(pool)
await pool.query(`
  create table account (id int primary key, balance int not null);
  create table charged (task uuid primary key);
  insert into account values (1, 100)`)

const charges = new PostgresStorage<{ account: number; amount: number }>({ pool, queue: 'charges' })
const { id } = await charges.push({ account: 1, amount: 30 })

const worker = new WorkerBuilder('cashier')
  .backend(charges)
  .use(retry({ retries: 3, backoff: fixed('50ms') }))
  .build(async ({ account, amount }, ctx) => {
    const isFirst = await db.transaction().execute(async (tx) => {
      const mark = tx.insertInto('charged').values({ task: ctx.taskId }).returning('task')
      const marked = await mark.onConflict((on) => on.doNothing()).execute()
      if (marked.length === 0) return false
      const change = { balance: sql<number>`balance - ${amount}` }
      await tx.updateTable('account').set(change).where('id', '=', account).execute()
      return true
    })
    console.log(`attempt ${ctx.attempt}: ${isFirst ? 'charged' : 'was charged before'}`)
    // The money is gone, and now something fails. The next attempt must not charge again.
    if (ctx.attempt === 1) throw new Error('the mail server is down')
  })
await worker.runUntil(charges.waitFor(id))

console.log(await db.selectFrom('account').selectAll().execute())

await charges.close()
await db.destroy()

// Prints:
//   attempt 1: charged
//   attempt 2: was charged before
//   [ { id: 1, balance: 70 } ]
