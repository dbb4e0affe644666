/** Up to where all is folded is noted, so that nobody reads what was, and nothing that was not is passed over. */
import type { PostgresBackend } from '@q/postgres'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
let backend: PostgresBackend
beforeEach(async () => {
  await on?.end()
  on = await testSchema()
  backend = on.storage().backend as PostgresBackend
  await on.rows(`insert into $schema.lane (queue, priority) select 'queue-' || n, 0 from generate_series(1, 4) n`)
})
afterAll(() => on.end())

/** Appends as that many statements do, each a transaction of its own. */
async function append(count: number, rows = 1): Promise<void> {
  await on.rows(`do $$ begin
    for n in 1 .. ${count} loop
      insert into $schema.tally (lane, minute, unfinished) select 1 + r % 4, 1, 1 from generate_series(1, ${rows}) r;
      set local synchronous_commit = off;
      commit;
    end loop;
  end $$`)
}
interface Plans {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: { readonly 'Shared Hit Blocks': number } }]
}
const roll = async (rows = 5_000): Promise<number> =>
  Number((await on.rows<{ roll: number }>('select $schema.roll($1)', [rows]))[0]!.roll)

test('folding leaves what a transaction wrote that was under way to a later one', async () => {
  const client = await on.pool.connect()
  try {
    await client.query('begin')
    await client.query(`insert into "${on.schema}".tally (lane, minute, unfinished) values (1, 1, 5)`)
    await append(2_500)
    await roll()
    const [note] = await on.rows<{ apart: number }>('select cardinality(apart) as apart from $schema.folded')
    expect(note!.apart).toBeGreaterThan(0)
    expect((await backend.countTasks({})).value).toBe(2_500)
    await client.query('commit')
  } finally {
    client.release()
  }
  expect((await backend.countTasks({})).value).toBe(2_505)
  expect(await roll()).toBe(1)
  expect((await backend.countTasks({})).value).toBe(2_505)
  expect(await roll()).toBe(0)
})

test('folding in parts notes how far it came, and leaves no row behind', async () => {
  await append(2_500)
  for (let left = 2_500; left > 0; left -= 400) {
    expect(await roll(400)).toBe(Math.min(400, left))
    expect(await on.rows('select sum(unfinished)::int4 as n from $schema.lane_count')).toEqual([{ n: 2_500 }])
  }
  expect(await on.rows('select from $schema.tally')).toEqual([])
})

test('folding keeps reads short while a snapshot keeps every folded row where it is', async () => {
  const client = await on.pool.connect()
  try {
    await client.query('begin isolation level repeatable read')
    await client.query('select 1')
    for (let round = 0; round < 3; round++) {
      await append(2_000, 10)
      while ((await roll()) > 0);
    }
    await append(10, 1)
    await on.rows('analyze $schema.tally')
    const pages = async (query: string): Promise<number> => {
      const plans: Plans[] = []
      for (let n = 0; n < 2; n++)
        plans.push(...(await on.rows<Plans>(`explain (analyze, buffers, format json) ${query}`)))
      return plans[1]!['QUERY PLAN'][0].Plan['Shared Hit Blocks']
    }
    expect(
      (await on.rows<{ n: number }>(`select pg_relation_size('$schema.tally')::int / 8192 as n`))[0]!.n,
    ).toBeGreaterThan(400)
    expect(await pages('select * from $schema.count_statuses(null)')).toBeLessThan(100)
    expect(await pages('select * from $schema.list_queues(null)')).toBeLessThan(200)
    expect(await pages('select $schema.roll_when_long()')).toBeLessThan(100)
    expect(await backend.countTasks({})).toEqual({ value: 60_010, kind: 'exact' })
  } finally {
    await client.query('rollback')
    client.release()
  }
})

test('folding goes by no note that came with a dump, where transactions are counted from anew', async () => {
  await append(1_500)
  await roll()
  for (const came of [`before = '900000000000'`, `home = 1`, `before = '900000000000', home = 1`]) {
    await on.rows(`update $schema.folded set ${came}`)
    await on.rows('insert into $schema.tally (lane, minute, unfinished) select 1, $schema.minute_of(now()), 1')
    const { value } = await backend.countTasks({})
    expect(await roll()).toBe(1)
    expect((await backend.countTasks({})).value).toBe(value)
  }
  expect((await backend.countTasks({})).value).toBe(1_503)
  expect(
    await on.rows(`select from $schema.folded where home = '$schema.folded'::regclass and before < '900000000000'`),
  ).toHaveLength(1)
})
