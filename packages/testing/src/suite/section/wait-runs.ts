/** Waiting for runs: as they end, in the order they do, and an end in every case. */
import assert from 'node:assert/strict'
import type { RunId, RunInfo } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameBytes, started } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { endedRun, ending, infoOf, newStep, runsOf, startRun, underWay } from '../run-sample.ts'
import type { RunUnderWay } from '../run-sample.ts'
import { done, text } from '../sample.ts'

export const waitRunsCases: readonly ConformanceCase[] = section(
  'waitRuns',
  [
    fact('a run comes as soon as it has ended', async (c) => {
      const { run, step } = await underWay(c)
      const waiting = started(all(c, [run.id]))
      await c.applied(done(step, { run: { run: run.id, change: { status: 'done', output: text('42') } } }))
      const [ended] = await waiting
      assert.deepEqual(ended, await infoOf(c, run))
      sameBytes(ended!.output?.bytes, text('42').bytes, 'output')
    }),
    ...(['done', 'failed', 'cancelled'] as const).map((status) =>
      fact(`a run that is ${status} has ended`, async (c) => {
        const run = await endedRun(c, status)
        assert.deepEqual(
          (await all(c, [run.id])).map((ended) => [ended.id, ended.status]),
          [[run.id, status]],
        )
      }),
    ),
    fact('a run that fails or is cancelling has not ended', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const waiting = started(all(c, [run.id]))
      await c.applied(done(steps[0]!, { run: ending(run, 'failing') }))
      await c.applied(done(steps[1]!, { run: ending(run, 'failed') }))
      assert.deepEqual(
        (await waiting).map(({ status }) => status),
        ['failed'],
      )
    }),
    fact('a run that is cancelled ends when its last step says so', async (c) => {
      const run = await startRun(c)
      const waiting = started(all(c, [run.id]))
      await runsOf(c).cancelRuns([{ id: run.id, task: newStep(c, run.id, '$end') }])
      await c.applied(done(await (await c.instance()).one(), { run: ending(run, 'cancelled') }))
      assert.deepEqual(
        (await waiting).map(({ status }) => status),
        ['cancelled'],
      )
    }),
    fact('runs come in the order in which they end, those that have ended before first', async (c) => {
      const ways: RunUnderWay[] = []
      for (let n = 0; n < 5; n++) ways.push(await underWay(c))
      const order = [3, 0, 4, 1, 2].map((n) => ways[n]!)
      const end = async ({ run, step }: RunUnderWay): Promise<void> => {
        await c.applied(done(step, { run: ending(run, 'done') }))
        await c.pass(2)
      }
      for (const way of order.slice(0, 2)) await end(way)
      const waiting = started(
        all(
          c,
          ways.map(({ run }) => run.id),
        ),
      )
      for (const way of order.slice(2)) await end(way)
      assert.deepEqual(idsOf(await waiting), idsOf(order.map(({ run }) => run)))
    }),
    fact('waiting for nothing ends at once, and an id named twice is told once', async (c) => {
      const run = await endedRun(c)
      assert.deepEqual(await all(c, []), [])
      assert.deepEqual(idsOf(await all(c, [run.id, run.id])), [run.id])
    }),
    fact('an unknown run is ERR_RUN_NOT_FOUND', async (c) => {
      const run = await startRun(c)
      await rejects('ERR_RUN_NOT_FOUND', all(c, [uuidv7()]))
      await rejects('ERR_RUN_NOT_FOUND', all(c, [run.id, uuidv7()]))
    }),
    fact('a wait that takes too long says so, after what had ended before', async (c) => {
      const [ended, goesOn] = [await endedRun(c), await startRun(c)]
      const waiting = runsOf(c)
        .waitRuns(idsOf([goesOn, ended]), { timeoutMs: 60 })
        [Symbol.asyncIterator]()
      assert.equal((await waiting.next()).value?.id, ended.id)
      const last = started(rejects('ERR_WAIT_TIMEOUT', waiting.next()))
      await c.pass(60)
      await last
    }),
    fact('aborting rejects with the reason of the signal', async (c) => {
      const run = await startRun(c)
      const abort = new AbortController()
      const waiting = all(c, [run.id], { signal: abort.signal }).catch((error: unknown) => error)
      const reason = new Error('enough')
      setTimeout(() => abort.abort(reason), 5)
      assert.equal(await waiting, reason)
      const before = all(c, [run.id], { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error)
      assert.equal(await before, reason)
    }),
    fact('a run that is retried is waited for until it ends again', async (c) => {
      const { run, step, holder } = await underWay(c)
      await c.applied(done(step, { run: ending(run, 'failed') }))
      const retry = { resume: [step.id], forget: [], joins: [], tasks: [] }
      assert.equal(await runsOf(c).retryRun({ id: run.id, retries: 0, ...retry }), 'retried')
      const waiting = started(all(c, [run.id]))
      await c.applied(done(await holder.one(), { run: ending(run, 'done') }))
      assert.deepEqual(
        (await waiting).map(({ status, retries }) => [status, retries]),
        [['done', 1]],
      )
    }),
    fact(
      'a run of another process is waited for all the same',
      async (c) => {
        const { run, step } = await underWay(c)
        const waiting = started(all(c, [run.id], {}, runsOf(c, await c.second())))
        await c.applied(done(step, { run: ending(run, 'done') }))
        assert.deepEqual(idsOf(await waiting), [run.id])
      },
      'second',
    ),
  ],
  'startRuns',
)

/** Reads a wait to its end; gives up after some seconds unless told otherwise. */
async function all(
  c: CaseContext,
  ids: readonly RunId[],
  options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  backend = runsOf(c),
): Promise<RunInfo[]> {
  const runs: RunInfo[] = []
  for await (const run of backend.waitRuns(ids, { timeoutMs: 8_000, ...options })) runs.push(run)
  return runs
}
