/**
 * A session keeps the plans it made. So each function that takes a list of ids is planned while there is nothing, or next
 * to nothing, and must read no more than its ids once there is much; the same in a session that comes later.
 *
 * Entries of indexes are counted by the server, within a transaction that is rolled back.
 */
import { uuidv7 } from '@q/core'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

const QUEUE = 'q'
const MANY = 6_000
const HELD = 200
const IDS = 50
/** Look-ups of one id by one call, all of its statements together: of `live`, and of any other table. */
const LOOKS = 14
const TABLES = ['live', 'task', 'outcome', 'attempt', 'log', 'progress', 'cancellation', 'idempotency', 'uniqueness']

interface Call {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
  readonly ids: number
}

describe.each([
  ['nothing', 0],
  ['one task of each kind', 1],
  ['two of each', 2],
])('planned when there was %s', (_, few) => {
  let on: TestSchema
  let instance: string
  let early: pg.PoolClient
  beforeAll(async () => {
    on = await testSchema()
    for (const table of TABLES) await on.rows(`alter table $schema.${table} set (autovacuum_enabled = false)`)
    instance = uuidv7()
    await on.storage({ queue: QUEUE }).backend.register({ instance, name: 'test', queues: [QUEUE], leaseMs: 600_000 })
    await on.rows(`select $schema.ensure_lane($1, 0::int2)`, [QUEUE])
    await fill(few, few, few)
    for (const table of TABLES) await on.rows(`vacuum analyze $schema.${table}`)
    early = await on.pool.connect()
    // The second time, the plan of the first is there.
    for (let time = 0; time < 2; time++) for (const call of await calls()) await entries(early, call)
    await fill(MANY, HELD, MANY)
  }, 60_000)
  afterAll(async () => {
    early.release()
    await on.end()
  })

  async function fill(waiting: number, held: number, ended: number): Promise<void> {
    const { backend } = on.storage<number>({ queue: QUEUE })
    const storage = on.storage<number>({ queue: QUEUE })
    for (let left = waiting + held + ended; left > 0; left -= 1_000)
      await storage.pushBulk(Array.from({ length: Math.min(left, 1_000) }, (__, n) => n))
    const claim = async (limit: number) => (await backend.claim({ instance, queues: [{ queue: QUEUE, limit }] })).tasks
    for (let left = ended; left > 0; left -= 1_000) {
      const tasks = await claim(Math.min(left, 1_000))
      await backend.settle(tasks.map(({ id, token }) => ({ id, token, kind: 'done', result: null })))
    }
    if (held > 0) await claim(held)
    await on.rows(
      `insert into $schema.attempt (id, token, lane, attempt, result, ended_at) select id, token, lane, 1, 3, now() from $schema.outcome
       on conflict do nothing`,
    )
    await on.rows(
      `insert into $schema.log (id, attempt, level, at, message) select id, 1, 0, now(), 'said' from $schema.outcome`,
    )
  }

  /** With ids of tasks that are held, wait and ended, as far as there are any. */
  async function calls(): Promise<Call[]> {
    const pick = async (text: string): Promise<string[]> => {
      const rows = await on.rows<{ id: string }>(`${text} order by id limit ${IDS}`)
      return rows.length === 0 ? [uuidv7()] : rows.map(({ id }) => id)
    }
    const held = await pick(`select id from $schema.live where state = 1`)
    const waits = await pick(`select id from $schema.live where state = 0`)
    const ids = [...held, ...waits, ...(await pick(`select id from $schema.outcome`))].sort()
    const [claim] = await on.rows<{ token: string }>(
      `select token from $schema.live where state = 1 order by id limit 1`,
    )
    const of = <T>(value: T, list = held): T[] => list.map(() => value)
    const tokens = of(claim?.token ?? '7')
    const settle = (name: string, kind: (n: number) => number, under = tokens): Call => ({
      name: `settle: ${name}`,
      text: `select * from $schema.settle($1::uuid[], $2::int8[], $3::int2[], null, $4::float8[], null, null, null, null, '{}')`,
      values: [held, under, held.map((id, n) => kind(n)), of(1_000)],
      ids: held.length,
    })
    const about = (name: string, list: readonly string[] = ids, rest = ''): Call => ({
      name,
      text: `select * from $schema.${name}($1::uuid[]${rest})`,
      values: [list],
      ids: list.length,
    })
    const push = (name: string, list: readonly string[]): Call => ({
      name: `push_keyed: ${name}`,
      text: `select * from $schema.push_keyed($1::uuid[], $2::int4[], null, null, null, $3::text[], $4::bytea[], null, null,
               array[1], array['${QUEUE}'], array[0]::int2[], false, $5::text[], $6::jsonb[], null, true)`,
      values: [
        list,
        list.map(() => 1),
        list.map(() => 'json'),
        list.map(() => Buffer.from('1')),
        list,
        list.map((key) => JSON.stringify({ key, unfinished: true, windowMs: 0, replace: true })),
      ],
      ids: list.length,
    })
    return [
      settle('done', () => 4),
      settle('failed', () => 3),
      settle('progress', () => 9),
      settle('some of each', (n) => 3 + (n % 7)),
      settle('stale', () => 4, of('5')),
      {
        name: 'report',
        text: `select $schema.report($1::uuid[], $2::int8[], $3::float8[], null, null, $1::uuid[], $4::int2[], $4::int2[], $3::float8[], $5::text[], null)`,
        values: [held, tokens, of(1), of(1), of('said')],
        ids: held.length,
      },
      {
        name: 'beat',
        text: 'select * from $schema.beat($3, 5000, $1::uuid[], $2::int8[])',
        values: [held, tokens, instance],
        ids: held.length,
      },
      about('cancel', ids, `, '{}'`),
      about('resume_tasks'),
      about('remove_tasks'),
      about('locked_live'),
      about('locked_idempotency'),
      {
        name: 'vacuum_queue',
        text: `select $schema.vacuum_queue($1, 0, 0, 0, ${IDS}, null)`,
        values: [QUEUE],
        ids: IDS,
      },
      { name: 'deregister', text: 'select $schema.deregister($1)', values: [instance], ids: HELD + 2 },
      push(
        'new',
        Array.from({ length: IDS }, () => uuidv7()),
      ),
      push('known', ids),
    ]
  }

  /** Entries read of the indexes of each table, and rows of tables read from end to end. */
  async function entries(client: pg.PoolClient, call: Call): Promise<Record<string, number>> {
    const counters = async (): Promise<Record<string, number>> => {
      const { rows } = await client.query<{ name: string; read: string }>(
        `select relname as name, sum(pg_stat_get_xact_tuples_returned(indexrelid)) as read
           from pg_stat_user_indexes where schemaname = $1 and relname = any ($2) group by 1
         union all
         select 'all of ' || relname, seq_tup_read from pg_stat_xact_user_tables where schemaname = $1 and relname = any ($2)`,
        [on.schema, TABLES],
      )
      return Object.fromEntries(rows.map(({ name, read }) => [name, Number(read)]))
    }
    await client.query('begin')
    try {
      const before = await counters()
      await client.query(call.text.replaceAll('$schema', `"${on.schema}"`), [...call.values])
      const after = await counters()
      return Object.fromEntries(Object.keys(after).map((name) => [name, after[name]! - (before[name] ?? 0)]))
    } finally {
      await client.query('rollback')
    }
  }

  async function isBounded(client: pg.PoolClient): Promise<void> {
    for (const call of await calls()) {
      const read = await entries(client, call)
      const most = LOOKS * call.ids
      const beyond = Object.entries(read).filter(([name, n]) => n > (name.startsWith('all of') ? 0 : most))
      expect(beyond, `${call.name} of ${call.ids}`).toEqual([])
    }
  }

  test('each call reads what it names, in the session that planned it and in a later one', async () => {
    await isBounded(early)
    const later = await on.pool.connect()
    await isBounded(later)
    later.release()
  })

  test('and so it does once all is analysed', async () => {
    for (const table of TABLES) await on.rows(`vacuum analyze $schema.${table}`)
    const later = await on.pool.connect()
    await isBounded(later)
    later.release()
  })
})
