/** Steps that wait for a message or a moment, and hold nothing meanwhile. */
import assert from 'node:assert/strict'
import type { ClaimedTask, Listen } from '@q/core'
import { childMessage } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { listen as subscribe } from '../nudges.ts'
import { endedRun, ending, infoOf, mailboxOf, newRun, newStep, runsOf, statusesOf, underWay } from '../run-sample.ts'
import type { RunUnderWay } from '../run-sample.ts'
import { deferred, done, HOUR } from '../sample.ts'

export const listenCases: readonly ConformanceCase[] = section(
  'listening',
  [
    fact('a step that listens is due when a message comes, its attempt given back', async (c) => {
      const { step, holder } = await underWay(c)
      await park(c, step, ['paid'])
      await holder.findsNothing()
      await tell(c, step, 'paid')
      const again = await holder.one()
      assert.deepEqual([again.id, again.attempt], [step.id, 1])
    }),
    fact('a message that came before makes it due at once', async (c) => {
      const { step, holder } = await underWay(c)
      await tell(c, step, 'paid')
      await park(c, step, ['approved', 'paid'])
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('a message with another name leaves it waiting', async (c) => {
      const { step, holder } = await underWay(c)
      await tell(c, step, 'other')
      await park(c, step, ['paid'])
      await tell(c, step, 'another')
      await holder.findsNothing()
      assert.deepEqual(await statusesOf(c, [step]), ['pending'])
    }),
    fact('a message that it has received leaves it waiting', async (c) => {
      const { step, holder } = await underWay(c)
      await tell(c, step, 'a')
      assert.equal((await mailboxOf(c).receive(step, ['a', 'b'])).length, 1)
      await park(c, step, ['a', 'b'])
      await holder.findsNothing()
      await tell(c, step, 'b')
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('a message that another step has received leaves it waiting', async (c) => {
      const { steps, holder } = await underWay(c, ['a', 'b'])
      await tell(c, steps[0]!, 'x')
      await mailboxOf(c).receive(steps[0]!, ['x'])
      await park(c, steps[1]!, ['x'])
      await holder.findsNothing()
    }),
    fact('a message for another run leaves it waiting', async (c) => {
      const { step, holder } = await underWay(c)
      const other = await underWay(c)
      await park(c, step, ['x'])
      await tell(c, other.step, 'x')
      await holder.findsNothing()
    }),
    fact('every step that listens for a message is due when it comes', async (c) => {
      const { steps, holder } = await underWay(c, ['a', 'b', 'c'])
      const [a, b, other] = steps
      await park(c, a!, ['x'])
      await park(c, b!, ['y', 'x'])
      await park(c, other!, ['z'])
      await tell(c, a!, 'x')
      assert.deepEqual(idsOf(await holder.take(2)).sort(), idsOf([a!, b!]).sort())
      await holder.findsNothing()
    }),
    fact('a step that listens until a moment is due then, without a message', async (c) => {
      const { step, holder } = await underWay(c)
      await park(c, step, ['x'], (await c.now()) + c.span)
      await holder.findsNothing()
      await c.pass(c.span)
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('a message makes it due before that moment', async (c) => {
      const { step, holder } = await underWay(c)
      await park(c, step, ['x'], (await c.now()) + HOUR)
      await holder.findsNothing()
      await tell(c, step, 'x')
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('without names only the moment counts', async (c) => {
      const { step, holder } = await underWay(c)
      await tell(c, step, 'x')
      await park(c, step, [], (await c.now()) + c.span)
      await tell(c, step, 'x')
      await holder.findsNothing()
      await c.pass(c.span)
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('a moment that has passed makes it due at once', async (c) => {
      const { step, holder } = await underWay(c)
      await park(c, step, ['x'], (await c.now()) - HOUR)
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('a step that waits for a message alone is in no worker’s timetable', async (c) => {
      const { step, holder } = await underWay(c)
      await park(c, step, ['x'])
      const { tasks, nextDueMs } = await holder.request({ queue: c.queue, limit: 1 })
      assert.deepEqual(tasks, [])
      assert.ok(nextDueMs === null || nextDueMs >= HOUR, `${nextDueMs} ms`)
    }),
    fact('a step that was woken listens no longer', async (c) => {
      const { step, holder } = await underWay(c)
      await park(c, step, ['x'])
      await tell(c, step, 'x')
      const again = await holder.one()
      await c.applied(deferred(again, { afterMs: HOUR }))
      await tell(c, step, 'x')
      await holder.findsNothing()
    }),
    fact('a step that listens keeps its run from being stuck', async (c) => {
      const { step, run } = await underWay(c)
      await park(c, step, ['x'])
      assert.ok(!idsOf(await runsOf(c).stuckRuns(1_000)).includes(run.id))
    }),
    fact(
      'a message nudges the queue of the step that listens',
      async (c) => {
        const { step } = await underWay(c)
        await park(c, step, ['x'])
        await using heard = await subscribe(c, c.queue)
        await tell(c, step, 'x')
        await heard.nudged(c.queue, 'work')
      },
      'wake',
    ),
    fact('a step that listens ends with its run', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      await park(c, steps[0]!, ['x'])
      await c.applied(done(steps[1]!, { run: ending(run, 'done') }))
      assert.deepEqual(await statusesOf(c, steps), ['cancelled', 'done'])
    }),
    fact('a step of a run that has ended does not wait for messages', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      await c.applied(done(steps[1]!, { run: ending(run, 'failed') }))
      await park(c, steps[0]!, ['x'])
      assert.equal((await holder.one()).step?.status, 'failed')
    }),
    fact('a step that was asked to end does not wait for messages', async (c) => {
      const { run, step, holder } = await underWay(c)
      await runsOf(c).cancelRuns([{ id: run.id, task: newStep(c, run.id, '$end', { due: { afterMs: HOUR } }) }])
      await park(c, step, ['x'], (await c.now()) + HOUR)
      assert.deepEqual(idsOf(await holder.claim()), [step.id])
    }),
    fact(
      'a cancel of a step that listens makes it due',
      async (c) => {
        const { step, holder } = await underWay(c)
        await park(c, step, ['x'])
        assert.deepEqual(await c.with('cancel').cancel([step.id]), ['cancelling'])
        assert.equal((await holder.one()).cancelling, true)
      },
      'cancel',
    ),
    fact('a message and the step that parks never miss one another', async (c) => {
      const nodes = Array.from('abcdefgh')
      const { steps, holder } = await underWay(c, nodes)
      const callers = await c.callers(2)
      await Promise.all(
        steps.map(async (step, n) => {
          const listening = deferred(step, { run: { run: step.step!.run, listen: { names: [`m${n}`], until: null } } })
          await Promise.all([
            callers[0]!.settle([listening]),
            mailboxOf(c, callers[1]).signal(step.step!.run, { name: `m${n}`, payload: null }),
          ])
        }),
      )
      assert.deepEqual(idsOf(await holder.take(nodes.length)).sort(), idsOf(steps).sort())
    }),
  ],
  'startRuns',
  'signal',
)

export const childRunCases: readonly ConformanceCase[] = section(
  'runs of runs',
  [
    ...(['done', 'failed', 'cancelled'] as const).map((status) =>
      fact(`a step that waits for a run it started is due when that run is ${status}`, async (c) => {
        const { step, holder, run } = await underWay(c)
        const child = newRun(c, { queue: c.newQueue(), parent: { run: run.id, task: step.id } })
        await c.applied(
          deferred(step, {
            run: { run: run.id, start: [child], listen: { names: [childMessage(child.id)], until: null } },
          }),
        )
        await holder.findsNothing()
        const childStep = await (await c.instance()).one(child.queue)
        await c.applied(done(childStep, { run: ending(child, status) }))
        const again = await holder.one()
        assert.equal(again.id, step.id)
        assert.deepEqual(await mailboxOf(c).receive(again, [childMessage(child.id)]), [
          { name: childMessage(child.id), payload: null },
        ])
        assert.equal((await infoOf(c, child)).status, status)
      }),
    ),
    fact('a run that is cancelled tells its parent when it has ended, and not before', async (c) => {
      const { step, holder, run } = await underWay(c)
      const child = newRun(c, { queue: c.newQueue(), parent: { run: run.id, task: step.id } })
      const listen = { names: [childMessage(child.id)], until: null }
      await c.applied(deferred(step, { run: { run: run.id, start: [child], listen } }))
      await runsOf(c).cancelRuns([{ id: child.id, task: newStep(c, child.id, '$end', { queue: child.queue }) }])
      await holder.findsNothing()
      await c.applied(done(await (await c.instance()).one(child.queue), { run: ending(child, 'cancelled') }))
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('a run that ended before its parent listens has told it', async (c) => {
      const { step, holder, run } = await underWay(c)
      const child = await endedRun(c, 'done', { queue: c.newQueue(), parent: { run: run.id, task: step.id } })
      await park(c, step, [childMessage(child.id)])
      assert.equal((await holder.one()).id, step.id)
    }),
    fact('a run of which the parent has ended, or never was, ends like any other', async (c) => {
      const parent = await endedRun(c)
      const orphan = { run: parent.id, task: parent.tasks[0]!.id }
      const nobody = { run: newRun(c).id, task: newRun(c).id }
      for (const one of [orphan, nobody]) {
        const child = await endedRun(c, 'done', { parent: one })
        assert.equal((await infoOf(c, child)).status, 'done')
      }
    }),
    fact('runs that end at once each tell their parent', async (c) => {
      const { step, holder, run } = await underWay(c)
      const parent = { run: run.id, task: step.id }
      const children: RunUnderWay[] = []
      for (let n = 0; n < 4; n++) children.push(await underWay(c, ['a'], { queue: c.newQueue(), parent }))
      const names = children.map((child) => childMessage(child.run.id))
      await park(c, step, names)
      const callers = await c.callers(4)
      await Promise.all(
        callers.map((backend, n) => {
          const child = children[n]!
          return backend.settle([done(child.step, { run: ending(child.run, 'done') })])
        }),
      )
      const again = await holder.one()
      const received = await mailboxOf(c).receive(again, names)
      assert.deepEqual(received.map(({ name }) => name).sort(), names.toSorted())
    }),
  ],
  'startRuns',
  'signal',
)

async function park(
  c: CaseContext,
  step: ClaimedTask,
  names: readonly string[],
  until: Listen['until'] = null,
): Promise<void> {
  await c.applied(deferred(step, { run: { run: step.step!.run, listen: { names, until } } }))
}

async function tell(c: CaseContext, step: ClaimedTask, name: string): Promise<void> {
  assert.equal(await mailboxOf(c).signal(step.step!.run, { name, payload: null }), 'stored')
}
