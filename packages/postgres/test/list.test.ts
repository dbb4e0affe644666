/** Lists over many lanes against the plain order of all rows, and what bounds them. */
import type { PageRequest, StoredTask, TaskFilter } from '@q/core'
import { STATUSES, uuidv7 } from '@q/core'
import type { PostgresBackend } from '@q/postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
let backend: PostgresBackend

/** Half of them ended. Thirty lanes, many tasks of one time, every status in every queue, ids in no order. */
const TASKS = 1_500
const LANE = '1 + n * 17 % 30'
const ERROR = `jsonb_build_object('name', 'Error', 'message', 'boom', 'fingerprint', lpad(to_hex(n % 5), 16, '0'))`
const START = `timestamptz '2026-01-01'`
const FILL = [
  `insert into $schema.lane (queue, priority) select 'queue-' || q, p from generate_series(1, 6) q, generate_series(-2, 2) p`,
  `insert into $schema.task (id, lane, created_at, codec, payload)
     select md5(n::text)::uuid, ${LANE}, ${START} + n / 4 * interval '1 second', 'json', '1' from generate_series(1, ${TASKS}) n`,
  `insert into $schema.live (id, lane, run_at, token, state, attempt, error)
     select md5(n::text)::uuid, ${LANE}, case when n % 11 = 0 then clock_timestamp() + n % 3 * interval '1 hour' else ${START} + n * 31 % 100 * interval '1 second' end,
            case when s.state in (1, 2) then n % 40 * 100 + ${LANE} else 0 end, s.state, 1, case when s.state = 3 then ${ERROR} end
       from generate_series(1, ${TASKS / 2}) n
      cross join lateral (select case when n % 11 = 0 or n % 7 > 3 then 0 else n % 7 end as state) as s`,
  `insert into $schema.claim (token, instance, worker, lane, from_at, to_at, ids)
     select token, gen_random_uuid(), 1, min(lane), min(run_at), max(run_at), array_agg(id order by id) from $schema.live where state in (1, 2) group by token`,
  `insert into $schema.outcome (id, lane, status, attempt, crashes, token, run_at, finished_at, error)
     select md5(n::text)::uuid, ${LANE}, 4 + n % 3, 1, 0, n, ${START}, ${START} + (500 + n * 31 % 100) * interval '1 second', case when n % 3 = 1 then ${ERROR} end
       from generate_series(${TASKS / 2 + 1}, ${TASKS}) n`,
]

beforeAll(async () => {
  on = await testSchema()
  backend = on.storage({ queue: 'queue-1' }).backend as PostgresBackend
  for (const statement of FILL) await on.rows(statement)
})
afterAll(() => on.end())

async function all(filter: TaskFilter, limit: number): Promise<readonly StoredTask[]> {
  const items: StoredTask[] = []
  for (let cursor: string | undefined; ;) {
    const page = await backend.listTasks(filter, { limit, ...(cursor === undefined ? {} : { cursor }) })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    items.push(...page.items)
    if (page.next === null) return items
    cursor = page.next
  }
}

/** Ids in the order of the list, from rows that were sorted all at once. */
async function expected(where: string): Promise<readonly string[]> {
  const rows = await on.rows<{ id: string }>(`
    select id from (
      select v.id, l.queue, v.state, v.run_at, null::timestamptz as finished_at, v.error, t.created_at
        from $schema.live v join $schema.lane l on l.id = v.lane join $schema.task t on t.id = v.id
      union all
      select o.id, l.queue, o.status, o.run_at, o.finished_at, o.error, t.created_at
        from $schema.outcome o join $schema.lane l on l.id = o.lane join $schema.task t on t.id = o.id
    ) as x where ${where}
    order by finished_at desc nulls first, case when finished_at is null then run_at end,
             case when finished_at is null then id end, id desc`)
  return rows.map((row) => row.id)
}

const PRINT = '0000000000000003'
const cases: [string, TaskFilter, string][] = [
  ['every task', {}, 'true'],
  ...STATUSES.map((status, state): [string, TaskFilter, string] => [status, { status }, `state = ${state}`]),
  ['scheduled', { status: 'scheduled' }, 'state = 0 and run_at > clock_timestamp()'],
  ['one queue', { queue: 'queue-3' }, `queue = 'queue-3'`],
  ['failed of one queue', { queue: 'queue-3', status: 'failed' }, `queue = 'queue-3' and state = 3`],
  ['running of one queue', { queue: 'queue-2', status: 'running' }, `queue = 'queue-2' and state = 2`],
  ['a fingerprint', { fingerprint: PRINT }, `error->>'fingerprint' = '${PRINT}'`],
  [
    'killed of a fingerprint',
    { status: 'killed', fingerprint: PRINT },
    `state = 5 and error->>'fingerprint' = '${PRINT}'`,
  ],
  [
    'pushed within a time',
    { createdFrom: Date.UTC(2026, 0, 1, 0, 0, 90), createdTo: Date.UTC(2026, 0, 1, 0, 5, 0) },
    `created_at >= '2026-01-01 00:01:30Z' and created_at < '2026-01-01 00:05:00Z'`,
  ],
  ['a queue that nobody knows', { queue: 'nobody' }, 'false'],
]

describe.each(cases)('%s', (_, filter, where) => {
  test.each([3, 50, 200])('pages of %i hold each task once, in order', async (limit) => {
    const ids = (await all(filter, limit)).map((task) => task.id)
    expect(ids).toEqual(await expected(where))
  })
})

test.each(cases.filter(([, { status, fingerprint }]) => status === 'scheduled' || fingerprint !== undefined))(
  '%s: counted by looking, all of them',
  async (_, filter, where) => {
    const { length } = await expected(where)
    expect(await backend.countTasks(filter)).toEqual({ value: length, kind: 'exact' })
  },
)

test('a task is shown as it is read by its id', async () => {
  const listed = (await all({}, 200)).filter((_, index) => index % 100 === 0)
  expect(listed).toEqual(await Promise.all(listed.map(({ id }) => backend.fetchById(id))))
})

test('a count of what was pushed within a time is capped where not everything can be looked at', async () => {
  const { value, kind } = await backend.countTasks({ createdFrom: 0 })
  expect(kind).toBe('capped')
  expect(value).toBeGreaterThan(0)
  expect(value).toBeLessThan(TASKS)
})

test('a page that found nothing within its bound goes on, and a count says that it is not all', async () => {
  const queue = `rare-${uuidv7()}`
  await on.rows(`insert into $schema.lane (queue, priority) values ('${queue}', 0)`)
  const lane = `(select id from $schema.lane where queue = '${queue}')`
  await on.rows(`insert into $schema.task (id, lane, created_at, codec, payload)
    select md5('rare' || n)::uuid, ${lane}, now(), 'json', '1' from generate_series(1, 2500) n`)
  await on.rows(`insert into $schema.outcome (id, lane, status, attempt, crashes, token, run_at, finished_at, error)
    select md5('rare' || n)::uuid, ${lane}, 5, 1, 0, n, now(), now() + n * interval '1 millisecond',
           jsonb_build_object('name', 'Error', 'message', 'boom', 'fingerprint', case when n = 1 then 'rare' else 'common' end)
      from generate_series(1, 2500) n`)
  const first = await backend.listTasks({ queue, status: 'killed', fingerprint: 'rare' })
  expect(first.items).toEqual([])
  expect(first.next).not.toBeNull()
  expect((await all({ queue, status: 'killed', fingerprint: 'rare' }, 50)).map((task) => task.finishedAt)).toHaveLength(
    1,
  )
  expect(await backend.countTasks({ queue, fingerprint: 'common' })).toEqual({
    value: expect.any(Number),
    kind: 'capped',
  })
})

describe('is refused, with ERR_OPTION', () => {
  const refused = (page: PageRequest | undefined, filter: TaskFilter = {}) =>
    expect(backend.listTasks(filter, page)).rejects.toMatchObject({ code: 'ERR_OPTION' })

  test.each([0, 201, 1.5, Number.NaN])('a limit of %d', (limit) => refused({ limit }))

  test('a cursor that no page of this list gave', async () => {
    const { next } = await backend.listTasks({}, { limit: 1 })
    const workers = Buffer.from(JSON.stringify({ v: 1, list: 'listWorkers', alive: true, number: 1 })).toString(
      'base64url',
    )
    const other = Buffer.from(Buffer.from(next!, 'base64url').toString().replace('"v":1', '"v":2')).toString(
      'base64url',
    )
    const far = Buffer.from(
      JSON.stringify({ v: 1, list: 'listTasks', part: 0, at: '9999999999999999999', id: uuidv7() }),
    ).toString('base64url')
    for (const cursor of ['', 'x', 'e30', workers, other, far, `${next}!`, next!.slice(3)]) await refused({ cursor })
  })

  test('an unknown status, option or time', async () => {
    await refused(undefined, { status: 'finished' as never })
    await refused(undefined, { queu: 'a' } as never)
    await refused(undefined, { createdFrom: Number.NaN })
    await refused({ size: 3 } as never)
  })
})
