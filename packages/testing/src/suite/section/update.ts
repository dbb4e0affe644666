/** The capability `update`: what waits can be changed, what is held or has ended cannot. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { entriesOf, idsOf, sameBytes, sameIds } from '../check.ts'
import { listen } from '../nudges.ts'
import { BOOM, done, failed, FINAL_KINDS, HOUR, released, text } from '../sample.ts'

export const updateCases: readonly ConformanceCase[] = section(
  'update',
  [
    fact('a waiting task is claimed as it was changed', async (c) => {
      const [task] = await c.push({ metadata: { a: '1' } })
      const change = { payload: text('new'), priority: 4, maxAttempts: 6, metadata: { b: '2' }, timeoutMs: 800 }
      assert.equal(await c.with('update').update(task!.id, { ...change, deadline: { afterMs: HOUR } }), 'applied')
      const claimed = await (await c.instance()).one()
      sameBytes(claimed.payload.bytes, text('new').bytes, 'payload')
      assert.equal(claimed.payload.codec, 'text')
      const { id, priority, maxAttempts, timeoutMs, deadlineInMs, attempt } = claimed
      assert.deepEqual([id, priority, maxAttempts, timeoutMs, attempt], [task!.id, 4, 6, 800, 1])
      assert.deepEqual(entriesOf(claimed.metadata), [['b', '2']])
      assert.ok(typeof deadlineInMs === 'number' && deadlineInMs > 0 && deadlineInMs <= HOUR)
    }),
    fact('what a change does not name stays', async (c) => {
      const pushed = { payload: text('old'), priority: 3, maxAttempts: 5, metadata: { a: '1' }, timeoutMs: 900 }
      const [task] = await c.push({ ...pushed, deadline: { afterMs: HOUR } })
      assert.equal(await c.with('update').update(task!.id, { maxAttempts: 8 }), 'applied')
      const claimed = await (await c.instance()).one()
      sameBytes(claimed.payload.bytes, pushed.payload.bytes, 'payload')
      assert.deepEqual([claimed.priority, claimed.maxAttempts, claimed.timeoutMs], [3, 8, 900])
      assert.deepEqual(entriesOf(claimed.metadata), [['a', '1']])
      assert.ok(typeof claimed.deadlineInMs === 'number')
    }),
    fact('a change of one limit leaves the other', async (c) => {
      const limits = { timeoutMs: 900, deadline: { afterMs: HOUR } }
      const [one, two] = await c.push(limits, limits)
      await c.with('update').update(one!.id, { timeoutMs: null })
      await c.with('update').update(two!.id, { deadline: null })
      const [first, second] = await (await c.instance()).take(2)
      assert.equal(first!.timeoutMs ?? null, null)
      assert.ok(typeof first!.deadlineInMs === 'number')
      assert.deepEqual([second!.timeoutMs, second!.deadlineInMs ?? null], [900, null])
    }),
    fact('null takes limits and metadata away', async (c) => {
      const [task] = await c.push({ metadata: { a: '1' }, maxAttempts: 3, timeoutMs: 900, deadline: { afterMs: HOUR } })
      const none = { metadata: null, maxAttempts: null, timeoutMs: null, deadline: null }
      assert.equal(await c.with('update').update(task!.id, none), 'applied')
      const { metadata, maxAttempts, timeoutMs = null, deadlineInMs = null } = await (await c.instance()).one()
      assert.deepEqual([metadata, maxAttempts, timeoutMs, deadlineInMs], [null, null, null, null])
    }),
    fact('an empty change is applied and changes nothing', async (c) => {
      const [task] = await c.push({ priority: 2 })
      assert.equal(await c.with('update').update(task!.id, {}), 'applied')
      const claimed = await (await c.instance()).one()
      assert.deepEqual([claimed.id, claimed.priority], [task!.id, 2])
      sameBytes(claimed.payload.bytes, task!.payload.bytes, 'payload')
    }),
    fact('a task that is due can be put off, and a claim knows when it comes', async (c) => {
      const [task] = await c.pushed(1)
      const instance = await c.instance()
      assert.equal(await c.with('update').update(task!.id, { due: { afterMs: HOUR } }), 'applied')
      const { tasks, nextDueMs } = await instance.request({ queue: c.queue, limit: 10 })
      assert.deepEqual(tasks, [])
      assert.ok(nextDueMs !== null && nextDueMs > HOUR / 2 && nextDueMs <= HOUR, `next due in ${nextDueMs} ms`)
    }),
    fact('a scheduled task can be brought forward', async (c) => {
      const [task] = await c.pushed(1, { due: { afterMs: HOUR } })
      const instance = await c.instance()
      await instance.findsNothing()
      assert.equal(await c.with('update').update(task!.id, { due: { afterMs: 0 } }), 'applied')
      sameIds(await instance.claim(), [task!])
    }),
    fact('a time may be a moment', async (c) => {
      const [task] = await c.pushed(1)
      const at = (await c.now()) + HOUR
      assert.equal(await c.with('update').update(task!.id, { due: { at } }), 'applied')
      const instance = await c.instance()
      await instance.findsNothing()
      assert.equal(await c.with('update').update(task!.id, { due: { at: at - 2 * HOUR } }), 'applied')
      sameIds(await instance.claim(), [task!])
    }),
    fact('the new priority decides the order', async (c) => {
      const [a, b, d] = await c.pushed(3)
      await c.with('update').update(d!.id, { priority: 10 })
      await c.with('update').update(a!.id, { priority: -10 })
      assert.deepEqual(idsOf(await (await c.instance()).take(3)), [d!.id, b!.id, a!.id])
    }),
    fact('a task that failed keeps its attempts', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task, { retryAfterMs: HOUR }))
      const change = { due: { afterMs: 0 }, payload: text('mended') }
      assert.equal(await c.with('update').update(task.id, change), 'applied')
      const again = await holder.one()
      assert.deepEqual([again.id, again.attempt], [task.id, 2])
      sameBytes(again.payload.bytes, text('mended').bytes, 'payload')
    }),
    fact('a task that was released can be changed', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(released(task))
      assert.equal(await c.with('update').update(task.id, { priority: 7 }), 'applied')
      assert.equal((await holder.one()).priority, 7)
    }),
    fact('a task that a worker holds is busy and stays as it is', async (c) => {
      const { task, holder } = await c.claimed({ payload: text('old') })
      assert.equal(await c.with('update').update(task.id, { payload: text('new'), priority: 9 }), 'busy')
      await holder.beat([task])
      assert.equal(await c.with('update').update(task.id, { payload: text('new') }), 'busy')
      await c.applied(failed(task))
      const again = await holder.one()
      assert.equal(again.priority, 0)
      sameBytes(again.payload.bytes, text('old').bytes, 'payload')
    }),
    ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
      fact(`a task that is ${kind} has ended and stays as it is`, async (c) => {
        const { task, holder } = await c.claimed()
        await c.applied(settle(task))
        const before = await c.outcome(task.id)
        assert.equal(await c.with('update').update(task.id, { due: { afterMs: 0 }, priority: 1 }), 'ended')
        assert.deepEqual(await c.outcome(task.id), before)
        await holder.findsNothing()
      }),
    ),
    fact('an id that nobody pushed is unknown', async (c) => {
      assert.equal(await c.with('update').update(uuidv7(), { priority: 1 }), 'unknown')
    }),
    fact('the same change twice is applied twice and changes nothing more', async (c) => {
      const [task] = await c.pushed(1)
      for (const _ of [1, 2]) assert.equal(await c.with('update').update(task!.id, { priority: 3 }), 'applied')
      const claimed = await (await c.instance()).claim()
      assert.deepEqual(
        claimed.map(({ id, priority }) => [id, priority]),
        [[task!.id, 3]],
      )
    }),
    fact('a change leaves every other task alone', async (c) => {
      const tasks = await c.pushed(3)
      await c.with('update').update(tasks[1]!.id, { payload: text('new'), maxAttempts: 2 })
      const claimed = await (await c.instance()).take(3)
      assert.deepEqual(idsOf(claimed), idsOf(tasks))
      for (const n of [0, 2]) sameBytes(claimed[n]!.payload.bytes, tasks[n]!.payload.bytes, 'payload')
      assert.deepEqual(
        claimed.map(({ maxAttempts }) => maxAttempts),
        [null, 2, null],
      )
    }),
    fact('a quarantined task stays in quarantine under another priority', async (c) => {
      const [task] = await c.pushed(1)
      await c.crash(2)
      assert.equal(await c.with('update').update(task!.id, { priority: 5 }), 'applied')
      await c.pushed(2)
      sameIds(await (await c.instance()).claim(), [task!])
    }),
    fact('a change that meets the claim is claimed with it, or finds the task busy', async (c) => {
      const tasks = await c.pushed(20, { payload: text('old') })
      const [one, two] = await c.callers(2)
      const holder = await c.instance(one)
      const [claimed, answers] = await Promise.all([
        holder.claim(),
        Promise.all(tasks.map(({ id }) => c.with('update', two).update(id, { payload: text('new') }))),
      ])
      const all = [...claimed, ...(await holder.take(20 - claimed.length))]
      for (const [n, answer] of answers.entries()) {
        assert.ok(answer === 'applied' || answer === 'busy', `${answer} is neither applied nor busy`)
        const { payload } = all.find(({ id }) => id === tasks[n]!.id)!
        sameBytes(payload.bytes, text(answer === 'applied' ? 'new' : 'old').bytes, `payload after ${answer}`)
      }
    }),
    fact('of changes made at once one wins as a whole', async (c) => {
      const [task] = await c.pushed(1)
      const callers = await c.callers(8)
      const answers = await Promise.all(
        callers.map((backend, n) =>
          c.with('update', backend).update(task!.id, { priority: n + 1, payload: text(`change ${n + 1}`) }),
        ),
      )
      assert.deepEqual(new Set(answers), new Set(['applied']))
      const claimed = await (await c.instance()).claim()
      assert.equal(claimed.length, 1)
      sameBytes(claimed[0]!.payload.bytes, text(`change ${claimed[0]!.priority}`).bytes, 'payload')
    }),
    fact(
      'a reader sees the change, and the error of the last attempt',
      async (c) => {
        const { task } = await c.claimed()
        await c.applied(failed(task))
        const before = await c.stored(task.id)
        await c.with('update').update(task.id, { priority: 2, timeoutMs: 30 })
        const { priority, timeoutMs, error, attempt, createdAt, status } = await c.stored(task.id)
        assert.deepEqual([priority, timeoutMs, error, attempt, status], [2, 30, BOOM, 1, 'failed'])
        assert.equal(createdAt, before.createdAt)
      },
      'fetchById',
    ),
    fact(
      'a change made by another process is claimed',
      async (c) => {
        const second = await c.second()
        const [task] = await c.pushed(1, { due: { afterMs: HOUR } })
        assert.equal(await c.with('update', second).update(task!.id, { due: { afterMs: 0 }, priority: -1 }), 'applied')
        const claimed = await (await c.instance()).one()
        assert.equal(claimed.priority, -1)
        await c.applied(done(claimed))
      },
      'second',
    ),
    fact(
      'a task that is brought forward nudges its queue',
      async (c) => {
        const [task] = await c.pushed(1, { due: { afterMs: HOUR } })
        await using heard = await listen(c, c.queue)
        await c.with('update').update(task!.id, { due: { afterMs: 0 } })
        await heard.nudged(c.queue, 'work')
      },
      'wake',
    ),
  ],
  'update',
)
