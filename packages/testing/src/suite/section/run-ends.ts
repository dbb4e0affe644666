/** The end of a run: what waits ends with it, what is held goes on, what comes later is handed out to be ended. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf } from '../check.ts'
import {
  arrival,
  ending,
  infoOf,
  newStep,
  runsOf,
  stands,
  startRun,
  statusesOf,
  stepInfo,
  underWay,
} from '../run-sample.ts'
import { cancelled, deferred, done, failed, HOUR, released, text } from '../sample.ts'

/** Steps that a run may end in one call. */
const MOST = 1_000

export const runEndCases: readonly ConformanceCase[] = section(
  'ends of runs',
  [
    ...(['done', 'failed', 'cancelled'] as const).map((status) =>
      fact(`when a run is ${status} its waiting steps end as cancelled`, async (c) => {
        const { run, steps, holder } = await underWay(c, ['a', 'b'])
        const [a, b] = steps
        const follow = [newStep(c, run.id, 'c'), newStep(c, run.id, 'd', { due: { afterMs: HOUR } })]
        await c.applied(failed(b!, { follow, run: { run: run.id } }))
        const other = await startRun(c, ['z'], { queue: c.newQueue() })
        await c.applied(done(a!, { run: ending(run, status) }))
        for (const { id } of [b!, ...follow]) assert.equal((await c.outcome(id)).status, 'cancelled')
        assert.equal((await c.outcome(a!.id)).status, 'done')
        await holder.findsNothing()
        assert.deepEqual(await statusesOf(c, other.tasks), ['pending'])
      }),
    ),
    fact('a step that ended with its run says so', async (c) => {
      const { run, step } = await underWay(c)
      const waiting = newStep(c, run.id, 'b')
      await c.applied(done(step, { follow: [waiting], run: ending(run, 'done') }))
      const { error, finishedAt } = await stepInfo(c, waiting.id)
      assert.equal(error?.code, 'ERR_CANCELLED')
      assert.ok(finishedAt !== null)
    }),
    fact('steps that are held keep their claim when their run ends', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      await c.applied(done(steps[0]!, { run: ending(run, 'failed') }))
      assert.deepEqual((await holder.beat([steps[1]!])).lost, [])
      await c.applied(done(steps[1]!, { result: text('42'), run: { run: run.id } }))
      assert.equal((await stepInfo(c, steps[1]!.id)).status, 'done')
    }),
    fact('what a step settles after the end of its run does not revive the run', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      await c.applied(done(steps[0]!, { run: ending(run, 'failed') }))
      const before = await infoOf(c, run)
      await c.pass(5)
      await c.applied(done(steps[1]!, { run: { run: run.id, change: { status: 'done', output: text('late') } } }))
      assert.deepEqual(await infoOf(c, run), before)
    }),
    ...(['done', 'failed', 'cancelled'] as const).map((status) =>
      fact(`a step that is stored after its run is ${status} is handed out and says so`, async (c) => {
        const { run, steps, holder } = await underWay(c, ['a', 'b'])
        const [next, join] = [newStep(c, run.id, 'c'), newStep(c, run.id, 'join')]
        await c.applied(done(steps[0]!, { run: ending(run, status) }))
        await c.applied(done(steps[1]!, { follow: [next], run: { run: run.id, arrive: [arrival(join, 1)] } }))
        const late = await holder.take(2)
        assert.deepEqual(idsOf(late).sort(), idsOf([next, join]).sort())
        for (const { step } of late) assert.equal(step?.status, status)
        await c.applied(...late.map((task) => cancelled(task)))
        await stands(c, run, status)
      }),
    ),
    fact('a step that goes back after the end of its run is handed out again', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b', 'c', 'd'])
      await c.applied(done(steps[0]!, { run: ending(run, 'failed') }))
      await c.applied(failed(steps[1]!), released(steps[2]!), deferred(steps[3]!))
      const back = await holder.take(3)
      assert.deepEqual(new Set(back.map(({ step }) => step?.status)), new Set(['failed']))
      await c.applied(...back.map((task) => cancelled(task)))
      assert.deepEqual(await statusesOf(c, steps), ['done', 'cancelled', 'cancelled', 'cancelled'])
    }),
    fact('a run that fails or is cancelling leaves its waiting steps alone', async (c) => {
      for (const status of ['failing', 'cancelling'] as const) {
        const { run, step, holder } = await underWay(c)
        const next = newStep(c, run.id, 'b')
        await c.applied(done(step, { follow: [next], run: ending(run, status) }))
        const claimed = await holder.one()
        assert.deepEqual([claimed.id, claimed.step?.status], [next.id, status])
        assert.equal((await infoOf(c, run)).finishedAt, null)
        await c.applied(done(claimed))
      }
    }),
    fact('of very many waiting steps a thousand end with the run, the others are handed out', async (c) => {
      const id = uuidv7()
      const first = newStep(c, id, 'a', { priority: 9 })
      const others = Array.from({ length: MOST + 5 }, (_, index) =>
        newStep(c, id, 'many', { step: { run: id, node: 'many', index } }),
      )
      await startRun(c, [], { id, tasks: [first, ...others] })
      const holder = await c.instance()
      await c.applied(done(await holder.one(), { run: ending({ id }, 'done') }))
      const rest = await holder.take(5)
      for (const { step } of rest) assert.equal(step?.status, 'done')
      await holder.findsNothing()
      const ended = (await runsOf(c).readSteps(idsOf(others.slice(0, MOST)))).concat(
        await runsOf(c).readSteps(idsOf(others.slice(MOST))),
      )
      assert.equal(ended.filter((step) => step?.status === 'cancelled').length, MOST)
    }),
    fact('two steps that end their run at once end it once', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const [one, two] = await c.callers(2)
      await Promise.all([
        one!.settle([done(steps[0]!, { run: ending(run, 'done') })]),
        two!.settle([done(steps[1]!, { run: ending(run, 'failed') })]),
      ])
      const { status, finishedAt } = await infoOf(c, run)
      assert.ok(status === 'done' || status === 'failed')
      assert.ok(finishedAt !== null)
    }),
  ],
  'startRuns',
)
