/**
 * What lists of runs read among a hundred thousand, counted by the server. Their plans were made while the tables were empty and
 * known to be: such a plan stays with its session.
 */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

const RUNS = 100_000
const ID = `lpad(to_hex(n), 32, '0')::uuid`
const STEP = (at: number) => `('${at}' || substr(lpad(to_hex(n), 32, '0'), 2))::uuid`
const AT = `timestamptz '2026-01-01' + n * interval '1 second'`
/** Of a hundred runs one goes on, one failed, one was cancelled; one of a thousand stands still. The others are done. */
const STATUS = `case n % 100 when 0 then 0 when 1 then 4 when 2 then 5 else 3 end`
const STANDS_STILL = 'n % 1000 = 0'
const FILL = [
  `insert into run (id, created_at, finished_at, status, queue, workflow, hash, codec, input, parent_run, parent_task)
     select ${ID}, ${AT}, case when n % 100 > 0 then ${AT} end, ${STATUS}, 'queue-' || n % 10, 'flow-' || n % 7, 'h', 'json', '1',
            case when n % 50 = 3 then lpad('', 32, '0')::uuid end, case when n % 50 = 3 then lpad('', 32, '0')::uuid end
       from generate_series(0, ${RUNS - 1}) n`,
  ...[1, 2].map(
    (at) => `insert into task (id, lane, created_at, codec, payload, run, node, index)
     select ${STEP(at)}, 1, ${AT}, 'json', '1', ${ID}, 'node', 0 from generate_series(0, ${RUNS - 1}) n`,
  ),
  `insert into outcome (id, lane, status, attempt, crashes, step, token, run_at, finished_at)
     select ${STEP(1)}, 1, 4, 1, 0, true, 0, ${AT}, ${AT} from generate_series(0, ${RUNS - 1}) n`,
  `insert into outcome (id, lane, status, attempt, crashes, step, token, run_at, finished_at)
     select ${STEP(2)}, 1, 4, 1, 0, true, 0, ${AT}, ${AT} from generate_series(0, ${RUNS - 1}) n where n % 100 > 0 or ${STANDS_STILL}`,
  `insert into live (id, lane, run_at, step)
     select ${STEP(2)}, 1, ${AT}, true from generate_series(0, ${RUNS - 1}) n where n % 100 = 0 and not (${STANDS_STILL})`,
]

let on: TestSchema
let client: pg.PoolClient
beforeAll(async () => {
  on = await testSchema()
  client = await on.pool.connect()
  await client.query(`set search_path = "${on.schema}"`)
  await client.query(`insert into lane (queue, priority) values ('queue-0', 0)`)
  for (const table of ['run', 'task', 'live', 'outcome', 'message', 'run_join', 'listening', 'page'])
    await client.query(`analyze ${table}`)
  for (const text of [...Object.values(LISTS).map(([list]) => list), VACUUM, UNFINISHED, STEPS])
    await client.query(text)
  for (const statement of FILL) await client.query(statement)
}, 120_000)
afterAll(async () => {
  client.release()
  await on.end()
})

const list = (more: string) => `select * from list_runs(${more}, 50, 10000)`
const NONE = 'null, null'
/** A list, and how many entries it may read of runs. */
const LISTS: Record<string, readonly [text: string, entries: number]> = {
  'all runs': [list(`null, null, null, null, ${NONE}`), 55],
  'all runs from the middle on': [
    list(`null, null, null, null, '2026-01-01 12:00', 'ffffffff-ffff-ffff-ffff-ffffffffffff'`),
    55,
  ],
  'runs of one queue': [list(`'queue-3', null, null, null, ${NONE}`), 600],
  'runs that go on': [list(`null, null, 0::int2, null, ${NONE}`), 55],
  'runs that failed': [list(`null, null, 4::int2, null, ${NONE}`), 110],
  'runs of a run': [list(`null, null, null, lpad('', 32, '0')::uuid, ${NONE}`), 55],
  'runs that no workflow has': [list(`null, 'other', null, null, ${NONE}`), 10_000],
}
const STEPS = `select * from list_steps('${'0'.repeat(31)}3', false, null, 50, 10000)`
const UNFINISHED = 'select * from stuck_runs(50)'
const VACUUM = `select * from vacuum_runs('queue-3', 0, null, null, 30)`

/** Rows read by sequential scans, entries read of the indexes of runs and of steps, while a text runs; and its rows. */
async function reads(text: string) {
  const counters = async () => {
    const { rows } = await client.query<{ sequential: string; runs: string; steps: string }>(
      `select (select coalesce(sum(seq_tup_read), 0) from pg_stat_xact_user_tables where schemaname = $1) as sequential,
              (select coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0) from pg_stat_user_indexes where schemaname = $1 and relname = 'run') as runs,
              (select coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0) from pg_stat_user_indexes where schemaname = $1 and relname = 'task') as steps`,
      [on.schema],
    )
    return rows[0]!
  }
  try {
    await client.query('begin')
    const before = await counters()
    const { rows } = await client.query<Record<string, unknown>>(text)
    const after = await counters()
    const difference = (name: 'sequential' | 'runs' | 'steps') => Number(after[name]) - Number(before[name])
    return { rows, sequential: difference('sequential'), runs: difference('runs'), steps: difference('steps') }
  } finally {
    await client.query('rollback')
  }
}

describe.each([
  ['planned on empty tables', async () => undefined],
  [
    'planned on tables that were filled and analysed',
    async () => {
      await client.query('analyze')
      await client.query('discard plans')
    },
  ],
])('%s', (_, prepare) => {
  beforeAll(async () => {
    await prepare()
  })

  test.each(Object.entries(LISTS))('a page of %s reads its own entries', async (_name, [text, entries]) => {
    const read = await reads(text)
    expect(read.sequential).toBe(0)
    expect(read.runs).toBeLessThanOrEqual(entries)
    expect(read.rows.length).toBe(entries === 10_000 ? 1 : 51)
  })

  test('the steps of a run are read by the run', async () => {
    const read = await reads(STEPS)
    expect(read.rows).toHaveLength(2)
    expect(read.sequential).toBe(0)
    expect(read.steps).toBeLessThanOrEqual(4)
  })

  test('runs that stand still are looked for among those that go on', async () => {
    const read = await reads(UNFINISHED)
    expect(read.rows).toHaveLength(50)
    expect(read.sequential).toBe(0)
    // 50 of 1,000 that go on, one of ten of which stands still; two steps of each.
    expect(read.runs).toBeLessThanOrEqual(510)
    expect(read.steps).toBeLessThanOrEqual(1_020)
  })

  test('a vacuum reads as many runs as it deletes', async () => {
    const read = await reads(VACUUM)
    expect(read.rows).toEqual([{ deleted: 10, more: false }])
    expect(read.sequential).toBe(0)
    expect(read.runs).toBeLessThanOrEqual(200)
    expect(read.steps).toBeLessThanOrEqual(400)
  })
})
