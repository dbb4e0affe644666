/** Woken by LISTEN/NOTIFY: an idle worker that polls every five seconds starts a task in milliseconds. */
import './support/database.ts'
import { pollEvery, sleep, systemClock, task, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'

interface Job {
  readonly n: number
  readonly pushedAt: number
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const queue = PostgresStorage.withNotify<Job>({
  pool,
  queue: 'queue',
  poll: pollEvery('5s').withBackoff(),
  bufferSize: 5,
})

const order: number[] = []
let slowest = 0
const worker = new WorkerBuilder('worker-2')
  .backend(queue)
  .concurrency(1)
  .build((job, ctx) => {
    order.push(job.n)
    slowest = Math.max(slowest, Date.now() - job.pushedAt)
    if (order.length === 20) void ctx.worker.stop()
  })

// The worker finds nothing and would look again after five seconds. After two there is work.
async function produce(): Promise<void> {
  await sleep(systemClock, 2_000)
  const numbers = Array.from({ length: 20 }, (_, index) => index + 1)
  await queue.pushBulk(numbers.map((n) => task({ n, pushedAt: Date.now() }).priority(n)))
}
await Promise.all([worker.run(), produce()])

console.log('larger priorities first:', order.join(' '))
console.log('all within a second of the push:', slowest < 1_000)

await queue.close()
await pool.end()

// Prints:
//   larger priorities first: 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1
//   all within a second of the push: true
