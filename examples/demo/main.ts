/**
 * What `npm start` runs: a database, five queues, twelve thousand tasks with everything that happens to
 * tasks, and at the end a comparison of what had to come out with what the database has.
 */
import { type Database, startDatabase } from '@q/dev-database'
import { SharedPostgresStorage } from '@q/postgres'
import pg from 'pg'
import { type Job, makeInput, ROLLED_BACK } from './input.ts'
import { runJob, type Storages, Tally } from './job.ts'
import { type DemoOptions, readOptions, USAGE } from './options.ts'
import { report } from './report.ts'
import { Screen } from './screen.ts'
import { SCHEMA, setUp } from './set-up.ts'
import { trickle } from './trickle.ts'
import { makeMonitor } from './work.ts'

const screen = new Screen()
const options = readOptions(process.argv.slice(2))
if (options === 'help') console.log(USAGE)
else if ('wrong' in options) {
  console.error(`demo: ${options.wrong}\n\n${USAGE}`)
  process.exitCode = 2
} else await main(options)

async function main(options: DemoOptions): Promise<void> {
  const end = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end.abort())
  if (!process.env['DATABASE_URL']) screen.say('Starting a Postgres of its own (set DATABASE_URL to use yours) …')
  await using database = await startDatabase()
  if (!database.own)
    screen.say(
      `Using DATABASE_URL: the schemas ${SCHEMA} and ${SCHEMA}_shop are dropped and made again, nothing else is touched.`,
    )
  const pool = new pg.Pool({ connectionString: database.url, max: 10 })
  // Without a listener an idle connection that dies would end the process.
  pool.on('error', (error) => screen.say(`a connection was lost: ${error.message}`))
  try {
    await setUp(pool)
    process.exitCode = await run(options, database, pool, end.signal)
  } finally {
    await pool.end()
  }
}

/** @returns The exit code. */
async function run(options: DemoOptions, database: Database, pool: pg.Pool, end: AbortSignal): Promise<number> {
  await using shared = new SharedPostgresStorage({ pool, schema: SCHEMA })
  const storages: Storages = {
    emails: shared.makeShared<Job>({ queue: 'emails' }),
    thumbnails: shared.makeShared<Job>({ queue: 'thumbnails' }),
    invoices: shared.makeShared<Job>({ queue: 'invoices' }),
    webhooks: shared.makeShared<Job>({ queue: 'webhooks' }),
    reports: shared.makeShared<Job>({ queue: 'reports' }),
  }
  const input = makeInput(options.seed)
  const total = input.reduce((sum, { tasks, undecodable }) => sum + tasks.length + undecodable, 0)
  screen.say(
    `${total.toLocaleString('en')} tasks for ${input.length} queues out of seed ${options.seed}; ${ROLLED_BACK} more are pushed in transactions that roll back.`,
  )

  const tally = new Tally()
  await using monitor = makeMonitor(pool, storages, tally.listener)
  const working = monitor.run()
  const result = await Promise.race([
    runJob(screen, pool, SCHEMA, storages, input, tally, end),
    working.then(() => undefined),
  ])
  if (result === undefined) {
    screen.say('Stopped before the end: nothing to compare.')
    return 130
  }
  const isRight = await report(screen, pool, SCHEMA, input, result)
  if (options.once || !isRight) return isRight ? 0 : 1

  screen.say(
    `\nThe database stays up at ${database.own ? database.url : 'DATABASE_URL'} (tasks: select * from ${SCHEMA}.tasks).\nA few tasks are pushed every second. Ctrl-C stops everything.`,
  )
  await trickle(screen, storages, tally, options.seed, end)
  screen.say('Stopping …')
  await monitor.stop()
  screen.say('Stopped.')
  return 0
}
