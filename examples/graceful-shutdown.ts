/** On SIGTERM what runs may finish, what has not started goes back, and the process ends. */
import './support/database.ts'
import { Monitor, sleep, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const uploads = new PostgresStorage<string>({ pool, queue: 'uploads' })
await uploads.pushAll(['a', 'b', 'c', 'd', 'e'])

let started = 0
const monitor = new Monitor()
  .register(() =>
    new WorkerBuilder('uploader')
      .backend(uploads)
      .concurrency(2)
      .build(async (file, ctx) => {
        console.log(`${file} begins`)
        // As a deploy does. Without `kill` this would be `docker stop` or Ctrl-C.
        if (++started === 2) process.kill(process.pid, 'SIGTERM')
        await sleep(ctx.clock, 300, ctx.signal)
        console.log(`${file} ends`)
      }),
  )
  .onEvent((worker, event) => {
    if (event.type === 'stopping') console.log(`${worker.name} stops, ${event.running} running`)
  })
  .shutdownTimeout('10s')
await monitor.runWithSignal(['SIGTERM', 'SIGINT'])

const { rows } = await pool.query(
  'select status, attempt, count(*)::int as tasks from q.tasks group by 1, 2 order by 1',
)
for (const row of rows) console.log(`${row.status}, attempt ${row.attempt}: ${row.tasks}`)

await uploads.close()
await pool.end()

// Prints:
//   a begins
//   b begins
//   uploader stops, 2 running
//   a ends
//   b ends
//   done, attempt 1: 2
//   pending, attempt 0: 3
