/** Joins: a step that several lead to is stored once, by the settlement that brings what was missing. */
import assert from 'node:assert/strict'
import type { Arrival, NewTask } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, lots, sameBytes } from '../check.ts'
import { arrival, arriving, newStep, runsOf, statusesOf, underWay } from '../run-sample.ts'
import type { RunUnderWay } from '../run-sample.ts'
import type { CaseContext } from '../context.ts'
import { cancelled, done, failed, killed, text } from '../sample.ts'

const NODES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

export const joinCases: readonly ConformanceCase[] = section(
  'joins',
  [
    fact('a join opens with the last arrival and not before', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 3)
      for (const [n, step] of steps.entries()) {
        await holder.findsNothing(queue)
        assert.deepEqual(await statusesOf(c, [join]), [null], `stored after ${n} arrivals`)
        await c.applied(done(step, { run: arriving(run, arrival(join, 3)) }))
      }
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('the step of a join is as it was given', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 2, {
        payload: text('all'),
        priority: 4,
        maxAttempts: 9,
      })
      for (const step of steps) await c.applied(done(step, { run: arriving(run, arrival(join, 2)) }))
      const opened = await holder.one(queue)
      assert.deepEqual([opened.id, opened.attempt, opened.priority, opened.maxAttempts], [join.id, 1, 4, 9])
      assert.deepEqual(
        { ...opened.step },
        { run: run.id, node: 'join', index: 0, workflow: 'orders', status: 'running' },
      )
      sameBytes(opened.payload.bytes, text('all').bytes, 'payload')
    }),
    fact('several arrivals of one join in one call are all counted', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 5)
      const settle = (n: number) => done(steps[n]!, { run: arriving(run, arrival(join, 5)) })
      await c.applied(settle(0), settle(1), settle(2))
      await holder.findsNothing(queue)
      await c.applied(settle(3), settle(4))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('all arrivals of a join in one call open it once', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 8)
      await c.applied(...steps.map((step) => done(step, { run: arriving(run, arrival(join, 8)) })))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('one settlement may arrive at several joins', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 2)
      const other = newStep(c, run.id, 'other', { queue })
      await c.applied(done(steps[0]!, { run: arriving(run, arrival(join, 2), arrival(other, 1)) }))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [other.id])
      await c.applied(done(steps[1]!, { run: arriving(run, arrival(join, 2)) }))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('one settlement may arrive at one join for several predecessors', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 2)
      await c.applied(done(steps[0]!, { run: arriving(run, arrival(join, 4, { arrived: 3, done: 1 })) }))
      await holder.findsNothing(queue)
      await c.applied(done(steps[1]!, { run: arriving(run, arrival(join, 4)) }))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('arrivals from eight callers at once open a join exactly once', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 8)
      const callers = await c.callers(8)
      const answers = await Promise.all(
        callers.map((backend, n) => backend.settle([done(steps[n]!, { run: arriving(run, arrival(join, 8)) })])),
      )
      assert.deepEqual(new Set(answers.flat()), new Set(['applied']))
      assert.deepEqual(idsOf(await holder.take(1, queue)), [join.id])
      await holder.findsNothing(queue)
    }),
    fact('arrivals at two joins in any order, by several callers, open both exactly once', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 8)
      const other = newStep(c, run.id, 'other', { queue })
      const draw = lots(7)
      const callers = await c.callers(4)
      const settlements = steps.map((step) => {
        const arrivals = [arrival(join, 8), arrival(other, 8)]
        return done(step, { run: arriving(run, ...(draw() < 0.5 ? arrivals : arrivals.toReversed())) })
      })
      await Promise.all(callers.map((backend, n) => backend.settle(settlements.slice(2 * n, 2 * n + 2))))
      assert.deepEqual(idsOf(await holder.take(2, queue)).sort(), idsOf([join, other]).sort())
      await holder.findsNothing(queue)
    }),
    fact('less than nothing may arrive: so many more are waited for', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 4)
      await c.applied(done(steps[0]!, { run: arriving(run, arrival(join, 2, { arrived: -1, done: 0 })) }))
      for (const step of steps.slice(1)) {
        await holder.findsNothing(queue)
        await c.applied(done(step, { run: arriving(run, arrival(join, 2)) }))
      }
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('a settlement that is repeated does not arrive twice', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 2)
      const first = done(steps[0]!, { run: arriving(run, arrival(join, 2)) })
      await c.applied(first)
      assert.equal(await c.settle(first), 'already')
      assert.equal(await c.settle(first), 'already')
      await holder.findsNothing(queue)
      await c.applied(done(steps[1]!, { run: arriving(run, arrival(join, 2)) }))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('a settlement sent by eight callers at once arrives once', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 2)
      const first = done(steps[0]!, { run: arriving(run, arrival(join, 2)) })
      const answers = (await Promise.all((await c.callers(8)).map((backend) => backend.settle([first])))).flat()
      assert.equal(answers.filter((answer) => answer === 'applied').length, 1)
      await holder.findsNothing(queue)
    }),
    fact('a step that failed and is tried again has not arrived', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 2)
      await c.applied(failed(steps[0]!))
      await c.applied(done(steps[1]!, { run: arriving(run, arrival(join, 2)) }))
      await holder.findsNothing(queue)
      await c.applied(done(await holder.one(), { run: arriving(run, arrival(join, 2)) }))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('a join that wants some done opens when so many are, however few have arrived', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 4)
      const opens = { arrived: 4, done: 2 }
      const at = (more: Partial<Arrival>) => ({ run: arriving(run, arrival(join, 4, { opens, ...more })) })
      await c.applied(done(steps[0]!, at({})))
      await c.applied(killed(steps[1]!, at({ done: 0, failed: 1 })))
      await holder.findsNothing(queue)
      await c.applied(done(steps[2]!, at({})))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
      await c.applied(done(steps[3]!, at({})))
      await holder.findsNothing(queue)
    }),
    fact('a join that wants some done opens when all have arrived, though too few are', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 2)
      const opens = { arrived: 2, done: 2 }
      await c.applied(done(steps[0]!, { run: arriving(run, arrival(join, 2, { opens })) }))
      await c.applied(cancelled(steps[1]!, { run: arriving(run, arrival(join, 2, { opens, done: 0 })) }))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('a join that bears some failures opens when there are more, and not before', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 5)
      const at = { run: arriving(run, arrival(join, 5, { done: 0, failed: 1, opens: { arrived: 5, failed: 1 } })) }
      await c.applied(killed(steps[0]!, at))
      await holder.findsNothing(queue)
      await c.applied(killed(steps[1]!, at))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
      await c.applied(killed(steps[2]!, at))
      await holder.findsNothing(queue)
    }),
    fact('a join that bears no failure opens with the first', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 3)
      const opens = { arrived: 3, failed: 0 }
      await c.applied(done(steps[0]!, { run: arriving(run, arrival(join, 3, { opens })) }))
      await holder.findsNothing(queue)
      await c.applied(killed(steps[1]!, { run: arriving(run, arrival(join, 3, { opens, done: 0, failed: 1 })) }))
      assert.deepEqual(idsOf(await holder.claim(10, queue)), [join.id])
    }),
    fact('skipped predecessors arrive without being done or failed', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 1)
      const opens = { arrived: 3, done: 3, failed: 0 }
      await c.applied(done(steps[0]!, { run: arriving(run, arrival(join, 3, { arrived: 2, done: 0, opens })) }))
      await holder.findsNothing(queue)
      assert.deepEqual(await statusesOf(c, [join]), [null])
    }),
    fact('a join whose step has ended does not open again', async (c) => {
      const { queue, join, run, steps, holder } = await joined(c, 3)
      const opens = { arrived: 3, done: 1 }
      const at = { run: arriving(run, arrival(join, 3, { opens })) }
      await c.applied(done(steps[0]!, at))
      await c.applied(done(await holder.one(queue)))
      await c.applied(done(steps[1]!, at), done(steps[2]!, at))
      await holder.findsNothing(queue)
      assert.deepEqual(await statusesOf(c, [join]), ['done'])
    }),
    fact('a join of one run does not count what arrives in another', async (c) => {
      const one = await joined(c, 2)
      const two = await joined(c, 2)
      await c.applied(done(one.steps[0]!, { run: arriving(one.run, arrival(one.join, 2)) }))
      await c.applied(done(two.steps[0]!, { run: arriving(two.run, arrival(two.join, 2)) }))
      await one.holder.findsNothing(one.queue)
      await one.holder.findsNothing(two.queue)
    }),
    fact('a join that has not opened is no step of its run', async (c) => {
      const { join, run, steps } = await joined(c, 2)
      await c.applied(done(steps[0]!, { run: arriving(run, arrival(join, 2)) }))
      const { items } = await runsOf(c).listSteps(run.id)
      assert.deepEqual(idsOf(items), idsOf(steps))
    }),
  ],
  'startRuns',
)

/** A run of so many steps that are held, and a step in a queue of its own that they may lead to. */
async function joined(
  c: CaseContext,
  count: number,
  more: Partial<NewTask> = {},
): Promise<RunUnderWay & { readonly queue: string; readonly join: NewTask }> {
  const queue = c.newQueue()
  const way = await underWay(c, NODES.slice(0, count))
  return { ...way, queue, join: newStep(c, way.run.id, 'join', { queue, ...more }) }
}
