/** The capability `resumeById`: what waits is due now, what ended lives again. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { entriesOf, idsOf, sameBytes, sameIds } from '../check.ts'
import { listen } from '../nudges.ts'
import { BOOM, done, failed, FINAL_KINDS, HOUR, killed, progress, text } from '../sample.ts'

export const resumeByIdCases: readonly ConformanceCase[] = section(
  'resumeById',
  [
    fact('a scheduled task is due now', async (c) => {
      const [task] = await c.pushed(1, { due: { afterMs: HOUR } })
      assert.deepEqual(await c.with('resumeById').resumeById([task!.id]), ['resumed'])
      sameIds(await (await c.instance()).claim(), [task!])
    }),
    fact('a task that waits for its next attempt is due now, and keeps its attempts', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task, { retryAfterMs: HOUR }))
      assert.deepEqual(await c.with('resumeById').resumeById([task.id]), ['resumed'])
      assert.equal((await holder.one()).attempt, 2)
    }),
    fact('a task that is due stays due', async (c) => {
      const [task] = await c.pushed(1)
      for (const _ of [1, 2]) assert.deepEqual(await c.with('resumeById').resumeById([task!.id]), ['resumed'])
      sameIds(await (await c.instance()).claim(), [task!])
    }),
    ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
      fact(`a task that is ${kind} lives again under its id, from the first attempt`, async (c) => {
        const pushed = { priority: 4, maxAttempts: 3, metadata: { a: '1' }, payload: text('work'), timeoutMs: 600 }
        const { task, holder } = await c.claimed(pushed)
        await c.applied(failed(task))
        await c.applied(settle(await holder.one()))
        assert.deepEqual(await c.with('resumeById').resumeById([task.id]), ['resumed'])
        await c.assertOpen(task.id)
        const again = await holder.one()
        const { id, attempt, crashes, priority, maxAttempts, timeoutMs } = again
        assert.deepEqual([id, attempt, crashes, priority, maxAttempts, timeoutMs], [task.id, 1, 0, 4, 3, 600])
        assert.deepEqual(entriesOf(again.metadata), [['a', '1']])
        sameBytes(again.payload.bytes, pushed.payload.bytes, 'payload')
        await holder.findsNothing()
      }),
    ),
    fact('a new life ends with an outcome of its own', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(done(task, { result: text('first') }))
      await c.with('resumeById').resumeById([task.id])
      await c.applied(killed(await holder.one()))
      const { status, attempt, result, error } = await c.outcome(task.id)
      assert.deepEqual([status, attempt, result, error], ['killed', 1, null, BOOM])
    }),
    fact('a new life starts without the checkpoint of the last', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(progress(task), killed(task))
      await c.with('resumeById').resumeById([task.id])
      assert.equal((await holder.one()).checkpoint, null)
    }),
    fact('a task whose attempts were spent has them all again', async (c) => {
      const [task] = await c.push({ maxAttempts: 1 })
      await c.crash()
      assert.equal((await c.outcome(task!.id)).status, 'killed')
      await c.with('resumeById').resumeById([task!.id])
      const { attempt, crashes } = await (await c.instance()).one()
      assert.deepEqual([attempt, crashes], [1, 0])
    }),
    fact('a task that was killed by its crashes leaves quarantine', async (c) => {
      const [task] = await c.pushed(1)
      await c.crash(5)
      assert.equal((await c.outcome(task!.id)).status, 'killed')
      await c.with('resumeById').resumeById([task!.id])
      const others = await c.pushed(2)
      sameIds(await (await c.instance()).claim(), [task!, ...others])
    }),
    fact('a deadline that has passed is gone, one that is ahead stays', async (c) => {
      await c.push({ deadline: { afterMs: 1 } }, { deadline: { afterMs: HOUR } })
      const holder = await c.instance()
      const [past, ahead] = await holder.take(2)
      await c.applied(killed(past!), killed(ahead!))
      await c.pass(20)
      await c.with('resumeById').resumeById([past!.id, ahead!.id])
      const again = await holder.take(2)
      const left = (id: string): number | null => again.find((task) => task.id === id)!.deadlineInMs ?? null
      assert.equal(left(past!.id), null)
      const rest = left(ahead!.id)
      assert.ok(rest !== null && rest > HOUR / 2 && rest <= HOUR, `${rest} is not what is left`)
    }),
    fact('a settlement of the life before changes nothing', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(done(task))
      await c.with('resumeById').resumeById([task.id])
      assert.notEqual(await c.settle(failed(task, { retryAfterMs: HOUR })), 'applied')
      const again = await holder.one()
      assert.notEqual(again.token, task.token)
      assert.notEqual(await c.settle(done(task)), 'applied')
      await c.assertOpen(task.id)
    }),
    fact('a task that a worker holds is busy and stays with it', async (c) => {
      const { task, holder } = await c.claimed()
      assert.deepEqual(await c.with('resumeById').resumeById([task.id]), ['busy'])
      await holder.findsNothing()
      await c.applied(done(task))
    }),
    fact('an id that nobody pushed is unknown, and no ids are no answers', async (c) => {
      assert.deepEqual(await c.with('resumeById').resumeById([uuidv7()]), ['unknown'])
      assert.deepEqual(await c.with('resumeById').resumeById([]), [])
    }),
    fact('answers come in the order given, and an id named twice gets two', async (c) => {
      await c.pushed(2)
      const [ended, held] = await (await c.instance()).take(2)
      await c.applied(done(ended!))
      const [waits] = await c.pushed(1)
      const ids = [held!.id, ended!.id, uuidv7(), waits!.id, ended!.id]
      assert.deepEqual(await c.with('resumeById').resumeById(ids), ['busy', 'resumed', 'unknown', 'resumed', 'resumed'])
      sameIds(await (await c.instance()).take(2), [ended!, waits!])
    }),
    fact('a new life is one task, however many ask for it at once', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(done(task))
      const callers = await c.callers(8)
      const answers = await Promise.all(callers.map((backend) => c.with('resumeById', backend).resumeById([task.id])))
      assert.deepEqual(new Set(answers.flat()), new Set(['resumed']))
      assert.deepEqual(idsOf(await holder.claim()), [task.id])
    }),
    fact('against a settlement: the task is busy, or it has ended and lives again', async (c) => {
      await c.pushed(20)
      const [one, two] = await c.callers(2)
      const holder = await c.instance(one)
      const held = await holder.take(20)
      const [settled, answers] = await Promise.all([
        Promise.all(held.map((task) => one!.settle([done(task)]))),
        Promise.all(held.map(({ id }) => c.with('resumeById', two).resumeById([id]))),
      ])
      assert.deepEqual(new Set(settled.flat()), new Set(['applied']))
      const again = held.filter((_, n) => answers[n]![0] === 'resumed')
      for (const [answer] of answers) assert.ok(answer === 'resumed' || answer === 'busy', answer)
      sameIds(await holder.take(again.length), again)
      await holder.findsNothing()
    }),
    fact('an idempotency key stays taken through a new life', async (c) => {
      const { task } = await c.claimed({ key: 'k', payload: text('work') })
      await c.applied(done(task))
      await c.with('resumeById').resumeById([task.id])
      const receipts = await c.backend.push([c.task({ key: 'k', payload: text('work') })])
      assert.deepEqual(receipts, [{ id: task.id, outcome: 'duplicate' }])
    }),
    fact('a task may live again and again', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(done(task))
      for (const _ of [1, 2, 3]) {
        assert.deepEqual(await c.with('resumeById').resumeById([task.id]), ['resumed'])
        const again = await holder.one()
        assert.equal(again.attempt, 1)
        await c.applied(done(again))
      }
      assert.equal((await c.outcome(task.id)).status, 'done')
    }),
    fact(
      'a reader sees a waiting task without end or result, its error kept',
      async (c) => {
        await c.pushed(2)
        const [a, b] = await (await c.instance()).take(2)
        await c.applied(done(a!, { result: text('42') }), killed(b!))
        await c.with('resumeById').resumeById([a!.id, b!.id])
        const [was, bad] = [await c.stored(a!.id), await c.stored(b!.id)]
        assert.deepEqual([was.status, was.attempt, was.result, was.error], ['pending', 0, null, null])
        assert.deepEqual([bad.attempt, bad.crashes, bad.error], [0, 0, BOOM])
        for (const { status, finishedAt, runAt } of [was, bad]) {
          assert.ok(status === 'pending' || status === 'failed', `${status} is not waiting`)
          assert.equal(finishedAt, null)
          assert.ok(runAt >= a!.runAt)
        }
      },
      'fetchById',
    ),
    fact(
      'what one process brings back another claims',
      async (c) => {
        const { task } = await c.claimed()
        await c.applied(done(task))
        const second = await c.second()
        assert.deepEqual(await c.with('resumeById', second).resumeById([task.id]), ['resumed'])
        assert.equal((await (await c.instance()).one()).id, task.id)
      },
      'second',
    ),
    fact(
      'a task that lives again nudges its queue',
      async (c) => {
        const { task } = await c.claimed()
        await c.applied(done(task))
        await using heard = await listen(c, c.queue)
        await c.with('resumeById').resumeById([task.id])
        await heard.nudged(c.queue, 'work')
      },
      'wake',
    ),
  ],
  'resumeById',
)
