/** Lists of runs and of the steps of a run: each exactly once, in one order, whatever the size of the pages. */
import assert from 'node:assert/strict'
import type { RunFilter, RunInfo } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameIds } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { everyItem } from '../paging.ts'
import { endedRun, infoOf, newRun, newStep, runsOf, startRun, stepInfo, underWay } from '../run-sample.ts'
import { done, failed, HOUR, killed } from '../sample.ts'

export const listRunsCases: readonly ConformanceCase[] = section(
  'listRuns',
  [
    fact('the latest run comes first', async (c) => {
      const runs = []
      for (let n = 0; n < 4; n++) {
        runs.push(await startRun(c))
        await c.pass(3)
      }
      assert.deepEqual(idsOf(await all(c)), idsOf(runs.toReversed()))
    }),
    fact('runs of one moment come by their ids, the largest first', async (c) => {
      await runsOf(c).startRuns(Array.from({ length: 5 }, () => newRun(c)))
      const runs = await all(c)
      const latestFirst = runs.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
      assert.equal(runs.length, 5)
      assert.deepEqual(idsOf(runs), idsOf(latestFirst))
    }),
    ...[1, 2, 3, 200].map((limit) =>
      fact(`pages of ${limit} hold every run exactly once, in one order`, async (c) => {
        for (let n = 0; n < 3; n++) {
          await runsOf(c).startRuns(Array.from({ length: 3 }, () => newRun(c)))
          await c.pass(3)
        }
        const whole = await all(c)
        assert.equal(new Set(idsOf(whole)).size, 9)
        assert.deepEqual(idsOf(await all(c, {}, limit)), idsOf(whole))
      }),
    ),
    fact('runs are found by queue, workflow, status and parent, and by all of them', async (c) => {
      const parent = { run: uuidv7(), task: uuidv7() }
      const goesOn = await startRun(c, [])
      const child = await startRun(c, [], { parent, workflow: 'other' })
      const other = await startRun(c, [], { workflow: 'other' })
      const elsewhere = await startRun(c, [], { queue: c.newQueue(), parent })
      const ended = await endedRun(c, 'failed')
      sameIds(await all(c), [goesOn, child, other, ended])
      sameIds(await all(c, { workflow: 'other' }), [child, other])
      sameIds(await all(c, { status: 'running' }), [goesOn, child, other])
      sameIds(await all(c, { status: 'failed' }), [ended])
      sameIds(await all(c, { parent: parent.run, workflow: 'other' }), [child])
      sameIds(await all(c, { status: 'failed', workflow: 'other' }), [])
      const page = await runsOf(c).listRuns({ parent: parent.run })
      sameIds(page.items, [child, elsewhere])
    }),
    fact('a run in a list is the run as it is fetched by its id', async (c) => {
      await endedRun(c)
      await startRun(c, [], { key: 'k', metadata: { a: 'b' } })
      for (const item of await all(c)) assert.deepEqual(await infoOf(c, item), item)
    }),
    fact('a queue without runs lists none', async (c) => {
      await c.pushed(1)
      assert.deepEqual(await all(c), [])
    }),
    fact('a limit out of range and a cursor that no page gave are refused', async (c) => {
      const run = await startRun(c)
      for (const limit of [0, 201, 1.5]) {
        await rejects('ERR_OPTION', runsOf(c).listRuns({ queue: c.queue }, { limit }))
        await rejects('ERR_OPTION', runsOf(c).listSteps(run.id, {}, { limit }))
      }
      for (const cursor of ['', 'x', "';--"]) await rejects('ERR_OPTION', runsOf(c).listRuns({}, { cursor }))
    }),
    fact('the steps of a run come in the order of their ids', async (c) => {
      const id = uuidv7()
      const tasks = ['a', 'b', 'c', 'd', 'e'].map((node) => newStep(c, id, node))
      await startRun(c, [], { id, tasks: tasks.toReversed() })
      await startRun(c)
      for (const limit of [1, 2, 200]) {
        const steps = await everyItem((page) => runsOf(c).listSteps(id, {}, page), limit)
        assert.deepEqual(idsOf(steps), idsOf(tasks))
      }
    }),
    fact('a step in a list is the step as it is read by its id', async (c) => {
      const { id } = await endedRun(c)
      const steps = await everyItem((page) => runsOf(c).listSteps(id, {}, page))
      assert.equal(steps.length, 1)
      for (const step of steps) assert.deepEqual(await stepInfo(c, step.id), step)
    }),
    fact('the steps that have not ended are those that wait or are held', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b', 'c', 'd'])
      const next = newStep(c, run.id, 'e', { due: { afterMs: HOUR } })
      await c.applied(done(steps[0]!, { follow: [next] }), killed(steps[1]!), failed(steps[2]!, { retryAfterMs: HOUR }))
      for (const limit of [1, 200]) {
        const living = await everyItem((page) => runsOf(c).listSteps(run.id, { unfinished: true }, page), limit)
        assert.deepEqual(idsOf(living), idsOf([steps[2]!, steps[3]!, next]).sort())
      }
      const { items } = await runsOf(c).listSteps(run.id, { unfinished: false })
      assert.equal(items.length, 5)
    }),
    fact('an unknown run has no steps', async (c) => {
      assert.deepEqual(await everyItem((page) => runsOf(c).listSteps(uuidv7(), {}, page)), [])
    }),
  ],
  'startRuns',
)

function all(c: CaseContext, filter: RunFilter = {}, limit?: number): Promise<RunInfo[]> {
  return everyItem((page) => runsOf(c).listRuns({ queue: c.queue, ...filter }, page), limit)
}
