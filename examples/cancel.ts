/** Anybody may end a task: one that waits ends at once, one that runs is told by its signal. */
import './support/database.ts'
import { sleep, systemClock, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const exports = PostgresStorage.withNotify<string>({ pool, queue: 'exports' })

let begun = (): void => undefined
const running = new Promise<void>((resolve) => (begun = resolve))

const worker = new WorkerBuilder('exporter').backend(exports).build(async (name, ctx) => {
  console.log('exporting', name)
  begun()
  // Whatever takes a signal can be stopped: fetch, timers, queries.
  await sleep(systemClock, 60_000, ctx.signal)
  ctx.signal.throwIfAborted()
})
await worker.start()

const waits = await exports.push('next year', { runAfter: '1h' })
console.log(await exports.cancel(waits.id))

const runs = await exports.push('this year')
await running
console.log(await exports.cancel(runs.id, 'asked for by Ada'))

const finished = await exports.waitFor(runs.id).catch((error: Error) => error.message.replace(runs.id, '…'))
console.log(finished)
console.log(await exports.checkStatus([waits.id, runs.id]))

await worker.stop()
await exports.close()
await pool.end()

// Prints:
//   cancelled
//   exporting this year
//   cancelling
//   Task … was cancelled after 1 attempt: asked for by Ada.
//   [ 'cancelled', 'cancelled' ]
