/** Steps beside other tasks, and what the statements of runs read. */
import type { NewTask, RunPart, Settlement } from '@q/core'
import { uuidv7 } from '@q/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'
import { arrival, done, newRun, step, underWay } from './support/steps.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

test('a step that is pushed like a task is one of its run, beside tasks with keys and steps of a run that is not stored', async () => {
  const { backend, queue, runs, claim } = await underWay(on, (q) => [newRun(q, [])])
  const run = runs[0]!.id
  const nobody = step(queue, uuidv7(), 'a')
  const keyed = step(queue, run, '', { step: null, key: 'k' })
  const own = step(queue, run, 'a')
  const tasks = [own, nobody, keyed, own, { ...keyed, id: uuidv7() }]
  expect(await backend.push(tasks)).toEqual([
    { id: own.id, outcome: 'created' },
    { id: nobody.id, outcome: 'created' },
    { id: keyed.id, outcome: 'created' },
    { id: own.id, outcome: 'duplicate' },
    { id: keyed.id, outcome: 'duplicate' },
  ])
  const claimed = await claim()
  expect(claimed.map(({ id, step: of }) => [id, of?.node])).toEqual([
    [nobody.id, undefined],
    [keyed.id, undefined],
    [own.id, 'a'],
  ])
  expect(await on.rows('select step from $schema.live where id = any ($1) order by id', [[own.id, nobody.id]])).toEqual(
    [own, nobody].sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ id }) => ({ step: id === own.id })),
  )
})

test('a step may lead to tasks with keys and unique keys beside its next step', async () => {
  const { backend, queue, runs, steps, claim } = await underWay(on, (q) => [newRun(q, ['a', 'b', 'c'])])
  const run = runs[0]!.id
  const plain = (more: Partial<NewTask>): NewTask => step(queue, run, '', { step: null, ...more })
  const unique = { key: 'u', while: 'unfinished', windowMs: 0, otherwise: 'keep' } as const
  const follows = steps[0]!.map((_, n) => [step(queue, run, `next ${n}`), plain({ key: 'k' }), plain({ unique })])
  const [a, b, c] = steps[0]!
  const stale = { ...c!, token: '1' }
  expect(
    await backend.settle([
      { ...done(a!, { run }), follow: follows[0]! },
      { ...done(b!, { run }), follow: follows[1]! },
      { ...done(stale, { run }), follow: follows[2]! },
    ]),
  ).toEqual(['applied', 'applied', 'stale'])
  const claimed = await claim()
  expect(new Set(claimed.map(({ step: of }) => of?.node))).toEqual(new Set(['next 0', 'next 1', undefined]))
  expect(claimed).toHaveLength(4)
  expect(
    (a!.id < b!.id ? follows[0]! : follows[1]!).filter(({ id }) => !claimed.some((task) => task.id === id)),
  ).toEqual([])
})

test('what was planned on empty tables that were analysed scans none of them when they are full', async () => {
  const fresh = await testSchema()
  try {
    await fresh.rows(
      'analyze $schema.task; analyze $schema.live; analyze $schema.run; analyze $schema.run_join; analyze $schema.message; analyze $schema.listening; analyze $schema.outcome',
    )
    const storage = fresh.storage()
    const { backend, queue } = storage
    const instance = await instanceOf(storage as never)
    const tx = await fresh.pool.connect()
    const work = async (count: number): Promise<void> => {
      const parents = Array.from({ length: count }, () => newRun(queue, ['a', 'b', 'c', 'd']))
      await backend.startRuns(parents, { tx })
      const { rows } = await tx.query<{ id: string; token: string; run: string; node: string }>(
        `select id, token, run, node from "${fresh.schema}".claim(array[$1]::uuid[], array[$2]::text[], array[1000], '{}', '{}') where id is not null`,
        [instance, queue],
      )
      const part = (run: string, node: string): { kind: 'done' | 'deferred'; run: RunPart } => {
        const arrive = [arrival(step(queue, run, 'join', { id: run }), 2)]
        const child = newRun(queue, [], { parent: { run, task: run } })
        if (node === 'a') return { kind: 'done', run: { run, arrive, start: [child] } }
        if (node === 'b') return { kind: 'done', run: { run, arrive } }
        if (node === 'c') return { kind: 'deferred', run: { run, listen: { names: ['x', 'y'], until: null } } }
        return { kind: 'done', run: { run, change: { status: 'done' } } }
      }
      const batch = rows.map(({ id, token, run, node }): Settlement => {
        const { kind, run: said } = part(run, node)
        return kind === 'done'
          ? { id, token, kind, result: null, run: said }
          : { id, token, kind, afterMs: 0, run: said }
      })
      expect(batch).toHaveLength(4 * count)
      expect(new Set(await backend.settle(batch, { tx }))).toEqual(new Set(['applied']))
    }
    const scans = async (): Promise<number> => {
      const { rows } = await tx.query<{ n: string }>(
        `select coalesce(sum(seq_tup_read), 0) as n from pg_stat_xact_user_tables
          where schemaname = $1 and relname in ('task', 'live', 'outcome', 'run', 'run_join', 'message', 'listening', 'cancellation')`,
        [fresh.schema],
      )
      return Number(rows[0]!.n)
    }
    try {
      await tx.query('begin')
      await work(1)
      await work(20)
      await tx.query('commit')
      await fresh.rows(
        `insert into $schema.run (id, created_at, queue, workflow, hash, codec, input)
           select gen_random_uuid(), clock_timestamp(), 'other', 'w', '', '', '' from generate_series(1, 20000)`,
      )
      await fresh.rows(
        `insert into $schema.task (id, lane, created_at, codec, payload, run, node, index)
           select gen_random_uuid(), 0, clock_timestamp(), '', '', r.id, 'a', 0 from $schema.run r where r.queue = 'other'`,
      )
      await fresh.rows(
        `insert into $schema.run_join (run, id, arrived, done, failed) select r.id, r.id, 0, 0, 0 from $schema.run r where r.queue = 'other'`,
      )
      await fresh.rows(
        `insert into $schema.listening (run, id, token, names) select r.id, r.id, 0, '{x}' from $schema.run r where r.queue = 'other'`,
      )
      await tx.query('begin')
      await work(100)
      expect(await scans()).toBe(0)
      await tx.query('rollback')
    } finally {
      tx.release()
    }
  } finally {
    await fresh.end()
  }
})
