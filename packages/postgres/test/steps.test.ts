/** Settlements of steps from several sessions at once. The rest is in the conformance suite. */
import type { Settlement } from '@q/core'
import { childMessage, uuidv7 } from '@q/core'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'
import { arrival, done, newRun, step, underWay } from './support/steps.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

/** Runs a function on a connection of its own, in a transaction that is committed. */
async function inTransaction<T>(run: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const tx = await on.pool.connect()
  try {
    await tx.query('begin')
    const result = await run(tx)
    await tx.query('commit')
    return result
  } catch (error) {
    await tx.query('rollback')
    throw error
  } finally {
    tx.release()
  }
}

/** Resolves once some session waits for a lock that the connection holds. */
async function waitsFor(tx: pg.PoolClient): Promise<void> {
  const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
  for (;;) {
    const [row] = await on.rows<{ n: string }>(
      'select count(*) as n from pg_stat_activity where $1 = any (pg_blocking_pids(pid))',
      [rows[0]!.pid],
    )
    if (Number(row!.n) > 0) return
  }
}

describe('several sessions', () => {
  test('two that arrive at one join at once open it once, and the second waits for the first', async () => {
    const { backend, queue, runs, steps, claim } = await underWay(on, (q) => [newRun(q, ['a', 'b'])])
    const run = runs[0]!.id
    const join = step(queue, run, 'join')
    const settle = (n: number): Settlement => done(steps[0]![n]!, { run, arrive: [arrival(join, 2)] })
    const other = on.storage().backend
    const second = await inTransaction(async (tx) => {
      expect(await backend.settle([settle(0)], { tx })).toEqual(['applied'])
      const answer = other.settle([settle(1)])
      await waitsFor(tx)
      return { answer }
    })
    expect(await second.answer).toEqual(['applied'])
    expect((await claim()).map(({ id }) => id)).toEqual([join.id])
    expect(await claim()).toEqual([])
  })

  test('whatever was lost of an arrival that was rolled back is counted when it is sent again', async () => {
    const { backend, queue, runs, steps, claim } = await underWay(on, (q) => [newRun(q, ['a', 'b'])])
    const run = runs[0]!.id
    const join = step(queue, run, 'join')
    const settle = (n: number): Settlement => done(steps[0]![n]!, { run, arrive: [arrival(join, 2)] })
    const lost = inTransaction(async (tx) => {
      expect(await backend.settle([settle(0)], { tx })).toEqual(['applied'])
      throw new Error('rolled back')
    })
    await expect(lost).rejects.toThrow('rolled back')
    expect(await backend.settle([settle(1)])).toEqual(['applied'])
    expect(await claim()).toEqual([])
    expect(await backend.settle([settle(0)])).toEqual(['applied'])
    expect((await claim()).map(({ id }) => id)).toEqual([join.id])
  })

  test('a batch whose reply was lost changes nothing when another session sends it again', async () => {
    const { backend, queue, runs, steps, claim } = await underWay(on, (q) => [newRun(q, ['a']), newRun(q, ['b', 'c'])])
    const [one, two] = runs
    const batch = [
      done(steps[0]![0]!, {
        run: one!.id,
        start: [newRun(queue, ['x'])],
        arrive: [arrival(step(queue, one!.id, 'join'), 1)],
        change: { status: 'failing' },
      }),
      done(steps[1]![0]!, { run: two!.id, arrive: [arrival(step(queue, two!.id, 'join'), 9)] }),
    ]
    expect(await backend.settle(batch)).toEqual(['applied', 'applied'])
    expect(await claim()).toHaveLength(2)
    const rows = (): Promise<unknown[]> =>
      on.rows(
        `select (select json_agg(r order by id) from $schema.run r) as runs, (select json_agg(j order by id) from $schema.run_join j) as joins,
                (select count(*) from $schema.task) as tasks`,
      )
    const before = await rows()
    expect(await on.storage().backend.settle(batch)).toEqual(['already', 'already'])
    expect(await rows()).toEqual(before)
    expect(await claim()).toEqual([])
  })

  test('a stale member of a batch leaves no trace, and its neighbours count', async () => {
    const { backend, queue, runs, steps, claim } = await underWay(on, (q) => [
      newRun(q, ['a', 'b', 'c']),
      newRun(q, ['d']),
    ])
    const [run, other] = runs.map(({ id }) => id)
    const join = step(queue, run!, 'join')
    const stale = { ...steps[0]![1]!, token: '1' }
    const child = newRun(queue, ['x'])
    const followed = step(queue, run!, 'next')
    const answers = await backend.settle([
      done(steps[0]![0]!, { run: run!, arrive: [arrival(join, 3)] }),
      {
        ...done(stale, { run: run!, arrive: [arrival(join, 3)], start: [child], change: { status: 'done' } }),
        follow: [followed],
      },
      done(steps[0]![2]!, { run: run!, arrive: [arrival(join, 3)] }),
      done(steps[1]![0]!, { run: other!, change: { status: 'done' } }),
    ])
    expect(answers).toEqual(['applied', 'stale', 'applied', 'applied'])
    expect(await on.rows('select arrived, opened from $schema.run_join where run = $1', [run])).toEqual([
      { arrived: 2, opened: false },
    ])
    expect(
      await on.rows('select id, status from $schema.run where id = any ($1) order by id', [
        [...runs.map(({ id }) => id), child.id],
      ]),
    ).toEqual([
      { id: run, status: 0 },
      { id: other, status: 3 },
    ])
    expect(await claim()).toEqual([])
  })

  test.each(['a run', 'the parent of a run'])(
    '%s that another transaction holds makes busy what needs it, and nothing else',
    async (what) => {
      const { backend, runs, steps } = await underWay(on, (q) => {
        const parent = newRun(q, [])
        return [newRun(q, ['a'], { parent: { run: parent.id, task: parent.id } }), newRun(q, ['b']), parent]
      })
      const held = runs[what === 'a run' ? 0 : 2]!.id
      const end = (n: number): Settlement => done(steps[n]![0]!, { run: runs[n]!.id, change: { status: 'done' } })
      await inTransaction(async (tx) => {
        await tx.query(`select from "${on.schema}".run where id = $1 for update`, [held])
        expect(await backend.settle([end(0), end(1)])).toEqual(['busy', 'applied'])
      })
      expect(await backend.settle([end(0)])).toEqual(['applied'])
    },
  )

  test('a step that somebody has in hand for a moment is due for what it waits for all the same', async () => {
    const { backend, queue, runs, steps, claim } = await underWay(on, (q) => [newRun(q, ['a'])])
    const run = runs[0]!.id
    const { id, token } = steps[0]![0]!
    const child = newRun(queue, ['x'], { parent: { run, task: id } })
    const listen = { names: [childMessage(child.id)], until: null }
    await backend.settle([{ id, token, kind: 'deferred', afterMs: 0, run: { run, start: [child], listen } }])
    const [last] = await claim()
    const other = on.storage().backend
    const ended = await inTransaction(async (tx) => {
      await tx.query(`select from "${on.schema}".live where id = $1 for update`, [id])
      const answer = other.settle([done(last!, { run: child.id, change: { status: 'done' } })])
      await waitsFor(tx)
      return { answer }
    })
    expect(await ended.answer).toEqual(['applied'])
    expect((await claim()).map((task) => task.id)).toEqual([id])
  })

  test.each(['the step that waits', 'the run it waits for'])(
    'a step that waits for a run and the end of that run never miss one another, though %s comes first and is not committed',
    async (first) => {
      const { backend, queue, runs, steps, claim } = await underWay(on, (q) => [newRun(q, ['a'])])
      const run = runs[0]!.id
      const { id, token } = steps[0]![0]!
      const child = newRun(queue, ['x'], { parent: { run, task: id } })
      await backend.startRuns([child])
      const [last] = await claim()
      const listen = { names: [childMessage(child.id)], until: null }
      const both: Settlement[] = [
        { id, token, kind: 'deferred', afterMs: 0, run: { run, listen } },
        done(last!, { run: child.id, change: { status: 'done' } }),
      ]
      if (first !== 'the step that waits') both.reverse()
      const second = await inTransaction(async (tx) => {
        expect(await backend.settle([both[0]!], { tx })).toEqual(['applied'])
        const answer = on.storage().backend.settle([both[1]!])
        await waitsFor(tx)
        return { answer }
      })
      expect(await second.answer).toEqual(['applied'])
      expect((await claim()).map((task) => task.id)).toEqual([id])
    },
  )

  test.each([2, 0])(
    'many that settle steps of the same runs, each with %i joins, in any order never meet in a deadlock',
    async (count) => {
      const SESSIONS = 8
      const NODES = Array.from({ length: SESSIONS }, (_, n) => `n${n}`)
      const { backend, queue, runs, steps, claim } = await underWay(on, (q) => {
        const parents = Array.from({ length: 12 }, () => newRun(q, NODES))
        return parents.flatMap((parent, n) => [
          parent,
          // the larger ids come first half of the time
          newRun(q, NODES, {
            parent: { run: (n % 2 === 0 ? parent : parents[(n + 5) % 12]!).id, task: parent.tasks[0]!.id },
          }),
        ])
      })
      const joins = runs.map(({ id }) => ['j1', 'j2'].slice(0, count).map((node) => step(queue, id, node)))
      const parked: string[] = []
      const settlements = NODES.map((_, session) =>
        shuffled(
          runs.map(({ id: run }, n): Settlement => {
            const arrive = shuffled(joins[n]!.map((join) => arrival(join, SESSIONS)))
            const task = steps[n]![session]!
            if (session < 4 && n % 2 === 0) {
              const names = runs.filter(({ parent }) => parent?.run === run).map(({ id }) => childMessage(id))
              if (names.length > 0) parked.push(task.id)
              return {
                id: task.id,
                token: task.token,
                kind: 'deferred',
                afterMs: 0,
                run: { run, arrive, listen: { names, until: null } },
              }
            }
            return done(task, { run, arrive, ...(session === 7 && n % 2 === 1 ? { change: { status: 'done' } } : {}) })
          }),
        ),
      )
      // in transactions of their own a deadlock is not tried again but thrown
      const answers = await Promise.all(
        settlements.map(async (batch) => {
          const found = []
          for (let at = 0; at < batch.length; at += 6)
            found.push(...(await inTransaction((tx) => backend.settle(batch.slice(at, at + 6), { tx }))))
          return found
        }),
      )
      expect(new Set(answers.flat())).toEqual(new Set(['applied']))
      const due = new Set((await claim()).map(({ id }) => id))
      const opened = joins.filter((_, n) => n % 2 === 0).flatMap((those) => those.map(({ id }) => id))
      expect(parked).toHaveLength(24)
      expect([...opened, ...parked].filter((id) => !due.has(id))).toEqual([])
      const [row] = await on.rows<{ n: string }>(
        'select count(*) as n from $schema.run_join where run = any ($1) and opened',
        [runs.map(({ id }) => id)],
      )
      expect(Number(row!.n)).toBe(count * runs.length)
    },
  )
})

/** The same in another order, a different one for each call. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: uuidv7().slice(-12) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ item }) => item)
}
