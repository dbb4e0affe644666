/**
 * An order: paid in a transaction of the database, approved by a person or not in time, shipped by another workflow; and
 * when something goes wrong what was done is undone, the last first.
 */
import './support/database.ts'
import { AbortError, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { any, goto, signal, timer, Workflow } from '@q/workflow'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
await pool.query('create table payment (order_id int primary key, cents int not null)')

interface Order {
  readonly id: number
  readonly cents: number
}
const approval = signal<{ by: string }>('approval')

const shipping = new Workflow<Order>('shipping').andThen('ship', async ({ id }) => {
  if (id === 3) throw new AbortError(new Error('no van'))
  return `parcel ${id}`
})
const orders = new Workflow<Order>('order')
  .andThen('reserve', async (order) => order, { compensate: async ({ id }) => console.log(`order ${id}: released`) })
  .tx(
    'pay',
    async (tx: pg.PoolClient, order) => {
      await tx.query('insert into payment values ($1, $2)', [order.id, order.cents])
      return order
    },
    { compensate: async ({ id }) => void (await pool.query('delete from payment where order_id = $1', [id])) },
  )
  .andThen('check', async (order) => (order.cents === 0 ? goto.end('nothing to do') : order))
  .child('ship', shipping)
  .waitFor('approve', any({ yes: approval, late: timer('300ms') }))
  .andThen('close', async (it) => (it.by === 'yes' ? `approved by ${it.value.by}` : 'approved by nobody'))

const flows = new PostgresStorage<unknown>({ pool, queue: 'orders' })
const given = [500, 0, 700, 900].map((cents, index) => ({ id: index + 1, cents }))
const runs = await orders.pushStarts(flows, given)
await runs[0]?.signal(approval, { by: 'Ada' })
const finished = Promise.all(runs.map((run) => run.finished))
await new WorkerBuilder('orders').backend(flows).build(orders).runUntil(finished)
const shown = (error: Error): string => error.message.replace(/^Run \S+ of /, '').replace(/ [\da-f-]{36}/, '')
for (const run of runs) console.log(await run.result().catch(shown))
console.log((await pool.query('select order_id from payment order by 1')).rows.map((row) => row.order_id).join(' '))
await flows.close()
await pool.end()

// Prints:
//   order 3: released
//   approved by Ada
//   nothing to do
//   "order" failed: The run of "shipping", which node "ship" started, ended as failed: no van
//   approved by nobody
//   1 2 4
