/** Forgetting runs: with everything that belongs to them, and not before they have ended. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { rejects } from '../check.ts'
import type { CaseContext } from '../context.ts'
import {
  endedRun,
  ending,
  infoOf,
  mailboxOf,
  newRun,
  newStep,
  runsOf,
  startRun,
  statusesOf,
  underWay,
} from '../run-sample.ts'
import { cancelled, done, failed, HOUR, text } from '../sample.ts'

const ALL = { doneMs: 0, killedMs: 0, cancelledMs: 0 }

export const vacuumRunCases: readonly ConformanceCase[] = section(
  'vacuumRuns',
  [
    fact('a run that ended longer ago than asked for is gone with its steps', async (c) => {
      const run = await endedRun(c)
      await c.pass(20)
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 1)
      await isGone(c, run.id)
      assert.deepEqual(await statusesOf(c, run.tasks), [null])
      assert.deepEqual((await runsOf(c).listSteps(run.id)).items, [])
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 0)
    }),
    fact('a run that ended later stays', async (c) => {
      const run = await endedRun(c)
      await c.pass(20)
      const retention = { doneMs: HOUR, killedMs: HOUR, cancelledMs: HOUR }
      assert.equal(await runsOf(c).vacuumRuns(c.queue, retention, 100), 0)
      assert.equal(await runsOf(c).vacuumRuns(c.queue, {}, 100), 0)
      assert.equal((await infoOf(c, run)).status, 'done')
      assert.deepEqual(await statusesOf(c, run.tasks), ['done'])
    }),
    ...(
      [
        ['done', 'doneMs'],
        ['failed', 'killedMs'],
        ['cancelled', 'cancelledMs'],
      ] as const
    ).map(([status, name]) =>
      fact(`a span for runs that are ${status} leaves the others`, async (c) => {
        const gone = await endedRun(c, status)
        const stay = []
        for (const other of ['done', 'failed', 'cancelled'] as const)
          if (other !== status) stay.push(await endedRun(c, other))
        await c.pass(20)
        assert.equal(await runsOf(c).vacuumRuns(c.queue, { [name]: 0 }, 100), 1)
        await isGone(c, gone.id)
        for (const run of stay) await infoOf(c, run)
      }),
    ),
    fact('a run that goes on stays, and so does one of which a step lives', async (c) => {
      const goesOn = await startRun(c, [])
      const { run, steps } = await underWay(c, ['a', 'b'])
      await c.applied(done(steps[0]!, { run: ending(run, 'done') }))
      await c.pass(20)
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 0)
      await infoOf(c, goesOn)
      await c.applied(cancelled(steps[1]!))
      await c.pass(20)
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 1)
      await isGone(c, run.id)
    }),
    fact('a run stays as long as its parent goes on', async (c) => {
      const parent = await underWay(c, ['a'], { queue: c.newQueue() })
      const child = await endedRun(c, 'done', { parent: { run: parent.run.id, task: parent.step.id } })
      await c.pass(20)
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 0)
      await infoOf(c, child)
      await c.applied(done(parent.step, { run: ending(parent.run, 'done') }))
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 1)
    }),
    fact('runs of another queue stay', async (c) => {
      const run = await endedRun(c, 'done', { queue: c.newQueue() })
      await c.pass(20)
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 0)
      await infoOf(c, run)
    }),
    fact('the oldest go first, and the limit is about steps and runs', async (c) => {
      const runs = []
      for (let n = 0; n < 4; n++) {
        runs.push(await endedRun(c))
        await c.pass(5)
      }
      await c.pass(20)
      const first = await runsOf(c).vacuumRuns(c.queue, ALL, 4)
      assert.ok(first >= 1 && first <= 3, `${first} runs of two rows each`)
      for (const [n, { id }] of runs.entries())
        assert.equal((await runsOf(c).fetchRun(id)) === null, n < first, `run ${n} of which ${first} are gone`)
      let rest = 0
      for (let more = 1; more > 0; rest += more) more = await runsOf(c).vacuumRuns(c.queue, ALL, 4)
      assert.equal(first + rest, 4)
    }),
    fact('a run with more steps than the limit goes in the end', async (c) => {
      const id = uuidv7()
      const tasks = Array.from({ length: 30 }, (_, index) =>
        newStep(c, id, 'a', { step: { run: id, node: 'a', index } }),
      )
      await startRun(c, [], { id, tasks })
      const [first] = await (await c.instance()).take(1)
      await c.applied(done(first!, { run: ending({ id }, 'done') }))
      await c.pass(20)
      await c.until('the run to be gone', async () => {
        await runsOf(c).vacuumRuns(c.queue, ALL, 5)
        return (await runsOf(c).fetchRun(id)) === null || undefined
      })
      assert.deepEqual(new Set(await statusesOf(c, tasks)), new Set([null]))
    }),
    fact('ids and keys of what is gone are free again', async (c) => {
      const run = await endedRun(c, 'done', { key: 'k' })
      await c.pass(20)
      await runsOf(c).vacuumRuns(c.queue, ALL, 100)
      const again = newRun(c, { key: 'k' })
      assert.deepEqual(await runsOf(c).startRuns([again, { ...run, key: null }]), [
        { id: again.id, outcome: 'created' },
        { id: run.id, outcome: 'created' },
      ])
    }),
    fact('joins go with their run', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const join = newStep(c, run.id, 'join')
      const arrive = [{ task: join, arrived: 1, done: 1, failed: 0, opens: { arrived: 2 } }]
      await c.applied(done(steps[0]!, { run: { run: run.id, arrive } }))
      await c.applied(done(steps[1]!, { run: ending(run, 'done') }))
      await c.pass(20)
      await runsOf(c).vacuumRuns(c.queue, ALL, 100)
      const { step, holder } = await underWay(c, ['a'], { id: run.id })
      await c.applied(done(step, { run: { run: run.id, arrive } }))
      await holder.findsNothing()
    }),
    fact(
      'messages go with their run',
      async (c) => {
        const { run, step } = await underWay(c)
        await mailboxOf(c).signal(run.id, { name: 'paid', payload: null }, { key: 'k' })
        await c.applied(done(step, { run: ending(run, 'done') }))
        await c.pass(20)
        await runsOf(c).vacuumRuns(c.queue, ALL, 100)
        assert.equal(await mailboxOf(c).signal(run.id, { name: 'paid', payload: null }, { key: 'k' }), 'unknown')
        const again = await underWay(c, ['a'], { id: run.id })
        assert.deepEqual(await mailboxOf(c).receive(again.step, ['paid']), [])
      },
      'signal',
    ),
    fact(
      'pages go with their run',
      async (c) => {
        const { run, step } = await underWay(c)
        await c.with('writePages').writePages(step, 0, [text('page')])
        await c.applied(done(step, { run: ending(run, 'done') }))
        await c.pass(20)
        await runsOf(c).vacuumRuns(c.queue, ALL, 100)
        assert.deepEqual(await c.with('writePages').readPages(step.id, 0, 10), [])
      },
      'writePages',
    ),
    fact('a run that is running again stays', async (c) => {
      const run = await endedRun(c, 'failed')
      await c.pass(20)
      const retry = { resume: [], forget: [], joins: [], tasks: [newStep(c, run.id, 'b')] }
      await runsOf(c).retryRun({ id: run.id, retries: 0, ...retry })
      assert.equal(await runsOf(c).vacuumRuns(c.queue, ALL, 100), 0)
      await infoOf(c, run)
    }),
    fact('a limit out of range is refused', async (c) => {
      for (const limit of [0, 10_001, 1.5]) await rejects('ERR_OPTION', runsOf(c).vacuumRuns(c.queue, ALL, limit))
    }),
    fact(
      'tasks are forgotten and steps are not, whatever their age',
      async (c) => {
        const { run, steps, holder } = await underWay(c, ['a', 'b'])
        await c.applied(done(steps[0]!))
        await c.applied(failed(steps[1]!))
        await c.pushed(1, { priority: 9 })
        await c.applied(done(await holder.one()))
        await c.pass(20)
        assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 100), 1)
        assert.deepEqual(await statusesOf(c, steps), ['done', 'failed'])
        await c.applied(done(await holder.one(), { run: ending(run, 'done') }))
        await c.pass(20)
        assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 100), 0)
        assert.deepEqual(await statusesOf(c, steps), ['done', 'done'])
      },
      'vacuum',
    ),
  ],
  'startRuns',
)

async function isGone(c: CaseContext, id: string): Promise<void> {
  assert.equal(await runsOf(c).fetchRun(id), null)
}
