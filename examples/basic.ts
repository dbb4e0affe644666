/** Push tasks, run a worker, stop when they are done. The README shows this program. */
import './support/database.ts'
import { exponential, retry, task, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool) // makes or upgrades the tables, in a schema of their own

const reminders = new PostgresStorage<number>({ pool, queue: 'reminders' })
const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
await reminders.pushAll(numbers.map((n) => task(n).runAfter('1s').priority(1)))

let sent = 0
const worker = new WorkerBuilder('worker-1')
  .backend(reminders)
  .concurrency(10)
  .use(retry({ retries: 5, backoff: exponential({ min: '1s', max: '5m' }) }))
  .build(async (reminder, ctx) => {
    console.log(`reminder ${reminder}, attempt ${ctx.attempt}`)
    if (++sent === numbers.length) void ctx.worker.stop()
  })
await worker.run()

await reminders.close()
await pool.end()

// Prints:
//   reminder 1, attempt 1
//   reminder 2, attempt 1
//   reminder 3, attempt 1
//   reminder 4, attempt 1
//   reminder 5, attempt 1
//   reminder 6, attempt 1
//   reminder 7, attempt 1
//   reminder 8, attempt 1
//   reminder 9, attempt 1
//   reminder 10, attempt 1
