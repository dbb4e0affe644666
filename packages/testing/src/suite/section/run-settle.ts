/** What a settlement does to its run: if and only if it is applied, and once. */
import assert from 'node:assert/strict'
import type { NewTask, RunId, RunPart, RunStatus } from '@q/core'
import { RUN_TRANSITIONS } from '@q/core'
import type { ConformanceCase, Fact } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameBytes, sameIds } from '../check.ts'
import type { CaseContext } from '../context.ts'
import {
  arrival,
  arriving,
  ending,
  infoOf,
  newRun,
  newStep,
  runsOf,
  stands,
  startRun,
  stepInfo,
  underWay,
} from '../run-sample.ts'
import { BOOM, cancelled, deferred, done, ENDING_KINDS, failed, killed, text } from '../sample.ts'

/** A part of a settlement, and a look at whether it took effect: how often. */
interface Effect {
  readonly name: string
  readonly part: (c: CaseContext, run: RunId, queue: string) => { readonly run: RunPart; readonly follow?: NewTask[] }
  readonly seen: (c: CaseContext, run: RunId, queue: string) => Promise<number>
}

const inQueue: Effect['seen'] = async (c, _run, queue) => (await (await c.instance()).claim(10, queue)).length

const EFFECTS: readonly Effect[] = [
  {
    name: 'an arrival',
    part: (c, id, queue) => ({ run: arriving({ id }, arrival(newStep(c, id, 'join', { queue }), 1)) }),
    seen: inQueue,
  },
  {
    name: 'a start of another run',
    part: (c, id, queue) => ({ run: { run: id, start: [newRun(c, { queue })] } }),
    seen: inQueue,
  },
  {
    name: 'a follow-on step',
    part: (c, id, queue) => ({ run: { run: id }, follow: [newStep(c, id, 'next', { queue })] }),
    seen: inQueue,
  },
  {
    name: 'a change',
    part: (_c, id) => ({ run: { run: id, change: { status: 'failing' } } }),
    seen: async (c, id) => Number((await infoOf(c, { id })).status === 'failing'),
  },
]

export const runSettleCases: readonly ConformanceCase[] = section(
  'settlements of steps',
  [
    ...EFFECTS.flatMap(({ name, part, seen }): Fact[] => [
      fact(`${name} takes effect with its settlement`, async (c) => {
        const queue = c.newQueue()
        const { run, step } = await underWay(c)
        await c.applied(done(step, part(c, run.id, queue)))
        assert.equal(await seen(c, run.id, queue), 1)
      }),
      fact(`${name} of a stale settlement has no effect`, async (c) => {
        const queue = c.newQueue()
        const { run, step, holder } = await underWay(c)
        await c.expire(holder)
        await c.sweepAll()
        assert.equal(await c.settle(done(step, part(c, run.id, queue))), 'stale')
        assert.equal(await seen(c, run.id, queue), 0)
      }),
      fact(`${name} of a settlement that is repeated has its effect once`, async (c) => {
        const queue = c.newQueue()
        const { run, step } = await underWay(c)
        const settlement = done(step, part(c, run.id, queue))
        await c.applied(settlement)
        assert.equal(await c.settle(settlement), 'already')
        assert.equal(await c.settle(done(step, part(c, run.id, queue))), 'already')
        assert.equal(await seen(c, run.id, queue), 1)
      }),
    ]),
    ...Object.entries(ENDING_KINDS).map(([kind, settle]) =>
      fact(`${kind}: what it says of its run takes effect`, async (c) => {
        const queue = c.newQueue()
        const { run, step } = await underWay(c)
        const join = newStep(c, run.id, 'join', { queue })
        await c.applied({ ...settle(step), run: { ...arriving(run, arrival(join, 1)), change: { status: 'failing' } } })
        assert.equal((await (await c.instance()).one(queue)).step?.status, 'failing')
      }),
    ),
    fact('a follow-on step belongs to its run', async (c) => {
      const { run, step, holder } = await underWay(c)
      const next = newStep(c, run.id, 'b', { payload: text('work'), priority: 3, maxAttempts: 2 })
      await c.applied(done(step, { follow: [next], run: { run: run.id } }))
      const claimed = await holder.one()
      assert.deepEqual({ ...claimed.step }, { run: run.id, node: 'b', index: 0, workflow: 'orders', status: 'running' })
      assert.deepEqual([claimed.id, claimed.priority, claimed.maxAttempts], [next.id, 3, 2])
      sameBytes(claimed.payload.bytes, next.payload.bytes, 'payload')
      const { items } = await runsOf(c).listSteps(run.id)
      assert.deepEqual(idsOf(items), idsOf([step, next]).sort())
    }),
    fact('a follow-on step of a settlement that says nothing of its run belongs to it all the same', async (c) => {
      const { run, step, holder } = await underWay(c)
      await c.applied(done(step, { follow: [newStep(c, run.id, 'b')] }))
      assert.equal((await holder.one()).step?.run, run.id)
    }),
    fact('a follow-on step that exists is skipped', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      const next = newStep(c, run.id, 'c')
      await c.applied(done(steps[0]!, { follow: [next], run: { run: run.id } }))
      await c.applied(done(steps[1]!, { follow: [next], run: { run: run.id } }))
      assert.deepEqual(idsOf(await holder.claim()), [next.id])
    }),
    fact('a run started by a step begins with its steps, and one that exists is left as it is', async (c) => {
      const queue = c.newQueue()
      const { run, steps } = await underWay(c, ['a', 'b'])
      const parent = { run: run.id, task: steps[0]!.id }
      const child = newRun(c, { queue, parent })
      await c.applied(done(steps[0]!, { run: { run: run.id, start: [child] } }))
      await c.applied(done(steps[1]!, { run: { run: run.id, start: [{ ...child, input: text('other') }] } }))
      const info = await infoOf(c, child)
      assert.deepEqual(info.parent, parent)
      sameBytes(info.input.bytes, child.input.bytes, 'input')
      sameIds(await (await c.instance()).claim(10, queue), child.tasks)
    }),
    fact('stale and applied settlements of one call do not disturb one another', async (c) => {
      const one = await underWay(c)
      await c.expire(one.holder)
      await c.sweepAll()
      const two = await underWay(c, ['a'], { queue: c.newQueue() })
      const answers = await c.backend.settle([
        done(one.step, { run: ending(one.run, 'done') }),
        done(two.step, { run: ending(two.run, 'done') }),
      ])
      assert.deepEqual(answers, ['stale', 'applied'])
      await stands(c, one.run, 'running')
      await stands(c, two.run, 'done')
    }),
    ...(Object.keys(RUN_TRANSITIONS) as RunStatus[]).map((from) =>
      fact(`from ${from} a run goes where it may go, and nowhere else`, async (c) => {
        for (const to of ['failing', 'cancelling', 'done', 'failed', 'cancelled'] as const) {
          const { run, steps } = await underWay(c, ['a', 'b'])
          const [a, b] = steps
          await c.applied(done(a!, from === 'running' ? {} : { run: ending(run, from) }))
          await stands(c, run, from)
          const before = await infoOf(c, run)
          const change = { status: to, output: text('out'), error: BOOM, compensation: 'partial' } as const
          await c.applied(done(b!, { run: { run: run.id, change } }))
          const after = await infoOf(c, run)
          if (RUN_TRANSITIONS[from].includes(to))
            assert.deepEqual([after.status, after.compensation], [to, 'partial'], `${from} to ${to}`)
          else assert.deepEqual(after, before, `${from} to ${to}`)
        }
      }),
    ),
    fact('a run that is done has its output', async (c) => {
      const { run, step } = await underWay(c)
      await c.pass(5)
      await c.applied(done(step, { run: { run: run.id, change: { status: 'done', output: text('42') } } }))
      const { status, output, error, createdAt, finishedAt } = await infoOf(c, run)
      assert.deepEqual([status, error], ['done', null])
      assert.equal(output?.codec, 'text')
      sameBytes(output?.bytes, text('42').bytes, 'output')
      assert.ok(finishedAt !== null && finishedAt > createdAt)
      const { finishedAt: stepEndedAt } = await stepInfo(c, step.id)
      assert.ok(stepEndedAt !== null && finishedAt >= stepEndedAt)
    }),
    fact('what a change does not name stays as it was', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const failing = { status: 'failing', error: BOOM } as const
      await c.applied(killed(steps[0]!, { run: { run: run.id, change: failing } }))
      assert.deepEqual((await infoOf(c, run)).error, BOOM)
      await c.applied(done(steps[1]!, { run: { run: run.id, change: { status: 'failed', compensation: 'complete' } } }))
      const { status, error, compensation, output } = await infoOf(c, run)
      assert.deepEqual([status, error, compensation, output], ['failed', BOOM, 'complete', null])
    }),
    fact('a step that waits sees how its run stands by the time it is claimed', async (c) => {
      const { run, step, holder } = await underWay(c)
      const next = newStep(c, run.id, 'b')
      await c.applied(failed(step, { follow: [next], run: ending(run, 'failing') }))
      const claimed = await holder.take(2)
      assert.deepEqual(
        claimed.map((task) => task.step?.status),
        ['failing', 'failing'],
      )
    }),
    fact('a settlement as cancelled keeps the error it brings', async (c) => {
      const { run, step } = await underWay(c)
      await c.applied(cancelled(step, { error: BOOM, run: { run: run.id } }))
      const { status, error } = await stepInfo(c, step.id)
      assert.deepEqual([status, error], ['cancelled', BOOM])
    }),
    fact('a deferred step may arrive elsewhere before it goes on', async (c) => {
      const { run, step, holder } = await underWay(c)
      const join = newStep(c, run.id, 'join', { priority: 5 })
      await c.applied(deferred(step, { run: arriving(run, arrival(join, 1)) }))
      assert.deepEqual(idsOf(await holder.take(2)), [join.id, step.id])
    }),
    fact('runs do not disturb one another', async (c) => {
      const { run, step } = await underWay(c)
      const other = await startRun(c)
      await c.applied(done(step, { run: ending(run, 'failed') }))
      await stands(c, other, 'running')
      assert.deepEqual(idsOf(await (await c.instance()).claim()), idsOf(other.tasks))
    }),
  ],
  'startRuns',
)
