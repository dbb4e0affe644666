/** A workflow as a chain of steps, each a task of its own: on memory and on Postgres, with the same worker. */
import './support/database.ts'
import { WorkerBuilder } from '@q/core'
import { MemoryStorage } from '@q/core/memory'
import { PostgresStorage } from '@q/postgres'
import { Workflow } from '@q/workflow'
import pg from 'pg'

const odd = new Workflow<number>('odd-numbers-workflow')
  .andThen('range', async (n) => Array.from({ length: n + 1 }, (_, index) => index))
  .filterMap('not-2', async (x) => (x % 2 !== 0 ? x : undefined))
  .filterMap('not-3', async (x) => (x % 3 !== 0 ? x : undefined))
  .filterMap('not-5', async (x) => (x % 5 !== 0 ? x : undefined))
  .delayFor('1s')
  .andThen('sum', async (xs) => xs.reduce((sum, x) => sum + x, 0))

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)

const stores = [
  new MemoryStorage<unknown>({ queue: 'test-workflow' }),
  new PostgresStorage<unknown>({ pool, queue: 'test-workflow' }),
]
for (const flows of stores) {
  const run = await odd.pushStart(flows, 100)
  const worker = new WorkerBuilder('rango-tango').backend(flows).build(odd)
  await Promise.all([worker.runUntil(run.finished), run.result()])
  const sum: number = await run.result()
  console.log(`${flows.backend.name}: ${(await run.info()).status}, 1 + 7 + 11 + … = ${sum}`)
  await flows.close()
}
await pool.end()

// Prints:
//   memory: done, 1 + 7 + 11 + … = 1268
//   postgres: done, 1 + 7 + 11 + … = 1268
