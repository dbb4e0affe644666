/** The capability `cancel`, for tasks that a worker holds: the holder is asked, and whatever it settles, there is no next run. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameBytes } from '../check.ts'
import { ALL_IS_WELL } from '../instance.ts'
import { listen } from '../nudges.ts'
import { cancelled, done, failed, FINAL_KINDS, HOUR, killed, progress, RETURN_KINDS, text } from '../sample.ts'

export const cancelHeldCases: readonly ConformanceCase[] = section(
  'cancel of held tasks',
  [
    fact('a task that is held goes on until its holder ends it', async (c) => {
      const { task, holder } = await c.claimed()
      assert.deepEqual(await c.with('cancel').cancel([task.id]), ['cancelling'])
      await c.assertOpen(task.id)
      await holder.findsNothing()
    }),
    fact('every beat of the holder names the task, and no other', async (c) => {
      await c.pushed(3)
      const holder = await c.instance()
      const tasks = await holder.take(3)
      assert.deepEqual(await holder.beat(tasks), ALL_IS_WELL)
      await c.with('cancel').cancel([tasks[1]!.id])
      for (const _ of [1, 2]) assert.deepEqual(await holder.beat(tasks), { ...ALL_IS_WELL, cancelled: [tasks[1]!.id] })
      assert.deepEqual(await holder.beat([tasks[0]!]), ALL_IS_WELL)
    }),
    fact('a beat names no task that has ended meanwhile', async (c) => {
      const { task, holder } = await c.claimed()
      await c.with('cancel').cancel([task.id])
      await c.applied(cancelled(task))
      assert.deepEqual(await holder.beat([task]), { ...ALL_IS_WELL, lost: [task.id] })
    }),
    ...Object.entries(RETURN_KINDS).map(([kind, settle]) =>
      fact(`what its holder settles as ${kind} ends as cancelled`, async (c) => {
        const { task, holder } = await c.claimed()
        await c.with('cancel').cancel([task.id], 'not needed')
        await c.applied(settle(task))
        const { status, error } = await c.outcome(task.id)
        assert.deepEqual([status, error?.code, error?.message], ['cancelled', 'ERR_CANCELLED', 'not needed'])
        assert.equal(await c.settle(settle(task)), 'already')
        await c.pass(5)
        await holder.findsNothing()
      }),
    ),
    fact('a retry an hour away ends as cancelled too', async (c) => {
      const { task, holder } = await c.claimed()
      await c.with('cancel').cancel([task.id])
      await c.applied(failed(task, { retryAfterMs: HOUR }))
      assert.equal((await c.outcome(task.id)).status, 'cancelled')
      assert.equal((await holder.request({ queue: c.queue, limit: 1 })).nextDueMs, null)
    }),
    ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
      fact(`what its holder settles as ${kind} stands`, async (c) => {
        const { task, holder } = await c.claimed()
        await c.with('cancel').cancel([task.id])
        await c.applied(settle(task))
        assert.equal((await c.outcome(task.id)).status, kind)
        await holder.findsNothing()
      }),
    ),
    fact('the result and the error that its holder settles are kept', async (c) => {
      await c.pushed(2)
      const [a, b] = await (await c.instance()).take(2)
      await c.with('cancel').cancel([a!.id, b!.id])
      await c.applied(done(a!, { result: text('after all') }), killed(b!))
      sameBytes((await c.outcome(a!.id)).result?.bytes, text('after all').bytes, 'result')
      assert.equal((await c.outcome(b!.id)).error?.message, 'boom')
    }),
    fact('what follows such a settlement is stored', async (c) => {
      const { task, holder } = await c.claimed()
      await c.with('cancel').cancel([task.id])
      const next = c.task()
      await c.applied(failed(task, { follow: [next] }))
      assert.deepEqual(idsOf(await holder.claim()), [next.id])
    }),
    fact('progress is accepted and keeps the claim', async (c) => {
      const { task, holder } = await c.claimed()
      await c.with('cancel').cancel([task.id])
      await c.applied(progress(task))
      await c.assertOpen(task.id)
      assert.deepEqual((await holder.beat([task])).cancelled, [task.id])
    }),
    fact('a task whose holder dies ends as cancelled', async (c) => {
      const { task, holder } = await c.claimed()
      await c.with('cancel').cancel([task.id], 'not needed')
      await c.expire(holder)
      assert.equal((await c.sweepAll()).instances, 1)
      const { status, error } = await c.outcome(task.id)
      assert.deepEqual([status, error?.code, error?.message], ['cancelled', 'ERR_CANCELLED', 'not needed'])
      await (await c.instance()).findsNothing()
    }),
    fact('a task whose holder leaves ends as cancelled', async (c) => {
      await c.pushed(2)
      const holder = await c.instance()
      const [asked, other] = await holder.take(2)
      await c.with('cancel').cancel([asked!.id])
      await c.backend.deregister(holder.id)
      assert.equal((await c.outcome(asked!.id)).status, 'cancelled')
      assert.deepEqual(idsOf(await (await c.instance()).claim()), [other!.id])
    }),
    fact(
      'another process cancels, and the holder hears of it',
      async (c) => {
        const { task, holder } = await c.claimed()
        assert.deepEqual(await c.with('cancel', await c.second()).cancel([task.id]), ['cancelling'])
        assert.deepEqual((await holder.beat([task])).cancelled, [task.id])
      },
      'second',
    ),
    fact(
      'a reader sees that a held task is to end, until it has',
      async (c) => {
        const { task } = await c.claimed()
        assert.equal((await c.stored(task.id)).cancelling, false)
        await c.with('cancel').cancel([task.id])
        assert.deepEqual([(await c.stored(task.id)).status, (await c.stored(task.id)).cancelling], ['queued', true])
        await c.applied(failed(task))
        assert.deepEqual([(await c.stored(task.id)).status, (await c.stored(task.id)).cancelling], ['cancelled', false])
      },
      'fetchById',
    ),
    fact(
      'a task with a new life is not asked to end any more',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.with('cancel').cancel([task.id])
        await c.applied(failed(task))
        assert.deepEqual(await c.with('resumeById').resumeById([task.id]), ['resumed'])
        const again = await holder.one()
        assert.deepEqual(await holder.beat([again]), ALL_IS_WELL)
        await c.applied(failed(again))
        assert.equal((await holder.one()).attempt, 2)
      },
      'resumeById',
    ),
    fact(
      'a cancel of a held task nudges its queue for news',
      async (c) => {
        const { task } = await c.claimed()
        await using heard = await listen(c, c.queue)
        await c.with('cancel').cancel([task.id])
        await heard.nudged(c.queue, 'news')
      },
      'wake',
    ),
    fact(
      'a cancel that meets a settlement which is rolled back leaves no run behind',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.transaction(async (tx) => {
          await c.backend.settle([failed(task)], { tx })
        }, 'rollback')
        assert.deepEqual(await c.with('cancel').cancel([task.id]), ['cancelling'])
        await c.transaction(async (tx) => {
          assert.deepEqual(await c.backend.settle([failed(task)], { tx }), ['applied'])
        }, 'commit')
        assert.equal((await c.outcome(task.id)).status, 'cancelled')
        await holder.findsNothing()
      },
      'transaction',
    ),
  ],
  'cancel',
)
