/** How a handler steers its task: throw to fail, and three errors that say what is to happen instead. */
import './support/database.ts'
import { AbortError, DeferredError, fixed, retry, RetryAfterError, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const calls = new PostgresStorage<string>({ pool, queue: 'calls' })

let busy = true
const worker = new WorkerBuilder('caller')
  .backend(calls)
  .use(retry({ retries: 2, backoff: fixed('100ms') }))
  .build(async (who, ctx) => {
    if (who === 'flaky' && ctx.attempt === 1) throw new Error('no answer')
    if (who === 'limited' && ctx.attempt === 1) throw new RetryAfterError('429', '200ms')
    if (who === 'unknown') throw new AbortError('no such number')
    if (who === 'dead') throw new Error('no answer')
    if (who === 'early' && busy) {
      busy = false
      throw new DeferredError('100ms')
    }
  })

const people = ['flaky', 'limited', 'unknown', 'dead', 'early']
const receipts = await calls.pushBulk(people)
const waits = receipts.map(({ id }) => calls.waitFor(id).catch(() => undefined))
await worker.runUntil(Promise.all(waits))

for (const [index, { id }] of receipts.entries()) {
  const sql = `select status, attempt, error->>'message' as error from q.tasks where id = $1`
  const { status, attempt, error } = (await pool.query(sql, [id])).rows[0]
  console.log(`${people[index]}: ${status} in attempt ${attempt}${error ? `, ${error}` : ''}`)
}

await calls.close()
await pool.end()

// Prints:
//   flaky: done in attempt 2
//   limited: done in attempt 2
//   unknown: killed in attempt 1, no such number
//   dead: killed in attempt 3, no answer
//   early: done in attempt 1
