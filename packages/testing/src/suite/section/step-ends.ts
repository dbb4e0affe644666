/** A step ends only by a settlement: where the store would end another task, it hands a step out once more. */
import assert from 'node:assert/strict'
import { CRASH_BUDGET, QUARANTINE_AT } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf } from '../check.ts'
import { listen } from '../nudges.ts'
import { arrival, arriving, newStep, runsOf, stands, startRun, statusesOf, stepInfo, underWay } from '../run-sample.ts'
import { cancelled, deferred, done, failed, HOUR, killed, progress, released } from '../sample.ts'

export const stepEndCases: readonly ConformanceCase[] = section(
  'ends of steps',
  [
    fact('a step whose attempts are spent by a crash is handed out once more', async (c) => {
      const run = await startRun(c, [])
      const task = newStep(c, run.id, 'a', { maxAttempts: 1 })
      await runsOf(c).repairRun({ id: run.id, joins: [], tasks: [task] })
      const doomed = await c.instance()
      await doomed.one()
      await c.expire(doomed)
      assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 1, killed: 0 })
      const { status, error, crashes } = await stepInfo(c, task.id)
      assert.deepEqual([status, error?.code, crashes], ['failed', 'ERR_CRASHED', 1])
      const again = await (await c.instance()).one()
      assert.deepEqual([again.attempt, again.maxAttempts, again.crashes], [2, 1, 1])
      const join = newStep(c, run.id, 'join')
      await c.applied(killed(again, { run: arriving(run, arrival(join, 1, { done: 0, failed: 1 })) }))
      assert.deepEqual(await statusesOf(c, [task, join]), ['killed', 'pending'])
    }),
    fact('a step that has spent its crashes is handed out once more, alone', async (c) => {
      const run = await startRun(c)
      await c.crash(CRASH_BUDGET)
      assert.equal((await stepInfo(c, run.tasks[0]!.id)).status, 'failed')
      await c.pushed(1, { priority: -1 })
      const holder = await c.instance()
      const [again, ...others] = await holder.claim()
      assert.deepEqual([again!.crashes, again!.attempt, others.length], [CRASH_BUDGET, CRASH_BUDGET + 1, 0])
      assert.ok(again!.crashes >= QUARANTINE_AT)
      await c.applied(killed(again!))
      assert.deepEqual(await statusesOf(c, run.tasks), ['killed'])
    }),
    fact('a step may fail more often than its attempts allow: its holder decides', async (c) => {
      const run = await startRun(c, [])
      await runsOf(c).repairRun({ id: run.id, joins: [], tasks: [newStep(c, run.id, 'a', { maxAttempts: 1 })] })
      const holder = await c.instance()
      await c.applied(failed(await holder.one()))
      assert.equal((await holder.one()).attempt, 2)
    }),
    fact(
      'a cancel of a step that waits makes it due, to be ended by whoever claims it',
      async (c) => {
        const { run, step, holder } = await underWay(c)
        const next = newStep(c, run.id, 'b', { due: { afterMs: HOUR } })
        await c.applied(done(step, { follow: [next], run: { run: run.id } }))
        assert.deepEqual(await c.with('cancel').cancel([next.id], 'enough'), ['cancelling'])
        assert.deepEqual(await c.with('cancel').cancel([next.id]), ['cancelling'])
        const { status, cancelling } = await stepInfo(c, next.id)
        assert.deepEqual([status, cancelling], ['pending', true])
        const claimed = await holder.one()
        assert.deepEqual([claimed.id, claimed.cancelling, claimed.step?.status], [next.id, true, 'running'])
        await c.applied(cancelled(claimed, { run: arriving(run, arrival(newStep(c, run.id, 'join'), 1)) }))
        const ended = await stepInfo(c, next.id)
        assert.deepEqual([ended.status, ended.error?.message, ended.cancelling], ['cancelled', 'enough', false])
        await stands(c, run, 'running')
        assert.equal((await holder.one()).step?.node, 'join')
      },
      'cancel',
    ),
    fact(
      'a cancel of a step that waits nudges its queue',
      async (c) => {
        const run = await startRun(c, [])
        const task = newStep(c, run.id, 'a', { due: { afterMs: HOUR } })
        await runsOf(c).repairRun({ id: run.id, joins: [], tasks: [task] })
        await using heard = await listen(c, c.queue)
        await c.with('cancel').cancel([task.id])
        await heard.nudged(c.queue, 'work')
      },
      'cancel',
      'wake',
    ),
    fact(
      'a cancel of a step that is held asks its holder, and one that has ended has ended',
      async (c) => {
        const { steps, holder } = await underWay(c, ['a', 'b'])
        await c.applied(done(steps[1]!))
        assert.deepEqual(await c.with('cancel').cancel(idsOf(steps)), ['cancelling', 'ended'])
        assert.deepEqual((await holder.beat([steps[0]!])).cancelled, [steps[0]!.id])
        await c.applied(cancelled(steps[0]!))
      },
      'cancel',
    ),
    ...Object.entries({
      failed: failed,
      'failed for an hour': (task: Parameters<typeof failed>[0]) => failed(task, { retryAfterMs: HOUR }),
      released,
      deferred,
    }).map(([kind, settle]) =>
      fact(
        `a step that was asked to end and is ${kind} is handed out again, still to be ended`,
        async (c) => {
          const { step, holder } = await underWay(c)
          await c.with('cancel').cancel([step.id], 'enough')
          await c.applied(settle(step))
          assert.equal((await stepInfo(c, step.id)).cancelling, true)
          const again = await holder.one()
          assert.deepEqual([again.id, again.cancelling], [step.id, true])
          assert.deepEqual((await holder.beat([again])).cancelled, [step.id])
          await c.applied(progress(again), cancelled(again))
          assert.equal((await c.outcome(step.id)).status, 'cancelled')
          assert.equal((await stepInfo(c, step.id)).error?.message, 'enough')
        },
        'cancel',
      ),
    ),
    fact(
      'a step that was asked to end and is deferred waits that long',
      async (c) => {
        const { step, holder } = await underWay(c)
        await c.with('cancel').cancel([step.id])
        await c.applied(deferred(step, { afterMs: HOUR }))
        await holder.findsNothing()
        assert.deepEqual(await c.with('cancel').cancel([step.id]), ['cancelling'])
        assert.equal((await holder.one()).cancelling, true)
      },
      'cancel',
    ),
    fact(
      'a step that was asked to end may be done or killed',
      async (c) => {
        const { steps } = await underWay(c, ['a', 'b'])
        await c.with('cancel').cancel(idsOf(steps))
        await c.applied(done(steps[0]!), killed(steps[1]!))
        assert.deepEqual(await statusesOf(c, steps), ['done', 'killed'])
      },
      'cancel',
    ),
    fact(
      'a step that was asked to end and whose holder dies is handed out again',
      async (c) => {
        const { step, holder } = await underWay(c)
        await c.with('cancel').cancel([step.id])
        await c.expire(holder)
        assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 1, killed: 0 })
        const again = await (await c.instance()).one()
        assert.deepEqual([again.id, again.cancelling, again.crashes, again.attempt], [step.id, true, 1, 2])
      },
      'cancel',
    ),
    fact(
      'a step that was asked to end and whose holder leaves is handed out again',
      async (c) => {
        const { step, holder } = await underWay(c)
        await c.with('cancel').cancel([step.id])
        await c.backend.deregister(holder.id)
        const again = await (await c.instance()).one()
        assert.deepEqual([again.id, again.cancelling, again.crashes, again.attempt], [step.id, true, 0, 1])
      },
      'cancel',
    ),
    fact(
      'a step is not removed: its run is',
      async (c) => {
        const { steps, holder } = await underWay(c, ['a', 'b', 'c'])
        await c.applied(done(steps[0]!), failed(steps[1]!, { retryAfterMs: HOUR }))
        assert.deepEqual(await c.with('remove').remove(idsOf(steps)), ['busy', 'busy', 'busy'])
        assert.deepEqual(await statusesOf(c, steps), ['done', 'failed', 'queued'])
        assert.deepEqual((await holder.beat([steps[2]!])).lost, [])
      },
      'remove',
    ),
    fact(
      'a step is not resumed by itself: its run is retried',
      async (c) => {
        const { steps, holder } = await underWay(c, ['a', 'b', 'c'])
        await c.applied(killed(steps[0]!), failed(steps[1]!, { retryAfterMs: HOUR }))
        assert.deepEqual(await c.with('resumeById').resumeById(idsOf(steps)), ['busy', 'busy', 'busy'])
        assert.deepEqual(await statusesOf(c, steps), ['killed', 'failed', 'queued'])
        await holder.findsNothing()
      },
      'resumeById',
    ),
  ],
  'startRuns',
)
