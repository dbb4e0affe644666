/** A handler says how far it is; whoever watches sees it, in whatever process. */
import './support/database.ts'
import { WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const imports = new PostgresStorage<string[]>({ pool, queue: 'imports' })

const worker = new WorkerBuilder('importer').backend(imports).build((rows, ctx) => {
  for (const [index, row] of rows.entries()) {
    if (row === '') ctx.log.warn('an empty row', { index })
    // The last word counts: say it as often as you like.
    ctx.report({ done: index + 1, total: rows.length, note: row })
  }
})

const { id } = await imports.push(['ada', '', 'grace'])
await worker.start()
let last = ''
for await (const event of imports.watch(id)) {
  if (event.type === 'log') console.log(event.line.level, event.line.message, event.line.fields)
  else if (event.type === 'progress') last = `${event.progress.done} of ${event.progress.total}: ${event.progress.note}`
  else if (event.status === 'done') console.log(last)
}

// The history stays with the task.
for (const { attempt, result, worker } of await imports.attempts(id)) console.log(attempt, result, worker)

await worker.stop()
await imports.close()
await pool.end()

// Prints:
//   warn an empty row { index: 1 }
//   3 of 3: grace
//   1 done importer
