/** What queues show at a glance where much is held: it stays right, whatever lies at the front of a lane. */
import type { PostgresBackend } from '@q/postgres'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
let backend: PostgresBackend
beforeEach(async () => {
  await on?.end()
  on = await testSchema()
  backend = on.storage().backend as PostgresBackend
  await on.rows(`insert into $schema.lane (queue, priority) values ('busy', 0), ('other', 0)`)
})
afterAll(() => on.end())

/** Tasks of the first lane: `due` milliseconds ago, one millisecond after the other. Held ones are claimed a hundred at a time. */
async function fill(count: number, due: number, state: 0 | 1 | 2): Promise<void> {
  await on.rows(
    `with filled as (
       insert into $schema.live (id, lane, run_at, state, attempt, token)
         select gen_random_uuid(), 1, now() + (n - $2::float8) * interval '1 millisecond', $3::int2, 1, case when $3::int2 > 0 then n / 100 else 0 end
           from generate_series(1, $1::int4) n
       returning id, run_at, token
     ), held as (
       insert into $schema.claim (token, instance, worker, lane, from_at, to_at, ids)
         select token, gen_random_uuid(), 1, 1, min(run_at), max(run_at), array_agg(id order by id) from filled where $3::int2 > 0 group by token
     )
     insert into $schema.tally (lane, minute, pushed, unfinished) values (1, 0, $1::int4, $1::int4)`,
    [count, due, state],
  )
}
const busy = async () => (await backend.listQueues()).find(({ queue }) => queue === 'busy')!

test('behind thousands of held tasks the first that waits is found, and what is not yet due is told apart', async () => {
  await fill(2_500, 60_000, 2)
  await fill(2, -3_600_000, 0)
  expect(await busy()).toMatchObject({ counts: { running: 2_500, pending: 2, scheduled: 2 }, oldestDueMs: null })
  await fill(3, 10_000, 0)
  const { counts, oldestDueMs } = await busy()
  expect(counts).toMatchObject({ running: 2_500, pending: 5, scheduled: 2 })
  expect(oldestDueMs).toBeGreaterThanOrEqual(9_990)
  expect(oldestDueMs).toBeLessThan(60_000)
})

test('past ten thousand claims nothing is taken for scheduled that may be due', async () => {
  await on.rows(
    `insert into $schema.claim (token, instance, worker, lane, from_at, to_at, ids)
       select -n, gen_random_uuid(), 1, 2, now(), now(), array[gen_random_uuid()] from generate_series(1, 10001) n`,
  )
  await fill(200, 60_000, 1)
  await fill(3, 10_000, 0)
  await fill(2, -3_600_000, 0)
  const { counts, oldestDueMs } = await busy()
  expect(counts.scheduled).toBe(2)
  expect(oldestDueMs).toBeGreaterThanOrEqual(9_990)
})

test('a filter that is none is refused', async () => {
  await expect(backend.listQueues({ name: 'busy' } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
})
