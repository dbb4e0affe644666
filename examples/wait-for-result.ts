/** A producer can wait for what a task comes to, wherever its worker runs. */
import './support/database.ts'
import { AbortError, isQError, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const sums = new PostgresStorage<number[]>({ pool, queue: 'sums' })

const worker = new WorkerBuilder('adder').backend(sums).build((numbers) => {
  if (numbers.length === 0) throw new AbortError('nothing to add')
  return numbers.reduce((sum, n) => sum + n)
})
await worker.start()

const good = await sums.push([1, 2, 3])
console.log(await sums.waitFor<number>(good.id, { timeout: '10s' }))

const bad = await sums.push([])
try {
  await sums.waitFor(bad.id, { timeout: '10s' })
} catch (error) {
  if (!isQError(error, 'ERR_TASK_FAILED')) throw error
  console.log(error.message.replace(bad.id, '…'))
}

await worker.stop()
await sums.close()
await pool.end()

// Prints:
//   6
//   Task … was killed after 1 attempt: nothing to add.
