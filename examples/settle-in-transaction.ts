/**
 * Effects and the task's own end in one transaction: both happen, or neither. This is a consumer of its
 * own, without a worker: it claims and settles by the two verbs that every backend has.
 */
import './support/database.ts'
import { type ClaimedTask, uuidv7 } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const db = new Kysely<{ account: { id: number; balance: number } }>({ dialect: new PostgresDialect({ pool }) })
await PostgresStorage.setup(pool)
await pool.query('create table account (id int primary key, balance int not null); insert into account values (1, 100)')

const charges = new PostgresStorage<number>({ pool, queue: 'charges' })
await charges.push(30)
const { backend, queue, codec } = charges
const instance = uuidv7()
await backend.register({ instance, name: 'cashier', queues: [queue], leaseMs: 60_000 })

async function charge({ id, token, payload }: ClaimedTask, isUnlucky: boolean): Promise<void> {
  const amount = codec.decode(payload.bytes)
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('account')
      .set({ balance: sql<number>`balance - ${amount}` })
      .execute()
    const [answer] = await backend.settle([{ id, token, kind: 'done', result: null }], { tx })
    console.log(`settled: ${answer}`)
    // `stale` or `already`: this claim is over, so its effects must not happen.
    if (answer !== 'applied' || isUnlucky) throw new Error('rolled back')
  })
}

const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 1 }] })
for (const isUnlucky of [true, false, false]) {
  for (const task of tasks) await charge(task, isUnlucky).catch((error: Error) => console.log(error.message))
  console.log(await db.selectFrom('account').select('balance').executeTakeFirst())
}

await backend.deregister(instance)
await charges.close()
await db.destroy()

// Prints:
//   settled: applied
//   rolled back
//   { balance: 100 }
//   settled: applied
//   { balance: 70 }
//   settled: already
//   rolled back
//   { balance: 70 }
