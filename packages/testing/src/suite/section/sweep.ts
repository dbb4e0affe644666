/** The sweep: tasks of dead instances come back, or end when they have cost enough. */
import assert from 'node:assert/strict'
import { CRASH_BUDGET } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameIds } from '../check.ts'
import { done, failed, HOUR, released } from '../sample.ts'

const NOTHING = { instances: 0, recovered: 0, killed: 0 }

export const sweepCases: readonly ConformanceCase[] = section('sweep', [
  fact('with nothing to do it says so', async (c) => {
    await c.pushed(2)
    await c.instance()
    assert.deepEqual(await c.backend.sweep(), { ...NOTHING, more: false })
  }),
  fact('the tasks of a dead instance are due at once, with one crash and the attempt counted', async (c) => {
    const tasks = await c.pushed(5)
    const dying = await c.instance()
    await dying.take(5)
    await c.expire(dying)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 5, killed: 0 })
    const back = await (await c.instance()).take(5)
    sameIds(back, tasks)
    for (const task of back) assert.deepEqual([task.attempt, task.crashes], [2, 1])
  }),
  fact('a living instance keeps its tasks, whoever dies beside it', async (c) => {
    await c.pushed(4)
    const [living, dying] = [await c.instance(), await c.instance()]
    const kept = await living.take(2)
    const lost = await dying.take(2)
    await c.expire(dying)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 2, killed: 0 })
    assert.deepEqual((await living.beat(kept)).lost, [])
    sameIds(await living.take(2), lost)
    await c.applied(...kept.map((task) => done(task)))
  }),
  fact('before the lease ends nothing is taken', async (c) => {
    const { task, holder } = await c.claimed()
    await c.pass(c.span)
    assert.deepEqual(await c.sweepAll(), NOTHING)
    assert.deepEqual((await holder.beat([task])).lost, [])
  }),
  fact('every crash is counted', async (c) => {
    await c.pushed(1)
    const crashes: number[] = []
    for (let n = 0; n < 4; n++) {
      const dying = await c.instance()
      crashes.push((await dying.one()).crashes)
      await c.expire(dying)
      await c.sweepAll()
    }
    assert.deepEqual(crashes, [0, 1, 2, 3])
  }),
  fact('a task whose attempts are spent is killed', async (c) => {
    const [task] = await c.pushed(1, { maxAttempts: 2 })
    await c.crash()
    const dying = await c.instance()
    assert.equal((await dying.one()).attempt, 2)
    await c.expire(dying)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 0, killed: 1 })
    const { status, attempt, result, error } = await c.outcome(task!.id)
    assert.deepEqual([status, attempt, result], ['killed', 2, null])
    assert.equal(error?.code, 'ERR_CRASHED')
    await (await c.instance()).findsNothing()
  }),
  fact('attempts that failed count towards the limit as well', async (c) => {
    const { task, holder } = await c.claimed({ maxAttempts: 2 })
    await c.applied(failed(task))
    await holder.one()
    await c.expire(holder)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 0, killed: 1 })
  }),
  fact('a task with attempts left is recovered beside one without', async (c) => {
    await c.push({ maxAttempts: 1 }, { maxAttempts: 2 }, { maxAttempts: null })
    const dying = await c.instance()
    const tasks = await dying.take(3)
    await c.expire(dying)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 2, killed: 1 })
    sameIds(await (await c.instance()).take(2), tasks.slice(1))
  }),
  fact(`a task is killed when it has crashed ${CRASH_BUDGET} times, whatever its attempts`, async (c) => {
    const [task] = await c.pushed(1, { maxAttempts: 1_000 })
    await c.crash(CRASH_BUDGET - 1)
    await c.assertOpen(task!.id)
    await c.crash()
    const { status, attempt, error } = await c.outcome(task!.id)
    assert.deepEqual([status, attempt], ['killed', CRASH_BUDGET])
    assert.equal(error?.code, 'ERR_CRASHED')
    await (await c.instance()).findsNothing()
  }),
  fact('releasing between crashes does not pay for them', async (c) => {
    await c.pushed(1)
    for (let n = 0; n < 2; n++) {
      const instance = await c.instance()
      await c.applied(released(await instance.one()))
      await c.crash()
    }
    assert.equal((await (await c.instance()).one()).crashes, 2)
  }),
  fact('what the dead instance had settled is left alone', async (c) => {
    await c.pushed(4)
    const dying = await c.instance()
    const [ended, again, back, held] = await dying.take(4)
    await c.applied(done(ended!), failed(again!, { retryAfterMs: HOUR }), released(back!))
    await c.expire(dying)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 1, killed: 0 })
    const tasks = await (await c.instance()).take(2)
    assert.deepEqual(
      new Map(tasks.map(({ id, crashes }) => [id, crashes])),
      new Map([
        [back!.id, 0],
        [held!.id, 1],
      ]),
    )
  }),
  fact('a task that went to another holder since is left alone', async (c) => {
    const { task, holder: dying } = await c.claimed()
    await c.applied(released(task))
    const next = await c.instance()
    const current = await next.one()
    await c.expire(dying)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 0, killed: 0 })
    assert.deepEqual((await next.beat([current])).lost, [])
    await c.applied(done(current))
  }),
  fact('an instance that held nothing is ended too', async (c) => {
    const idle = await c.instance()
    await c.expire(idle)
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 0, killed: 0 })
    assert.equal((await idle.beat()).lease, 'lost')
  }),
  fact('sweeping again finds nothing', async (c) => {
    await c.pushed(1)
    await c.crash()
    assert.deepEqual(await c.sweepAll(), NOTHING)
    assert.equal((await (await c.instance()).one()).crashes, 1)
  }),
  fact('eight sweepers at once recover each task once', async (c) => {
    const tasks = await c.pushed(60)
    const dying = [await c.instance(), await c.instance(), await c.instance()]
    for (const instance of dying) await instance.take(20)
    await c.expire(...dying)
    const reports = await Promise.all((await c.callers(8)).map((backend) => c.sweepAll(backend)))
    const rest = await c.sweepAll()
    const sum = (key: keyof typeof rest): number => [...reports, rest].reduce((total, report) => total + report[key], 0)
    assert.deepEqual([sum('instances'), sum('recovered'), sum('killed')], [3, 60, 0])
    const back = await (await c.instance()).take(60)
    sameIds(back, tasks)
    assert.deepEqual(new Set(back.map(({ crashes }) => crashes)), new Set([1]))
  }),
  fact('a sweep while others settle recovers what was not settled, and nothing else', async (c) => {
    await c.pushed(40)
    const dying = await c.instance()
    const tasks = await dying.take(40)
    await c.expire(dying)
    const [report, answers] = await Promise.all([
      c.sweepAll(),
      Promise.all(tasks.map(async (task) => (await c.backend.settle([done(task)]))[0]!)),
    ])
    const applied = answers.filter((answer) => answer === 'applied').length
    const rest = await c.sweepAll()
    assert.equal(report.recovered + rest.recovered, 40 - applied)
    sameIds(
      await (await c.instance()).take(40 - applied),
      tasks.filter((_, n) => answers[n] !== 'applied'),
    )
  }),
  fact('more work than one sweep does is finished by calling again', async (c) => {
    const tasks = await c.pushed(2_000)
    const dying = await Promise.all(Array.from({ length: 20 }, () => c.instance()))
    for (const instance of dying) {
      // in several claims, so that bounds by claims are seen as well as bounds by tasks
      for (let claims = 0; claims < 4; claims++) await instance.take(25)
    }
    await c.expire(...dying)
    assert.deepEqual(await c.sweepAll(), { instances: 20, recovered: 2_000, killed: 0 })
    sameIds(await (await c.instance()).take(2_000), tasks)
  }),
  fact('recovered tasks come behind those of their priority that wait already', async (c) => {
    const [first] = await c.pushed(1)
    const dying = await c.instance()
    await dying.one()
    const waiting = await c.pushed(2)
    await c.pass(5)
    await c.expire(dying)
    await c.sweepAll()
    const order = idsOf(await (await c.instance()).take(3))
    assert.deepEqual(order, idsOf([...waiting, first!]))
  }),
  fact('recovered tasks keep their priority', async (c) => {
    const [low, high, middle] = await c.push({ priority: -5 }, { priority: 5 }, {})
    const dying = await c.instance()
    await dying.take(3)
    await c.expire(dying)
    await c.sweepAll()
    assert.deepEqual(idsOf(await (await c.instance()).take(3)), idsOf([high!, middle!, low!]))
  }),
  fact('a task that was due long ago is still due when it is recovered', async (c) => {
    const { task, holder } = await c.claimed({ due: { at: Date.UTC(2020, 0, 1) } })
    await c.expire(holder)
    await c.sweepAll()
    assert.equal((await (await c.instance()).one()).id, task.id)
  }),
])
