/** Cancelling runs: what waits ends, what is held is asked, and one step is stored that ends the run. */
import assert from 'node:assert/strict'
import type { NewTask } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { listen } from '../nudges.ts'
import {
  endedRun,
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
import { BOOM, cancelled, deferred, done, failed, HOUR, released } from '../sample.ts'

const MOST = 1_000

export const cancelRunCases: readonly ConformanceCase[] = section(
  'cancelRuns',
  [
    fact('a running run is cancelling, and says why', async (c) => {
      const run = await startRun(c)
      assert.equal(await cancel(c, run, 'no longer wanted'), 'cancelling')
      const { status, error, finishedAt } = await infoOf(c, run)
      assert.deepEqual([status, error?.code, error?.message], ['cancelling', 'ERR_CANCELLED', 'no longer wanted'])
      assert.equal(finishedAt, null)
    }),
    fact('steps that wait end as cancelled', async (c) => {
      const { run, step, holder } = await underWay(c)
      const next = newStep(c, run.id, 'b', { due: { afterMs: HOUR } })
      await c.applied(failed(step, { follow: [next], run: { run: run.id } }))
      await cancel(c, run, 'enough')
      assert.deepEqual(await statusesOf(c, [step, next]), ['cancelled', 'cancelled'])
      assert.equal((await stepInfo(c, next.id)).error?.message, 'enough')
      await holder.take(1)
      await holder.findsNothing()
    }),
    fact('the step that will end the run is stored with the first call, and with no other', async (c) => {
      const run = await startRun(c)
      const [first, second] = [newStep(c, run.id, '$end'), newStep(c, run.id, '$end')]
      assert.deepEqual(await runsOf(c).cancelRuns([{ id: run.id, task: first }]), ['cancelling'])
      assert.deepEqual(await runsOf(c).cancelRuns([{ id: run.id, task: second }]), ['already'])
      const claimed = await (await c.instance()).claim()
      assert.deepEqual(idsOf(claimed), [first.id])
      assert.equal(claimed[0]!.step?.status, 'cancelling')
      assert.ok(!claimed[0]!.cancelling)
      assert.deepEqual(await statusesOf(c, [second]), [null])
    }),
    fact('the step that will end the run ends it', async (c) => {
      const run = await startRun(c)
      await cancel(c, run, 'enough')
      const holder = await c.instance()
      await c.applied(done(await holder.one(), { run: ending(run, 'cancelled') }))
      const { status, error, finishedAt } = await infoOf(c, run)
      assert.deepEqual([status, error?.message], ['cancelled', 'enough'])
      assert.ok(finishedAt !== null)
    }),
    fact('steps that are held are asked to end, and hear of it with their beat', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      const { step: other } = await underWay(c, ['z'], { queue: c.newQueue() })
      await cancel(c, run)
      const { cancelled: asked, lost } = await holder.beat([...steps, other])
      assert.deepEqual([...asked].sort(), idsOf(steps).sort())
      assert.deepEqual(lost, [])
      await c.applied(cancelled(steps[0]!), done(steps[1]!))
      assert.deepEqual(await statusesOf(c, steps), ['cancelled', 'done'])
    }),
    fact(
      'the holders of its steps are nudged for news',
      async (c) => {
        const { run } = await underWay(c)
        await using heard = await listen(c, c.queue)
        await cancel(c, run)
        await heard.nudged(c.queue, 'news')
      },
      'wake',
    ),
    fact('a held step that goes back is handed out once more, to be ended', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b', 'c'])
      await cancel(c, run)
      await c.applied(failed(steps[0]!, { retryAfterMs: HOUR }), released(steps[1]!), deferred(steps[2]!))
      const back = (await holder.take(4)).filter(({ step }) => step?.node !== '$end')
      assert.deepEqual(idsOf(back).sort(), idsOf(steps).sort())
      for (const task of back) assert.deepEqual([task.cancelling, task.step?.status], [true, 'cancelling'])
    }),
    fact('what a held step stores afterwards is handed out and says that the run is cancelling', async (c) => {
      const { run, step, holder } = await underWay(c)
      const next = newStep(c, run.id, 'b', { priority: 9 })
      await cancel(c, run)
      await c.applied(done(step, { follow: [next], run: { run: run.id } }))
      const claimed = await holder.one()
      assert.deepEqual([claimed.id, claimed.step?.status], [next.id, 'cancelling'])
    }),
    fact('repeating it ends what waits by then, but not the steps that end the run', async (c) => {
      const { run, step, holder } = await underWay(c)
      const end = newStep(c, run.id, '$end', { due: { afterMs: HOUR } })
      const [next, undo] = [newStep(c, run.id, 'b'), newStep(c, run.id, '$undo:b', { priority: 9 })]
      const request = { id: run.id, task: end }
      assert.deepEqual(await runsOf(c).cancelRuns([request]), ['cancelling'])
      await c.applied(done(step, { follow: [next, undo], run: { run: run.id } }))
      assert.deepEqual(await runsOf(c).cancelRuns([request]), ['already'])
      assert.deepEqual(await statusesOf(c, [next, undo, end]), ['cancelled', 'pending', 'pending'])
      const held = await holder.one()
      assert.equal(held.id, undo.id)
      await runsOf(c).cancelRuns([request])
      assert.deepEqual((await holder.beat([held])).cancelled, [])
    }),
    fact('a run that fails goes on failing, and what waits of it ends', async (c) => {
      const { run, step } = await underWay(c)
      const next = newStep(c, run.id, 'b')
      await c.applied(done(step, { follow: [next], run: { run: run.id, change: { status: 'failing', error: BOOM } } }))
      assert.equal(await cancel(c, run), 'already')
      const { status, error } = await infoOf(c, run)
      assert.deepEqual([status, error], ['failing', BOOM])
      assert.deepEqual(await statusesOf(c, [next]), ['cancelled'])
      await (await c.instance()).findsNothing()
    }),
    fact('runs that have ended and runs that are unknown are told apart, in the order given', async (c) => {
      const [ended, goesOn] = [await endedRun(c), await startRun(c)]
      const ids = [uuidv7(), goesOn.id, ended.id, goesOn.id]
      assert.deepEqual(await runsOf(c).cancelRuns(ids.map((id) => ({ id, task: newStep(c, id, '$end') }))), [
        'unknown',
        'cancelling',
        'ended',
        'already',
      ])
      await stands(c, ended, 'done')
      assert.equal((await (await c.instance()).claim()).length, 1)
    }),
    fact('cancelling nothing is answered with nothing', async (c) => {
      assert.deepEqual(await runsOf(c).cancelRuns([]), [])
    }),
    fact('of very many waiting steps a call ends a thousand, and the next one more', async (c) => {
      const id = uuidv7()
      const tasks: NewTask[] = Array.from({ length: MOST + 50 }, (_, index) =>
        newStep(c, id, 'many', { step: { run: id, node: 'many', index } }),
      )
      await startRun(c, [], { id, tasks })
      const ended = async (): Promise<number> => {
        const read = [
          ...(await runsOf(c).readSteps(idsOf(tasks.slice(0, MOST)))),
          ...(await runsOf(c).readSteps(idsOf(tasks.slice(MOST)))),
        ]
        return read.filter((step) => step?.status === 'cancelled').length
      }
      await cancel(c, { id })
      assert.equal(await ended(), MOST)
      const holder = await c.instance()
      const left = await holder.claim(10)
      for (const { step } of left) assert.equal(step?.status, 'cancelling')
      await c.applied(...left.filter(({ step }) => step?.node === 'many').map((task) => cancelled(task)))
      await cancel(c, { id })
      assert.equal(await ended(), MOST + 50)
    }),
    fact('of eight cancels at once one makes it cancelling and stores its step', async (c) => {
      const run = await startRun(c)
      const answers = (
        await Promise.all(
          (await c.callers(8)).map((backend) =>
            runsOf(c, backend).cancelRuns([{ id: run.id, task: newStep(c, run.id, '$end') }]),
          ),
        )
      ).flat()
      assert.deepEqual(answers.toSorted(), ['cancelling', ...Array.from({ length: 7 }, () => 'already')].toSorted())
      assert.equal((await (await c.instance()).claim()).length, 1)
    }),
  ],
  'startRuns',
)

async function cancel(c: CaseContext, { id }: { readonly id: string }, reason?: string): Promise<string> {
  const request = { id, task: newStep(c, id, '$end'), ...(reason === undefined ? {} : { reason }) }
  const answers = await runsOf(c).cancelRuns([request])
  assert.equal(answers.length, 1)
  return answers[0]!
}
