/**
 * What each read costs with a million tasks: pages of 8 KiB touched, as the server counts them, and no table scanned.
 *
 * Pages are asserted strictly. Times depend on the machine: they are printed, and asserted with room to spare.
 */
import type { TaskFilter } from '@q/core'
import { STATUSES } from '@q/core'
import type { PostgresBackend } from '@q/postgres'
import type { CompiledQuery } from 'kysely'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { partsOf } from '../src/filter.ts'
import { countQuery, listQuery, scheduledQuery } from '../src/query/list.ts'
import { groupsQuery, queuesQuery, seriesQuery, statusesQuery, workersQuery } from '../src/query/statistics.ts'
import { fillWithMillion, HELD, QUEUES, SCHEDULED, TASKS } from './support/million.ts'
import { testSchema, type TestSchema } from './support/schema.ts'

const PAGES = 3_000
/** Of one queue: it costs no more for the others there are. */
const ONE_QUEUE_PAGES = 150
const MS = 50
const TIMER_MS = 10
/** Other tests, and other programs, run beside this one. */
const SLACK = 8
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

let on: TestSchema
let client: pg.PoolClient
const measured: { what: string; ms: number; pages: number }[] = []

beforeAll(async () => {
  on = await testSchema()
  await fillWithMillion(on)
  client = await on.pool.connect()
}, 180_000)
afterAll(async () => {
  console.info(
    measured
      .map(({ what, ms, pages }) => `${ms.toFixed(1).padStart(7)} ms ${String(pages).padStart(5)} pages  ${what}`)
      .join('\n'),
  )
  client.release()
  await on.end()
})

interface Plan {
  readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number }
  readonly 'Execution Time': number
}

async function scans(): Promise<number> {
  const { rows } = await client.query<{ scans: number }>(
    `select coalesce(sum(seq_scan), 0)::int as scans from pg_stat_xact_user_tables
      where schemaname = $1 and relname in ('task', 'live', 'outcome', 'attempt', 'log')`,
    [on.schema],
  )
  return rows[0]!.scans
}

/** Explains a query as it is sent, within functions too, and checks it against a budget. */
async function costs(what: string, query: CompiledQuery, pages = PAGES, ms = MS): Promise<void> {
  const explain = async (): Promise<Plan> => {
    const { rows } = await client.query<{ 'QUERY PLAN': [Plan] }>(
      `explain (analyze, buffers, format json) ${query.sql}`,
      [...query.parameters],
    )
    return rows[0]!['QUERY PLAN'][0]
  }
  await client.query('begin')
  try {
    // The first call of a connection also reads the catalog.
    await explain()
    const before = await scans()
    const plans = [await explain(), await explain()]
    expect(await scans(), `${what} scans a table`).toBe(before)
    const touched = plans.map(({ Plan: plan }) => plan['Shared Hit Blocks'] + plan['Shared Read Blocks'])
    const took = Math.min(...plans.map((plan) => plan['Execution Time']))
    measured.push({ what, ms: took, pages: touched[1]! })
    expect(touched[1], `pages of ${what}`).toBeLessThan(pages)
    expect(took, `milliseconds of ${what}`).toBeLessThan(ms * SLACK)
  } finally {
    await client.query('rollback')
  }
}

const filters: TaskFilter[] = [
  {},
  ...[...STATUSES, 'scheduled' as const].map((status) => ({ status })),
  { fingerprint: '000000000000000f' },
  { status: 'killed', fingerprint: '0000000000000001' },
  { createdFrom: Date.now() - 8 * DAY, createdTo: Date.now() - 7 * DAY },
]

describe.each(['freshly filled', 'analysed'])('%s', (state) => {
  beforeAll(async () => {
    if (state === 'analysed') await client.query('analyze')
  }, 60_000)
  const said = (what: string): string => `${what}, ${state}`

  test.each(filters)('pages of tasks: %j', async (filter) => {
    for (const queue of [undefined, 'queue-07']) {
      const wanted = { ...filter, ...(queue === undefined ? {} : { queue }) }
      for (const { request, start } of partsOf(wanted)) {
        const first = listQuery(on.schema, { ...request, after: start, limit: 50 })
        const name = `${request.source} ${JSON.stringify(wanted)}`
        await costs(said(`page ${name}`), first)
        const { rows } = await client.query<{ at_us: string; id: string; queue: string | null }>(first.sql, [
          ...first.parameters,
        ])
        const last = rows.at(-1)
        if (last?.queue !== null) continue
        const after = { at: last.at_us, id: last.id }
        await costs(said(`next ${name}`), listQuery(on.schema, { ...request, after, limit: 50 }))
      }
    }
  })

  test.each(filters.filter(({ fingerprint, createdFrom }) => fingerprint !== undefined || createdFrom !== undefined))(
    'counts by looking: %j',
    async (filter) => {
      for (const { request, start } of partsOf(filter))
        await costs(
          said(`count ${request.source} ${JSON.stringify(filter)}`),
          countQuery(on.schema, { ...request, after: start, limit: 10_000 }),
        )
    },
  )

  test('counts by status, scheduled among them', async () => {
    await costs(said('statuses of all queues'), statusesQuery(on.schema, null), PAGES, TIMER_MS)
    await costs(said('statuses of one queue'), statusesQuery(on.schema, 'queue-07'), PAGES, TIMER_MS)
    await costs(said('scheduled of all queues'), scheduledQuery(on.schema, null, 10_000))
    await costs(said('scheduled of one queue'), scheduledQuery(on.schema, 'queue-07', 10_000))
  })

  test('the list of queues, and of one of them', async () => {
    await costs(said('queues'), queuesQuery(on.schema, null), PAGES, TIMER_MS)
    await costs(said('one queue'), queuesQuery(on.schema, 'queue-07'), ONE_QUEUE_PAGES, TIMER_MS)
  })

  test('series', async () => {
    const now = Math.floor(Date.now() / MINUTE) * MINUTE
    for (const queue of [null, 'queue-07']) {
      await costs(
        said(`60 minutes of ${queue ?? 'all queues'}`),
        seriesQuery(on.schema, queue, 0, now - 60 * MINUTE, now),
        PAGES,
        TIMER_MS,
      )
      await costs(said(`30 days of ${queue ?? 'all queues'}`), seriesQuery(on.schema, queue, 2, now - 30 * DAY, now))
    }
  })

  test('error groups and workers', async () => {
    for (const queue of [null, 'queue-07']) {
      await costs(said(`error groups of ${queue ?? 'all queues'}`), groupsQuery(on.schema, queue, null, 51))
      await costs(said(`workers of ${queue ?? 'all queues'}`), workersQuery(on.schema, queue, null, 51))
    }
  })
})

test('what is counted is what is there', async () => {
  const backend = on.storage({ queue: 'queue-07' }).backend as PostgresBackend
  const queues = await backend.listQueues()
  const sum = (read: (counts: (typeof queues)[number]['counts']) => number): number =>
    queues.reduce((total, { counts }) => total + read(counts), 0)
  expect(queues).toHaveLength(QUEUES)
  expect(sum(({ queued }) => queued) + sum(({ running }) => running)).toBe(HELD)
  expect(await backend.countTasks({})).toEqual({ value: TASKS, kind: 'exact' })
  expect(await backend.countTasks({ status: 'scheduled' })).toEqual({ value: 10_000, kind: 'capped' })
  expect(await backend.countTasks({ status: 'scheduled', queue: 'queue-07' })).toEqual({
    value: SCHEDULED / QUEUES,
    kind: 'exact',
  })
  expect(queues.every(({ counts, oldestDueMs }) => counts.pending > 0 && oldestDueMs! > 0)).toBe(true)
})
