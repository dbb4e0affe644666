/**
 * The points of failure that only a database has, on a real one: transactions that are cut before and after their commit, deadlocks,
 * settlements that wait for one another, notifications that nobody hears.
 */
import { EventEmitter } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import pg from 'pg'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import type { Definition } from '../../src/build/definition.ts'
import { signal } from '../../src/build/wait.ts'
import { stepId } from '../../src/ids.ts'
import { Ground } from './ground.ts'
import { CuttingProxy } from './proxy.ts'

/** How long something may take that is waited for. */
const WITHIN = { interval: 5, timeout: 10_000 }
/** Holds the place of a join. */
const NOTHING_ARRIVED = 'insert into $schema.run_join (run, id, arrived, done, failed) values ($1, $2, 0, 0, 0)'
const MARK = 'this-is-the-output-of-b'

let ground: Ground
beforeAll(async () => {
  ground = await Ground.open(inject('databaseUrl'))
})
afterEach(() => ground.rest())
afterAll(() => ground[Symbol.asyncDispose]())

/** Three steps, of which the second writes a note in its transaction, if it has one. */
function chain(kind: 'step' | 'tx', inB: (tx: pg.PoolClient, attempt: number) => unknown = () => undefined) {
  const ran: string[] = []
  const start = new Workflow<number>(`chain of ${kind}`).andThen('a', async (n) => {
    ran.push('a')
    return n + 1
  })
  const two =
    kind === 'tx'
      ? start.tx('b', async (tx: pg.PoolClient, _n, ctx) => {
          ran.push('b')
          await ground.note(tx, ctx.run.id, 'b')
          await inB(tx, ctx.attempt)
          return MARK
        })
      : start.andThen('b', async () => {
          ran.push('b')
          return MARK
        })
  const flow = two.andThen('c', async (mark) => {
    ran.push('c')
    return mark.length
  })
  return { flow, ran }
}

const DONE = { output: MARK.length, steps: ['a done', 'b done', 'c done'] }

describe('a transaction', () => {
  it('F6: its session is terminated before it commits: nothing of it is there, and the step runs again', async () => {
    const { flow, ran } = chain('tx', async (tx, attempt) => {
      if (attempt > 1) return
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await ground.rows('select pg_terminate_backend($1)', [rows[0]!.pid])
    })
    const run = await flow.pushStart(ground.store, 1)
    await ground.work(flow)
    await ground.ends(run, { ...DONE, notes: { b: 1 } })
    expect(ran).toEqual(['a', 'b', 'b', 'c'])
  })

  it('F6: the step was taken away before it commits: what it wrote is rolled back with its settlement', async () => {
    let late!: () => void
    const gate = new Promise<void>((resolve) => (late = resolve))
    let calls = 0
    const { flow, ran } = chain('tx', () => (++calls === 1 ? gate : undefined))
    const run = await flow.pushStart(ground.store, 1)
    await ground.work(flow)
    await expect.poll(() => ran, WITHIN).toContain('b')
    // As a sweep does where the worker stood still.
    const [{ instance }] = (await ground.rows<{ instance: string }>('select id as instance from $schema.instance')) as [
      { instance: string },
    ]
    await ground.store.backend.deregister(instance)
    await ground.work(flow)
    await expect.poll(() => ran, WITHIN).toContain('c')
    late()
    await ground.ends(run, { ...DONE, notes: { b: 1 } })
    await ground.rest()
    expect(ran).toEqual(['a', 'b', 'b', 'c'])
    expect(ground.answersTo(run, 'b')).toEqual(['applied', 'stale'])
    await ground.ends(run, { ...DONE, notes: { b: 1 } })
  })

  it('F7: its commit is lost on its way: nothing of it is there, and the step runs again', async () => {
    await using proxy = await CuttingProxy.open(ground.url)
    const { flow, ran } = chain('tx')
    const run = await flow.pushStart(ground.store, 1)
    proxy.cut('request', `${ground.schema}.notes`, 'commit')
    await ground.work(flow, { url: proxy.url })
    await ground.ends(run, { ...DONE, notes: { b: 1 } })
    expect([proxy.cuts, ran]).toEqual([1, ['a', 'b', 'b', 'c']])
    await ground.rest()
  })

  it('F8: the reply to its commit is lost: it is answered already, and nothing of it happens twice', async () => {
    await using proxy = await CuttingProxy.open(ground.url)
    const { flow, ran } = chain('tx')
    const run = await flow.pushStart(ground.store, 1)
    proxy.cut('reply', `${ground.schema}.notes`, 'commit')
    await ground.work(flow, { url: proxy.url })
    await ground.ends(run, { ...DONE, notes: { b: 1 } })
    await expect.poll(() => ground.answersTo(run, 'b'), WITHIN).toEqual(['applied', 'already'])
    expect([proxy.cuts, ran]).toEqual([1, ['a', 'b', 'c']])
    await ground.rest()
  })
})

describe('a settlement', () => {
  it.each([
    ['F7: is lost on its way: it is sent again and applied', 'request'],
    ['F8: is applied and its reply is lost: it is answered already, and its successors exist once', 'reply'],
  ] as const)('%s', async (_name, loses) => {
    await using proxy = await CuttingProxy.open(ground.url)
    const { flow, ran } = chain('step')
    const run = await flow.pushStart(ground.store, 1)
    proxy.cut(loses, MARK)
    const settled: string[] = []
    await ground.work(flow, {
      url: proxy.url,
      hold: (settlements) => settlements.forEach(({ id, kind }) => settled.push(`${id} ${kind}`)),
    })
    await ground.ends(run, DONE)
    const b = stepId(run.id, 'b', 0)
    await expect.poll(() => ground.answersTo(run, 'b'), WITHIN).toEqual([loses === 'reply' ? 'already' : 'applied'])
    expect(settled.filter((each) => each === `${b} done`)).toHaveLength(2)
    expect([proxy.cuts, ran]).toEqual([1, ['a', 'b', 'c']])
    await ground.rest()
  })

  /** Two entries that end when `open` is called, and a join. @param third Leads to the join as well, comes first and ends at once. */
  function gathered(third: boolean) {
    let open!: () => void
    let started = 0
    let joined = 0
    const gate = new Promise<void>((resolve) => (open = resolve))
    const held = async (n: number): Promise<number> => {
      started += 1
      await gate
      return n
    }
    const join = async (given: Readonly<Record<string, number>>): Promise<string[]> => {
      joined += 1
      return Object.keys(given).toSorted()
    }
    const two = new Dag<number>(`gathered ${third ? 3 : 2}`).node('x', held).node('y', held)
    const dag: Definition<number, string[]> = third
      ? two.node('z', async (n) => n, { priority: 10 }).node('join', ['x', 'y', 'z'], join)
      : two.node('join', ['x', 'y'], join)
    const names = third ? ['x', 'y', 'z'] : ['x', 'y']
    const ended = { output: names, steps: [...names, 'join'].map((name) => `${name} done`) }
    return { dag, ended, open: () => open(), started: () => started, joined: () => joined }
  }

  it.each([
    ['of a join that nothing has arrived at', 'first'],
    ['of a join that something has arrived at', 'last'],
  ] as const)(
    'F11: the two last arrivals %s wait for one another: one of them opens it, once',
    async (_name, which) => {
      const third = which === 'last'
      const { dag, ended, open, started, joined } = gathered(third)
      const run = await dag.pushStart(ground.store, 1)
      const id = stepId(run.id, 'join', 0)
      // One each: what ends in one worker is settled with one statement.
      await ground.work(dag, { concurrency: 1 })
      await ground.work(dag, { concurrency: 1 })
      if (third)
        await expect.poll(() => ground.rows('select from $schema.run_join where id = $1', [id]), WITHIN).toHaveLength(1)
      await expect.poll(started, WITHIN).toBe(2)
      const held = third
        ? await ground.hold('select from $schema.run_join where id = $1 for update', [id])
        : await ground.hold(NOTHING_ARRIVED, [run.id, id])
      open()
      await ground.waiting(2)
      await ground.release(held)
      await ground.ends(run, ended)
      expect(joined()).toBe(1)
    },
  )

  it('F22: is the victim of a deadlock: it is sent again, and nothing happens twice', async () => {
    const { dag, ended, open, started, joined } = gathered(false)
    const run = await dag.pushStart(ground.store, 1)
    const url = new URL(ground.url)
    url.searchParams.set('options', '-c deadlock_timeout=100ms')
    await ground.work(dag, { concurrency: 3, url: url.href })
    const id = stepId(run.id, 'join', 0)
    await expect.poll(started, WITHIN).toBe(2)
    const held = await ground.hold(NOTHING_ARRIVED, [run.id, id])
    // So that it is the other one who is told.
    await held.query(`set local deadlock_timeout = '1h'`)
    open()
    await ground.waiting(1)
    const since = performance.now()
    await held.query(`select from ${ground.schema}.live where id = any ($1) for update`, [
      ['x', 'y'].map((node) => stepId(run.id, node, 0)),
    ])
    // Without a deadlock it would have waited for two seconds.
    expect(performance.now() - since).toBeLessThan(1_900)
    await ground.release(held)
    await ground.ends(run, ended)
    expect(joined()).toBe(1)
  })

  it.each(['40001', '40P01'])('F22: fails with %s: it is sent again, and nothing happens twice', async (code) => {
    const name = `refuse_${code.toLowerCase()}`
    // A number of a sequence is not given back with the transaction: the first is refused, no other.
    await ground.rows(`create sequence $schema.${name}`)
    await ground.rows(`create function $schema.${name}() returns trigger language plpgsql as $$
      begin
        if nextval('$schema.${name}') = 1 then raise exception 'not now' using errcode = '${code}'; end if;
        return null;
      end $$`)
    await ground.rows(
      `create trigger ${name} after insert on $schema.outcome for each row execute function $schema.${name}()`,
    )
    for (const kind of ['step', 'tx'] as const) {
      await ground.rows(`select setval('$schema.${name}', 1, false)`)
      const { flow } = chain(kind)
      const run = await flow.pushStart(ground.store, 1)
      await ground.work(flow)
      await ground.ends(run, { ...DONE, notes: kind === 'tx' ? { b: 1 } : {} })
      // It does not know the other workflow, and would put it off.
      await ground.rest()
    }
    await ground.rows(`drop trigger ${name} on $schema.outcome`)
  })
})

it('F24: every notification is lost: what is due is found by looking, at steps and at a signal', async () => {
  let lost = 0
  const deaf = vi.spyOn(pg.Client.prototype, 'emit').mockImplementation(function (
    this: pg.Client,
    name: string | symbol,
    ...rest: unknown[]
  ) {
    // The listener's checks of itself come through: it believes that it hears.
    const [message] = rest as [pg.Notification?]
    if (name !== 'notification' || message?.payload?.startsWith('#') === true)
      return EventEmitter.prototype.emit.call(this, name, ...rest)
    lost += 1
    return true
  })
  try {
    const flow = new Workflow<number>('unheard')
      .andThen('a', async (n) => n + 1)
      .waitFor('wait', signal<number>('go'))
      .andThen('b', async (n) => n * 10)
    await ground.work(flow, { notify: true })
    const run = await flow.pushStart(ground.store, 1)
    await expect.poll(async () => (await run.why()).map(({ reason }) => reason), WITHIN).toEqual(['parked'])
    await run.signal('go', 4)
    await ground.ends(run, { output: 40, steps: ['a done', 'wait done', 'b done'] })
    expect(lost).toBeGreaterThan(0)
  } finally {
    deaf.mockRestore()
  }
})
