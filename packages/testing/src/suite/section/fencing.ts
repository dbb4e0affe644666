/** Fencing: a settlement counts once, under the token of the current claim, or not at all. */
import assert from 'node:assert/strict'
import type { ClaimedTask } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { sameBytes } from '../check.ts'
import {
  ALL_KINDS,
  bytes,
  cancelled,
  deferred,
  done,
  ENDING_KINDS,
  failed,
  FINAL_KINDS,
  HOUR,
  killed,
  progress,
  released,
  RETURN_KINDS,
  text,
} from '../sample.ts'

export const fencingCases: readonly ConformanceCase[] = section('fencing', [
  ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
    fact(`${kind}: repeating it answers already and changes nothing`, async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(settle(task))
      const before = await c.outcome(task.id)
      await c.pass(5)
      assert.equal(await c.settle(settle(task)), 'already')
      assert.deepEqual(await c.outcome(task.id), before)
      await holder.findsNothing()
    }),
  ),
  ...Object.entries(RETURN_KINDS).map(([kind, settle]) =>
    fact(`${kind}: repeating it answers already and changes nothing`, async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(settle(task))
      assert.equal(await c.settle(settle(task)), 'already')
      assert.equal(await c.settle(settle(task)), 'already')
      assert.equal((await holder.one()).attempt, kind === 'failed' ? 2 : 1)
      await holder.findsNothing()
    }),
  ),
  ...Object.entries(ENDING_KINDS).map(([kind, settle]) =>
    fact(`after ${kind}, another kind under the same token answers already and changes nothing`, async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(settle(task))
      const others = [
        done(task, { result: text('late') }),
        failed(task, { retryAfterMs: HOUR }),
        killed(task),
        cancelled(task),
        released(task),
        deferred(task, { afterMs: HOUR }),
      ]
      for (const other of others) assert.equal(await c.settle(other), 'already', other.kind)
      if (kind in FINAL_KINDS) {
        const { status, result } = await c.outcome(task.id)
        assert.deepEqual([status, result], [kind, null])
      } else await c.applied(done(await holder.one()))
    }),
  ),
  ...Object.entries(ALL_KINDS).map(([kind, settle]) =>
    fact(`${kind}: under a token lost to recovery it is stale and changes nothing`, async (c) => {
      const { task, holder } = await c.claimed()
      await c.expire(holder)
      await c.sweepAll()
      assert.equal(await c.settle(settle(task)), 'stale')
      const current = await (await c.instance()).one()
      assert.deepEqual([current.id, current.attempt, current.checkpoint], [task.id, 2, null])
      assert.equal(await c.settle(settle(task)), 'stale')
      await c.applied(done(current, { result: text('by its holder') }))
      const { status, attempt, result } = await c.outcome(task.id)
      assert.deepEqual([status, attempt], ['done', 2])
      sameBytes(result?.bytes, text('by its holder').bytes, 'result')
    }),
  ),
  fact('a token lost to a sweep that killed the task is stale', async (c) => {
    const { task, holder } = await c.claimed({ maxAttempts: 1 })
    await c.expire(holder)
    await c.sweepAll()
    assert.equal(await c.settle(done(task)), 'stale')
    assert.equal((await c.outcome(task.id)).status, 'killed')
  }),
  fact('a stale settlement does not hurt its neighbours in the batch', async (c) => {
    const { task: lost, holder } = await c.claimed()
    await c.expire(holder)
    await c.sweepAll()
    const other = c.newQueue()
    await c.pushed(4, { queue: other })
    const [a, b, d, e] = await (await c.instance()).take(4, other)
    const answers = await c.backend.settle([
      done(a!),
      failed(lost),
      released(b!),
      killed(lost),
      progress(d!),
      cancelled(e!),
    ])
    assert.deepEqual(answers, ['applied', 'stale', 'applied', 'stale', 'applied', 'applied'])
    assert.equal((await c.outcome(a!.id)).status, 'done')
  }),
  fact('a repeated settlement does not hurt its neighbours in the batch', async (c) => {
    await c.pushed(3)
    const [a, b, d] = await (await c.instance()).take(3)
    await c.applied(done(b!))
    assert.deepEqual(await c.backend.settle([done(a!), done(b!), done(d!)]), ['applied', 'already', 'applied'])
  }),
  fact('the token of another task is stale', async (c) => {
    await c.pushed(2)
    const holder = await c.instance()
    const mine = await holder.one()
    const yours = await holder.one()
    assert.equal(await c.settle(done({ id: yours.id, token: mine.token })), 'stale')
    await c.assertOpen(yours.id)
    await c.applied(done(mine), done(yours))
  }),
  fact('a task that does not exist is stale', async (c) => {
    const { task } = await c.claimed()
    assert.deepEqual(await c.backend.settle([done({ id: uuidv7(), token: task.token }), done(task)]), [
      'stale',
      'applied',
    ])
  }),
  fact('a task that nobody claimed yet cannot be settled', async (c) => {
    const { task } = await c.claimed()
    const [waiting] = await c.pushed(1)
    assert.equal(await c.settle(done({ id: waiting!.id, token: task.token })), 'stale')
    assert.equal((await (await c.instance()).one()).id, waiting!.id)
  }),
  fact('the same task twice in one batch is applied once', async (c) => {
    await c.pushed(2)
    const [a, b] = await (await c.instance()).take(2)
    assert.deepEqual(await c.backend.settle([done(a!), failed(b!), done(a!), done(b!)]), [
      'applied',
      'applied',
      'already',
      'already',
    ])
    assert.equal((await (await c.instance()).one()).id, b!.id)
  }),
  fact('progress and then the end of one task may stand in one batch', async (c) => {
    const { task } = await c.claimed()
    assert.deepEqual(await c.backend.settle([progress(task), progress(task), done(task)]), [
      'applied',
      'applied',
      'applied',
    ])
    assert.equal((await c.outcome(task.id)).status, 'done')
  }),
  fact('progress after the end answers already and changes nothing', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task))
    assert.equal(await c.settle(progress(task, { checkpoint: bytes('late') })), 'already')
    assert.equal((await holder.one()).checkpoint, null)
  }),
  fact('the token of an earlier claim never touches a later one', async (c) => {
    const { task: first, holder } = await c.claimed()
    await c.applied(failed(first))
    const second = await holder.one()
    for (const settle of Object.values(ALL_KINDS)) assert.notEqual(await c.settle(settle(first)), 'applied')
    await holder.findsNothing()
    await c.assertOpen(first.id)
    await c.applied(done(second))
  }),
  fact('a token never repeats: after release, retry, deferral, sweep and deregistration', async (c) => {
    await c.pushed(1)
    const tokens: string[] = []
    const next = async (): Promise<ClaimedTask> => {
      const task = await (await c.instance()).one()
      tokens.push(task.token)
      return task
    }
    for (const settle of [released, failed, deferred, released]) await c.applied(settle(await next()))
    const dying = await c.instance()
    tokens.push((await dying.one()).token)
    await c.expire(dying)
    await c.sweepAll()
    const leaving = await c.instance()
    tokens.push((await leaving.one()).token)
    await c.backend.deregister(leaving.id)
    await c.applied(done(await next()))
    assert.equal(new Set(tokens).size, tokens.length)
  }),
  fact('one settlement sent by eight callers at once is applied once', async (c) => {
    await c.pushed(10)
    const tasks = await (await c.instance()).take(10)
    const callers = await c.callers(8)
    const answers = (
      await Promise.all(
        callers.map((backend, n) =>
          backend.settle((n % 2 === 0 ? tasks : tasks.toReversed()).map((task) => done(task))),
        ),
      )
    ).flat()
    assert.equal(answers.filter((answer) => answer === 'applied').length, 10)
    assert.equal(answers.filter((answer) => answer === 'already').length, 70)
  }),
  fact('of two different ends sent at once exactly one is applied', async (c) => {
    await c.pushed(20)
    const tasks = await (await c.instance()).take(20)
    const [one, two] = await c.callers(2)
    await Promise.all(
      tasks.map(async (task) => {
        const answers = (await Promise.all([one!.settle([done(task)]), two!.settle([killed(task)])])).flat()
        assert.deepEqual([...answers].sort(), ['already', 'applied'])
        assert.equal((await c.outcome(task.id)).status, answers[0] === 'applied' ? 'done' : 'killed')
      }),
    )
  }),
  fact('a settlement after the lease ended, but before any sweep, still counts', async (c) => {
    const { task, holder } = await c.claimed()
    await c.expire(holder)
    await c.applied(done(task))
    assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 0, killed: 0 })
    assert.equal((await c.outcome(task.id)).status, 'done')
  }),
])
