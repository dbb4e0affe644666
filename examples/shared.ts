/** Many typed queues on one set of connections, one listener and one claim loop, under one monitor. */
import './support/database.ts'
import { Monitor, WorkerBuilder } from '@q/core'
import { SharedPostgresStorage, PostgresStorage } from '@q/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)

const shared = new SharedPostgresStorage({ pool })
const maps = shared.makeShared<Record<string, string>>({ queue: 'maps' })
const ints = shared.makeShared<number>({ queue: 'ints' })

await maps.pushAll([{ tongue: 'maps' }])
await ints.push(99)

const seen: string[] = []
const mapWorker = new WorkerBuilder('rango-tango-1').backend(maps).build((map, ctx) => {
  seen.push(`${ctx.worker.name}: ${Object.entries(map).join()}`)
  void ctx.worker.stop()
})
const intWorker = new WorkerBuilder('rango-tango-2').backend(ints).build((int, ctx) => {
  seen.push(`${ctx.worker.name}: ${int + 1}`)
  void ctx.worker.stop()
})

// Ends when both workers have ended, or on Ctrl-C.
await new Monitor()
  .register(() => mapWorker)
  .register(() => intWorker)
  .shutdownTimeout('30s')
  .runWithSignal()
console.log(seen.sort().join('\n'))

await shared.close()
await pool.end()

// Prints:
//   rango-tango-1: tongue,maps
//   rango-tango-2: 100
