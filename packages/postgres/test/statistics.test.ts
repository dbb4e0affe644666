/** Counters are exact while they are written, folded and read at the same time; folding waits for nobody and keeps nobody. */
import type { PostgresBackend } from '@q/postgres'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
let backend: PostgresBackend
beforeEach(async () => {
  await on?.end()
  on = await testSchema()
  backend = on.storage().backend as PostgresBackend
  await on.rows(
    `insert into $schema.lane (queue, priority) select 'queue-' || q, p from generate_series(1, 2) q, generate_series(0, 1) p`,
  )
})
afterAll(() => on.end())

const MINUTE = 60_000
const NOW = Math.floor(Date.now() / MINUTE) * MINUTE
const bar = (bucket: number, n: number): number => n * 32 + bucket

/** Appends as a settlement does: one row. */
async function tally(lane: number, at: number, what: Record<string, number | readonly number[]>): Promise<void> {
  const names = Object.keys(what)
  await on.rows(
    `insert into $schema.tally (lane, minute, ${names.join(', ')}) values ($1, $2, ${names.map((_, n) => `$${n + 3}`).join(', ')})`,
    [lane, Math.floor(at / MINUTE), ...Object.values(what)],
  )
}
const roll = async (rows = 5_000): Promise<number> =>
  Number((await on.rows<{ roll: number }>('select $schema.roll($1)', [rows]))[0]!.roll)

describe('folding', () => {
  test('changes nothing that a reader sees', async () => {
    await tally(1, NOW, {
      pushed: 9,
      unfinished: 7,
      done: 2,
      failing: 1,
      ran: [bar(0, 1), bar(5, 3)],
      waited: [bar(23, 2)],
    })
    await tally(2, NOW, { pushed: 1, unfinished: 1 })
    await tally(3, NOW - 5 * MINUTE, { done: 4, killed: 1, cancelled: 2, unfinished: -1, ran: [bar(5, 4)] })
    await tally(3, NOW, { gone: [3, 0, 1], unfinished: 2 })
    const look = async () => ({
      queues: await backend.listQueues(),
      all: await backend.countTasks({}),
      done: await backend.countTasks({ queue: 'queue-2', status: 'done' }),
      series: await Promise.all(
        (['minute', 'hour', 'day'] as const).flatMap((step) =>
          [undefined, 'queue-1'].map((queue) =>
            backend.metrics({ from: NOW - 10 * MINUTE, to: NOW + 1, step, ...(queue === undefined ? {} : { queue }) }),
          ),
        ),
      ),
    })
    const before = await look()
    expect(await roll(2)).toBe(2)
    expect(await look()).toEqual(before)
    expect(await roll()).toBe(2)
    expect(await look()).toEqual(before)
    await tally(1, NOW, { pushed: 1, done: 1, ran: [bar(5, 1)] })
    const once = await look()
    expect(await roll()).toBe(1)
    expect(await look()).toEqual(once)

    expect(before.all).toEqual({ value: 14, kind: 'exact' })
    expect(before.done).toEqual({ value: 1, kind: 'exact' })
    const minutes = once.series[1]!
    expect(minutes).toHaveLength(11)
    expect(minutes.at(-1)).toMatchObject({ at: NOW, pushed: 11, done: 3, failed: 0 })
    expect(
      minutes
        .at(-1)!
        .ran.map((n, bucket) => [bucket, n])
        .filter(([, n]) => n! > 0),
    ).toEqual([
      [0, 1],
      [5, 4],
    ])
    expect(minutes.at(-1)!.waited[23]).toBe(2)
    expect(once.series[0]!.at(-6)).toMatchObject({ at: NOW - 5 * MINUTE, done: 4, killed: 1, cancelled: 2 })
    expect(before.queues.map(({ queue, activity }) => [queue, activity.at(-1)! + activity.at(-2)!])).toEqual([
      ['queue-1', 2],
      ['queue-2', 7],
    ])
  })

  test('by one at a time: a second folder returns at once and takes nothing', async () => {
    await tally(1, NOW, { pushed: 1, unfinished: 1 })
    const client = await on.pool.connect()
    try {
      await client.query('begin')
      await client.query(`select "${on.schema}".roll(100)`)
      expect(await roll()).toBe(0)
      expect((await backend.countTasks({})).value).toBe(1)
    } finally {
      await client.query('rollback')
      client.release()
    }
    expect(await roll()).toBe(1)
  })

  test('keeps no writer waiting', async () => {
    await tally(1, NOW, { pushed: 1, unfinished: 1 })
    const [folder, writer] = [await on.pool.connect(), await on.pool.connect()]
    try {
      await folder.query('begin')
      await folder.query(`select "${on.schema}".roll(100)`)
      await writer.query(`set lock_timeout = '500ms'`)
      await writer.query(`insert into "${on.schema}".tally (lane, minute, pushed, unfinished) values (1, 1, 1, 1)`)
      await folder.query('commit')
    } finally {
      await folder.query('rollback')
      await writer.query('reset lock_timeout')
      folder.release()
      writer.release()
    }
    expect((await backend.countTasks({})).value).toBe(2)
  })

  test('while four write and two fold, every read adds up', async () => {
    let writing = true
    const write = async (lane: number): Promise<void> => {
      // each row moves one task from waiting to done, so that the sum of all stays
      for (let n = 0; n < 150; n++) await tally(lane, NOW, { unfinished: -1, done: 1 })
    }
    const fold = async (): Promise<void> => {
      while (writing) await roll(40)
    }
    const read = async (): Promise<number[]> => {
      const sums: number[] = []
      while (writing) sums.push((await backend.countTasks({})).value)
      return sums
    }
    await Promise.all([1, 2, 3, 4].map((lane) => tally(lane, NOW, { pushed: 200, unfinished: 200 })))
    const others = Promise.all([fold(), fold(), read()])
    await Promise.all([1, 2, 3, 4].map(write)).finally(() => (writing = false))
    const [, , sums] = await others
    expect(sums.length).toBeGreaterThan(5)
    expect(new Set(sums)).toEqual(new Set([800]))
    expect(await backend.countTasks({ status: 'done' })).toEqual({ value: 600, kind: 'exact' })
  })

  test('forgets minutes after two days, hours after thirty and days after four hundred', async () => {
    const day = 24 * 60 * MINUTE
    for (const days of [0, 1, 3, 29, 32, 390, 402]) await tally(1, NOW - days * day, { done: 1 })
    await roll()
    await tally(1, NOW, { done: 1 })
    await roll()
    const kept = await on.rows<{ step: number; days: number }>(
      `select step, round(extract(epoch from now() - at) / 86400)::int as days from $schema.stat where queue = 'queue-1' order by step, days`,
    )
    const of = (step: number) => kept.filter((row) => row.step === step).length
    expect([of(0), of(1), of(2)]).toEqual([2, 4, 6])
  })

  test('is done by readers when much was appended', async () => {
    await on.rows(
      `insert into $schema.tally (lane, minute, pushed, unfinished) select 1 + n % 4, 1, 1, 1 from generate_series(1, 1500) n`,
    )
    expect((await backend.countTasks({})).value).toBe(1_500)
    expect(await on.rows('select from $schema.tally')).toHaveLength(0)
  })
})

describe('error groups', () => {
  const fail = (queue: number, fingerprint: string, at: number, message: string, n = 1) =>
    on.rows(
      `insert into $schema.failure (lane, fingerprint, at, n, sample, name, message)
       values ($1, $2, to_timestamp($3::float8 / 1000), $4, md5($5)::uuid, 'Error', $5)`,
      [1 + 2 * (queue - 1), fingerprint, at, n, message],
    )

  test('are the same before and after they were folded, and pages hold each once', async () => {
    for (let n = 0; n < 20; n++) await fail(1 + (n % 2), `print-${n % 7}`, NOW + n, `boom ${n}`, n)
    const look = async () => {
      const groups = []
      for (let cursor: string | undefined; ;) {
        const page = await backend.listErrorGroups({}, { limit: 3, ...(cursor === undefined ? {} : { cursor }) })
        groups.push(...page.items)
        if (page.next === null) return groups
        cursor = page.next
      }
    }
    const before = await look()
    await roll(7)
    expect(await look()).toEqual(before)
    await roll(5)
    expect(await look()).toEqual(before)
    await roll()
    expect(await look()).toEqual(before)

    expect(before).toHaveLength(14)
    expect(before.map(({ lastAt }) => lastAt)).toEqual(before.map(({ lastAt }) => lastAt).toSorted((a, b) => b - a))
    expect(before[0]).toMatchObject({
      queue: 'queue-2',
      fingerprint: 'print-5',
      message: 'boom 19',
      count: 24,
      firstAt: NOW + 5,
      lastAt: NOW + 19,
    })
    expect((await backend.listErrorGroups({ queue: 'queue-1' })).items).toEqual(
      before.filter(({ queue }) => queue === 'queue-1'),
    )
  })

  test('unseen for thirty days are forgotten', async () => {
    await fail(1, 'old', NOW - 31 * 24 * 60 * MINUTE, 'old')
    await fail(1, 'new', NOW, 'new')
    await roll()
    await roll()
    expect((await backend.listErrorGroups()).items.map(({ fingerprint }) => fingerprint)).toEqual(['new'])
  })
})

describe('metrics are refused, with ERR_OPTION', () => {
  test.each([
    ['an unknown step', { step: 'week' as never }],
    ['a time that is none', { from: Number.NaN }],
    ['an unknown option', { till: 3 } as never],
  ])('%s', async (_, wrong) => {
    await expect(backend.metrics({ from: 0, to: NOW, step: 'day', ...(wrong as object) })).rejects.toMatchObject({
      code: 'ERR_OPTION',
    })
  })

  test('but never more than 1,500 points are told', async () => {
    expect(await backend.metrics({ from: 0, to: NOW, step: 'minute' })).toHaveLength(1_500)
    expect(await backend.metrics({ from: NOW, to: NOW, step: 'minute' })).toEqual([])
  })
})
