/** Running a run again from where it failed, and mending one that stands still. */
import assert from 'node:assert/strict'
import type { NewRun, RetryRunAnswer, RunRetry } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameBytes } from '../check.ts'
import type { CaseContext } from '../context.ts'
import {
  arrival,
  arriving,
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
import { BOOM, done, failed, HOUR, killed, text } from '../sample.ts'

export const retryRunCases: readonly ConformanceCase[] = section(
  'retryRun',
  [
    ...(['failed', 'cancelled'] as const).map((status) =>
      fact(`a run that is ${status} runs again`, async (c) => {
        const { run, step } = await underWay(c)
        const change = { status, error: BOOM, compensation: 'complete' } as const
        await c.applied(killed(step, { run: { run: run.id, change } }))
        assert.equal(await retry(c, run, { resume: [step.id] }), 'retried')
        const { status: now, error, compensation, finishedAt, retries, output } = await infoOf(c, run)
        assert.deepEqual(
          [now, error, compensation, finishedAt, retries, output],
          ['running', null, null, null, 1, null],
        )
      }),
    ),
    fact('a step that lives again has its id, payload and node, and nothing is counted', async (c) => {
      const id = uuidv7()
      const task = newStep(c, id, 'a', { payload: text('work'), maxAttempts: 2 })
      const { step, holder } = await underWay(c, ['a'], { id, tasks: [task] })
      await c.applied(failed(step))
      await c.applied(killed(await holder.one(), { run: ending({ id }, 'failed') }))
      assert.equal(await retry(c, { id }, { resume: [task.id] }), 'retried')
      const again = await holder.one()
      assert.deepEqual([again.id, again.attempt, again.crashes, again.checkpoint], [task.id, 1, 0, null])
      assert.deepEqual([again.step?.node, again.step?.status], ['a', 'running'])
      sameBytes(again.payload.bytes, text('work').bytes, 'payload')
      await c.applied(done(again, { run: ending({ id }, 'done') }))
      await stands(c, { id }, 'done')
    }),
    fact('steps that are not named stay as they are', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      await c.applied(done(steps[0]!, { result: text('42') }))
      await c.applied(killed(steps[1]!, { run: ending(run, 'failed') }))
      await retry(c, run, { resume: [steps[1]!.id] })
      assert.deepEqual(idsOf(await holder.claim()), [steps[1]!.id])
      sameBytes((await stepInfo(c, steps[0]!.id)).result?.bytes, text('42').bytes, 'result')
    }),
    fact('a step that is forgotten is gone, and its id is free', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      const [a, b] = steps
      await c.applied(done(a!))
      await c.applied(killed(b!, { run: ending(run, 'failed') }))
      const anew = newStep(c, run.id, 'b', { id: b!.id, payload: text('anew') })
      await retry(c, run, { resume: [a!.id], forget: [b!.id] })
      assert.deepEqual(await statusesOf(c, [a!, b!]), ['pending', null])
      await c.applied(done(await holder.one(), { follow: [anew], run: { run: run.id } }))
      sameBytes((await holder.one()).payload.bytes, text('anew').bytes, 'payload')
    }),
    fact('steps of a retry are stored with it, and ids that exist are skipped', async (c) => {
      const run = await endedRun(c, 'failed')
      const [known, fresh] = [newStep(c, run.id, 'a', { id: run.tasks[0]!.id }), newStep(c, run.id, 'b')]
      assert.equal(await retry(c, run, { tasks: [known, fresh] }), 'retried')
      const claimed = await (await c.instance()).claim()
      assert.deepEqual(idsOf(claimed), [fresh.id])
      assert.equal(claimed[0]!.step?.status, 'running')
    }),
    fact('a join that was forgotten counts from what it is said to be, and opens again', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b', 'c'])
      const [a, b, last] = steps
      const join = newStep(c, run.id, 'join', { priority: 9 })
      const at = { run: arriving(run, arrival(join, 2)) }
      await c.applied(done(a!, at), done(b!, at))
      await c.applied(killed(await holder.one()))
      await c.applied(done(last!, { run: ending(run, 'failed') }))
      const joins = [{ id: join.id, arrived: 1, done: 1, failed: 0 }]
      await retry(c, run, { resume: [b!.id], forget: [join.id], joins })
      await c.applied(done(await holder.one(), at))
      assert.deepEqual(idsOf(await holder.claim()), [join.id])
    }),
    fact('a join that was not forgotten and has opened stays open', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      const [a, b] = steps
      const join = newStep(c, run.id, 'join')
      await c.applied(done(a!, { run: arriving(run, arrival(join, 1)) }))
      await c.applied(done(await holder.one()))
      await c.applied(killed(b!, { run: ending(run, 'failed') }))
      const joins = [{ id: join.id, arrived: 0, done: 0, failed: 0 }]
      await retry(c, run, { resume: [b!.id], joins })
      await c.applied(done(await holder.one(), { run: arriving(run, arrival(join, 1)) }))
      await holder.findsNothing()
    }),
    fact('joins that are not named stay as they were', async (c) => {
      const { run, steps, holder } = await underWay(c, ['a', 'b'])
      const [a, b] = steps
      const join = newStep(c, run.id, 'join')
      await c.applied(done(a!, { run: arriving(run, arrival(join, 2)) }))
      await c.applied(killed(b!, { run: ending(run, 'failed') }))
      await retry(c, run, { resume: [b!.id] })
      await c.applied(done(await holder.one(), { run: arriving(run, arrival(join, 2)) }))
      assert.deepEqual(idsOf(await holder.claim()), [join.id])
    }),
    fact('a run that goes on is busy, and one of which a step lives', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const tasks = [newStep(c, run.id, 'c')]
      assert.equal(await retry(c, run, { tasks }), 'busy')
      await c.applied(killed(steps[0]!, { run: ending(run, 'failed') }))
      assert.equal(await retry(c, run, { resume: [steps[0]!.id], tasks }), 'busy')
      assert.deepEqual(await statusesOf(c, [...steps, ...tasks]), ['killed', 'queued', null])
      await stands(c, run, 'failed')
      await c.applied(done(steps[1]!))
      assert.equal(await retry(c, run, { resume: [steps[0]!.id] }), 'retried')
    }),
    fact('a retry worked out before another one is stale, and changes nothing', async (c) => {
      const { run, step, holder } = await underWay(c)
      await c.applied(killed(step, { run: ending(run, 'failed') }))
      assert.equal(await retry(c, run, { resume: [step.id] }), 'retried')
      await c.applied(killed(await holder.one(), { run: ending(run, 'failed') }))
      assert.equal(await retry(c, run, { resume: [step.id] }), 'stale')
      await stands(c, run, 'failed')
      await holder.findsNothing()
      assert.equal(await retry(c, run, { resume: [step.id], retries: 1 }), 'retried')
      assert.equal((await infoOf(c, run)).retries, 2)
    }),
    fact('a run that is done is not run again', async (c) => {
      const run = await endedRun(c, 'done')
      assert.equal(await retry(c, run, { resume: idsOf(run.tasks) }), 'stale')
      await stands(c, run, 'done')
    }),
    fact('an unknown run is unknown', async (c) => {
      assert.equal(await retry(c, { id: uuidv7() }, {}), 'unknown')
    }),
    fact('of eight retries at once exactly one is carried out', async (c) => {
      const { run, step, holder } = await underWay(c)
      await c.applied(killed(step, { run: ending(run, 'failed') }))
      const answers = await Promise.all(
        (await c.callers(8)).map((backend) => retry(c, run, { resume: [step.id] }, runsOf(c, backend))),
      )
      assert.equal(answers.filter((answer) => answer === 'retried').length, 1)
      assert.equal((await infoOf(c, run)).retries, 1)
      assert.deepEqual(idsOf(await holder.claim()), [step.id])
    }),
    fact('a run that is retried can be cancelled again', async (c) => {
      const run = await startRun(c)
      const end = newStep(c, run.id, '$end')
      await runsOf(c).cancelRuns([{ id: run.id, task: end }])
      const holder = await c.instance()
      await c.applied(done(await holder.one(), { run: ending(run, 'cancelled') }))
      await retry(c, run, { resume: idsOf(run.tasks), forget: [end.id] })
      assert.deepEqual(await runsOf(c).cancelRuns([{ id: run.id, task: end }]), ['cancelling'])
      assert.deepEqual(idsOf(await holder.claim()), [end.id])
    }),
  ],
  'startRuns',
)

export const repairRunCases: readonly ConformanceCase[] = section(
  'stuckRuns and repairRun',
  [
    fact('a run that goes on without a living step is stuck', async (c) => {
      const stuck = await standing(c)
      const [, held] = [await startRun(c), (await underWay(c, ['a'], { queue: c.newQueue() })).run]
      const failing = await underWay(c, ['a'], { queue: c.newQueue() })
      await c.applied(done(failing.step, { run: ending(failing.run, 'failing') }))
      const ended = await endedRun(c, 'failed', { queue: c.newQueue() })
      const found = new Map((await runsOf(c).stuckRuns(1_000)).map((run) => [run.id, run]))
      assert.deepEqual(found.get(stuck.id), await infoOf(c, stuck))
      assert.equal(found.get(failing.run.id)?.status, 'failing')
      for (const { id } of [held, ended]) assert.ok(!found.has(id), 'it is not stuck')
    }),
    fact('a step that waits for its time keeps a run from being stuck', async (c) => {
      const { run, step } = await underWay(c)
      const next = newStep(c, run.id, 'b', { due: { afterMs: HOUR } })
      await c.applied(done(step, { follow: [next], run: { run: run.id } }))
      assert.ok(!idsOf(await runsOf(c).stuckRuns(1_000)).includes(run.id))
    }),
    fact('the oldest stuck runs come first, and no more than asked for', async (c) => {
      const one = await standing(c)
      await c.pass(5)
      const two = await standing(c)
      const ids = idsOf(await runsOf(c).stuckRuns(1_000))
      assert.ok(ids.indexOf(one.id) < ids.indexOf(two.id))
      assert.equal((await runsOf(c).stuckRuns(1)).length, 1)
      for (const limit of [0, 1_001]) await rejects('ERR_OPTION', runsOf(c).stuckRuns(limit))
    }),
    fact('a repair stores what is missing, and skips what is there', async (c) => {
      const run = await standing(c)
      const next = newStep(c, run.id, 'b')
      const tasks = [newStep(c, run.id, 'a', { id: run.tasks[0]!.id }), next]
      await runsOf(c).repairRun({ id: run.id, joins: [], tasks })
      await runsOf(c).repairRun({ id: run.id, joins: [], tasks })
      const claimed = await (await c.instance()).claim()
      assert.deepEqual(idsOf(claimed), [next.id])
      assert.equal(claimed[0]!.step?.run, run.id)
      assert.ok(!idsOf(await runsOf(c).stuckRuns(1_000)).includes(run.id))
    }),
    fact('a repair says how joins stand that have not opened', async (c) => {
      const { run, step, holder } = await underWay(c)
      const [join, opened] = [newStep(c, run.id, 'join'), newStep(c, run.id, 'opened', { priority: 9 })]
      await c.applied(failed(step, { run: arriving(run, arrival(join, 3), arrival(opened, 1)) }))
      await c.applied(done(await holder.one()))
      const joins = [join, opened].map(({ id }) => ({ id, arrived: 2, done: 2, failed: 0 }))
      await runsOf(c).repairRun({ id: run.id, joins, tasks: [] })
      await c.applied(done(await holder.one(), { run: arriving(run, arrival(join, 3), arrival(opened, 1)) }))
      assert.deepEqual(idsOf(await holder.claim()), [join.id])
    }),
    fact('a run that has ended or is unknown is not repaired', async (c) => {
      const run = await endedRun(c)
      await runsOf(c).repairRun({ id: run.id, joins: [], tasks: [newStep(c, run.id, 'b')] })
      const id = uuidv7()
      await runsOf(c).repairRun({ id, joins: [], tasks: [newStep(c, id, 'b')] })
      await (await c.instance()).findsNothing()
    }),
  ],
  'startRuns',
)

/** A run whose only step ended without anything that follows. */
async function standing(c: CaseContext): Promise<NewRun> {
  const { run, step } = await underWay(c)
  await c.applied(done(step))
  return run
}

function retry(
  c: CaseContext,
  { id }: { readonly id: string },
  more: Partial<RunRetry>,
  backend = runsOf(c),
): Promise<RetryRunAnswer> {
  return backend.retryRun({ id, retries: 0, resume: [], forget: [], joins: [], tasks: [], ...more })
}
