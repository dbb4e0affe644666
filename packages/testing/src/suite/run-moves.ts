/** The ways in which steps of runs move that no other task has. */
import type { Move } from './moves.ts'
import { arrival, arriving, endedRun, ending, newStep, runsOf, underWay } from './run-sample.ts'
import { cancelled, done, failed, HOUR, killed } from './sample.ts'

export const RUN_MOVES: readonly Move[] = [
  move('a join that opens', async (c) => {
    const { run, steps } = await underWay(c, ['a', 'b', 'c'])
    const join = newStep(c, run.id, 'join', { due: { afterMs: HOUR } })
    for (const step of steps.slice(0, 2)) await c.applied(done(step, { run: arriving(run, arrival(join, 2)) }))
    return { counts: { done: 2, queued: 1, pending: 1, scheduled: 1 }, happened: { pushed: 4, done: 2 } }
  }),
  move('the end of a run', async (c) => {
    const { run, steps } = await underWay(c, ['a', 'b', 'c'])
    const follow = [newStep(c, run.id, 'd'), newStep(c, run.id, 'e', { due: { afterMs: HOUR } })]
    await c.applied(failed(steps[1]!))
    await c.applied(done(steps[0]!, { follow, run: ending(run, 'done') }))
    return {
      counts: { done: 1, queued: 1, cancelled: 3 },
      happened: { pushed: 5, done: 1, failed: 1, cancelled: 3 },
    }
  }),
  move('a cancel of a run', async (c) => {
    const { run, steps } = await underWay(c, ['a', 'b', 'c'])
    await c.applied(failed(steps[0]!, { follow: [newStep(c, run.id, 'd')] }))
    const request = { id: run.id, task: newStep(c, run.id, '$end') }
    await runsOf(c).cancelRuns([request])
    await runsOf(c).cancelRuns([request])
    await c.applied(cancelled(steps[1]!))
    return {
      counts: { pending: 1, queued: 1, cancelled: 3 },
      happened: { pushed: 5, failed: 1, cancelled: 3 },
    }
  }),
  move(
    'a cancel of a step that waits',
    async (c) => {
      const { run, step, holder } = await underWay(c)
      const next = newStep(c, run.id, 'b', { due: { afterMs: HOUR } })
      await c.applied(done(step, { follow: [next] }))
      await c.with('cancel').cancel([next.id])
      await c.applied(failed(await holder.one()))
      return { counts: { done: 1, failed: 1 }, happened: { pushed: 2, done: 1, failed: 1 } }
    },
    'cancel',
  ),
  move('a crash of a step that spends its last attempt', async (c) => {
    const { run } = await underWay(c)
    await runsOf(c).repairRun({ id: run.id, joins: [], tasks: [newStep(c, run.id, 'b', { maxAttempts: 1 })] })
    await c.crash()
    return { counts: { queued: 1, failed: 1 }, happened: { pushed: 2, failed: 1 } }
  }),
  move('a retry of a run', async (c) => {
    const { run, steps } = await underWay(c, ['a', 'b', 'c'])
    const [a, b, last] = steps
    await c.applied(done(a!), done(b!))
    await c.applied(killed(last!, { run: ending(run, 'failed') }))
    const tasks = [newStep(c, run.id, 'd')]
    await runsOf(c).retryRun({ id: run.id, retries: 0, resume: [last!.id], forget: [b!.id], joins: [], tasks })
    return { counts: { pending: 2, done: 1 }, happened: { pushed: 4, done: 2, killed: 1 } }
  }),
  move('a run that is forgotten', async (c) => {
    const { run, steps } = await underWay(c, ['a', 'b'])
    await c.applied(killed(steps[1]!))
    await c.applied(done(steps[0]!, { follow: [newStep(c, run.id, 'c')], run: ending(run, 'done') }))
    await c.pass(20)
    await runsOf(c).vacuumRuns(c.queue, { doneMs: 0 }, 100)
    await endedRun(c, 'failed')
    return { counts: { done: 1 }, happened: { pushed: 4, done: 2, killed: 1, cancelled: 1 } }
  }),
]

function move(name: string, run: Move['run'], ...needs: Move['needs']): Move {
  return { name, run, needs: ['startRuns', ...needs] }
}
