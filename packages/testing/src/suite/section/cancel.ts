/** The capability `cancel`: what waits ends at once, what is held is asked for, and neither is ever run again. */
import assert from 'node:assert/strict'
import type { Outcome } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf } from '../check.ts'
import { cancelled, deferred, done, failed, FINAL_KINDS, HOUR, RETURN_KINDS } from '../sample.ts'

export const cancelCases: readonly ConformanceCase[] = section(
  'cancel',
  [
    fact('a task that waits ends at once, with the reason as its error', async (c) => {
      const [task] = await c.pushed(1)
      assert.deepEqual(await c.with('cancel').cancel([task!.id], 'not needed'), ['cancelled'])
      isCancelled(await c.outcome(task!.id), 0, 'not needed')
      await (await c.instance()).findsNothing()
    }),
    fact('without a reason the error says something of its own', async (c) => {
      const [task] = await c.pushed(1)
      await c.with('cancel').cancel([task!.id])
      const { error } = await c.outcome(task!.id)
      assert.equal(error?.code, 'ERR_CANCELLED')
      assert.ok(error.message.length > 10, 'a default sentence')
    }),
    fact('a reason of quotes, unicode and 500 characters comes back verbatim', async (c) => {
      const reasons = [`"it's" \\ $1 {} %s; --\n\t\u{1f600}\u202e`, 'x'.repeat(500)]
      for (const reason of reasons) {
        const [task] = await c.pushed(1)
        await c.with('cancel').cancel([task!.id], reason)
        isCancelled(await c.outcome(task!.id), 0, reason)
      }
    }),
    fact('a scheduled task ends at once, and no due time is left of it', async (c) => {
      const [task] = await c.pushed(1, { due: { afterMs: HOUR } })
      assert.deepEqual(await c.with('cancel').cancel([task!.id]), ['cancelled'])
      const reply = await (await c.instance()).request({ queue: c.queue, limit: 1 })
      assert.deepEqual(reply, { tasks: [], nextDueMs: null })
      assert.equal((await c.outcome(task!.id)).status, 'cancelled')
    }),
    fact('a task that waits for its next attempt ends at once, with the attempts it had', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      assert.deepEqual(await c.with('cancel').cancel([task.id], 'enough'), ['cancelled'])
      isCancelled(await c.outcome(task.id), 1, 'enough')
      await holder.findsNothing()
    }),
    fact('a task in quarantine ends at once', async (c) => {
      const [task] = await c.pushed(1)
      await c.crash(2)
      assert.deepEqual(await c.with('cancel').cancel([task!.id]), ['cancelled'])
      await (await c.instance()).findsNothing()
    }),
    ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
      fact(`a task that is ${kind} has ended and stays as it is`, async (c) => {
        const { task } = await c.claimed()
        await c.applied(settle(task))
        const before = await c.outcome(task.id)
        assert.deepEqual(await c.with('cancel').cancel([task.id], 'too late'), ['ended'])
        assert.deepEqual(await c.outcome(task.id), before)
      }),
    ),
    ...Object.entries(RETURN_KINDS).map(([kind, settle]) =>
      fact(`what was settled as ${kind} before stays settled: sent again it was applied already`, async (c) => {
        const { task } = await c.claimed()
        await c.applied(settle(task))
        assert.deepEqual(await c.with('cancel').cancel([task.id]), ['cancelled'])
        assert.equal(await c.settle(settle(task)), 'already')
        assert.equal((await c.outcome(task.id)).status, 'cancelled')
      }),
    ),
    fact(
      'and in a new life too, until that is claimed',
      async (c) => {
        const { task } = await c.claimed()
        await c.applied(deferred(task))
        await c.with('cancel').cancel([task.id])
        assert.deepEqual(await c.with('resumeById').resumeById([task.id]), ['resumed'])
        assert.equal(await c.settle(deferred(task)), 'already')
      },
      'resumeById',
    ),
    fact('an id that nobody pushed is unknown, and no ids are no answers', async (c) => {
      assert.deepEqual(await c.with('cancel').cancel([uuidv7()]), ['unknown'])
      assert.deepEqual(await c.with('cancel').cancel([]), [])
    }),
    fact('asking again answers what there is to say, and the first reason stays', async (c) => {
      const { task } = await c.claimed()
      const [waits] = await c.pushed(1)
      assert.deepEqual(await c.with('cancel').cancel([waits!.id, task.id], 'first'), ['cancelled', 'cancelling'])
      assert.deepEqual(await c.with('cancel').cancel([waits!.id, task.id], 'second'), ['ended', 'cancelling'])
      await c.applied(failed(task))
      for (const { id } of [waits!, task]) assert.equal((await c.outcome(id)).error?.message, 'first')
    }),
    fact('answers come in the order given', async (c) => {
      await c.pushed(2)
      const [ended, held] = await (await c.instance()).take(2)
      await c.applied(done(ended!))
      const [a, b] = await c.pushed(2)
      const ids = [b!.id, uuidv7(), held!.id, ended!.id, a!.id]
      assert.deepEqual(await c.with('cancel').cancel(ids), ['cancelled', 'unknown', 'cancelling', 'ended', 'cancelled'])
    }),
    fact('an id named twice gets two answers', async (c) => {
      const { task } = await c.claimed()
      const [waits] = await c.pushed(1)
      const answers = await c.with('cancel').cancel([waits!.id, task.id, waits!.id, task.id])
      assert.deepEqual(
        [answers[0], answers[1], answers[3], answers.length],
        ['cancelled', 'cancelling', 'cancelling', 4],
      )
      assert.ok(answers[2] === 'cancelled' || answers[2] === 'ended', `${answers[2]} is not how it stands`)
    }),
    fact('tasks of several queues are cancelled in one call, all others stay', async (c) => {
      const queue = c.newQueue()
      const [a, b] = [await c.pushed(30), await c.pushed(30, { queue })]
      const ids = idsOf([...a.slice(0, 20), ...b.slice(0, 20)])
      assert.deepEqual(new Set(await c.with('cancel').cancel(ids)), new Set(['cancelled']))
      const instance = await c.instance()
      assert.deepEqual(idsOf(await instance.claim()), idsOf(a.slice(20)))
      assert.deepEqual(idsOf(await instance.claim(100, queue)), idsOf(b.slice(20)))
    }),
    fact('who waits for the task is told', async (c) => {
      const [task] = await c.pushed(1)
      const told = c.outcome(task!.id)
      await c.with('cancel').cancel([task!.id])
      assert.equal((await told).status, 'cancelled')
    }),
    fact('of eight callers at once one ends the task', async (c) => {
      const [task] = await c.pushed(1)
      const callers = await c.callers(8)
      const answers = await Promise.all(callers.map((backend) => c.with('cancel', backend).cancel([task!.id])))
      assert.deepEqual(answers.flat().sort(), ['cancelled', ...Array<string>(7).fill('ended')])
    }),
    fact(
      'against a claim: what was cancelled is not handed out, what was handed out is named to its holder',
      async (c) => {
        const tasks = await c.pushed(40)
        const [one, two] = await c.callers(2)
        const holder = await c.instance(one)
        const [claimed, answers] = await Promise.all([
          holder.claim(),
          Promise.all(tasks.map(({ id }) => c.with('cancel', two).cancel([id]))),
        ])
        const ended = tasks.filter((_, n) => answers[n]![0] === 'cancelled')
        for (const { id } of ended) assert.equal((await c.outcome(id)).status, 'cancelled')
        const asked = idsOf(tasks.filter((_, n) => answers[n]![0] === 'cancelling')).sort()
        for (const answer of answers.flat()) assert.ok(answer === 'cancelled' || answer === 'cancelling', answer)
        assert.deepEqual(idsOf(claimed).sort(), asked)
        assert.deepEqual([...(await holder.beat(claimed)).cancelled].sort(), asked)
        await holder.findsNothing()
      },
    ),
    fact('against a retry: whichever comes first, the task is cancelled', async (c) => {
      await c.pushed(40)
      const [one, two] = await c.callers(2)
      const holder = await c.instance(one)
      const held = await holder.take(40)
      const [settled, answers] = await Promise.all([
        Promise.all(held.map((task) => one!.settle([failed(task)]))),
        Promise.all(held.map(({ id }) => c.with('cancel', two).cancel([id]))),
      ])
      assert.deepEqual(new Set(settled.flat()), new Set(['applied']))
      for (const answer of answers.flat()) assert.ok(answer === 'cancelled' || answer === 'cancelling', answer)
      for (const { id } of held) assert.equal((await c.outcome(id)).status, 'cancelled')
      await c.pass(5)
      await holder.findsNothing()
    }),
    fact('against a holder that cancels it itself: the reason of whoever asked before is the error', async (c) => {
      await c.pushed(40)
      const [one, two] = await c.callers(2)
      const held = await (await c.instance(one)).take(40)
      const [, answers] = await Promise.all([
        Promise.all(held.map((task) => one!.settle([cancelled(task)]))),
        Promise.all(held.map(({ id }) => c.with('cancel', two).cancel([id], 'asked for'))),
      ])
      for (const [n, { id }] of held.entries()) {
        const { status, error } = await c.outcome(id)
        assert.deepEqual([status, error?.message === 'asked for'], ['cancelled', answers[n]![0] === 'cancelling'])
      }
    }),
    fact('against done: the task is done', async (c) => {
      await c.pushed(40)
      const [one, two] = await c.callers(2)
      const held = await (await c.instance(one)).take(40)
      const [settled, answers] = await Promise.all([
        Promise.all(held.map((task) => one!.settle([done(task)]))),
        Promise.all(held.map(({ id }) => c.with('cancel', two).cancel([id]))),
      ])
      assert.deepEqual(new Set(settled.flat()), new Set(['applied']))
      for (const answer of answers.flat()) assert.ok(answer === 'ended' || answer === 'cancelling', answer)
      for (const { id } of held) assert.equal((await c.outcome(id)).status, 'done')
    }),
  ],
  'cancel',
)

function isCancelled({ status, attempt, result, error }: Outcome, attempts: number, reason: string): void {
  assert.deepEqual(
    [status, attempt, result, error?.name, error?.code, error?.message],
    ['cancelled', attempts, null, 'QError', 'ERR_CANCELLED', reason],
  )
}
