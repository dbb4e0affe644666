/** The capability `transaction`: a transaction lent by the backend, in which a task can be settled. */
import assert from 'node:assert/strict'
import type { Backend, Transactional } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameIds } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { arrival, arriving, ending, newRun, newStep, runsOf, stands, statusesOf, underWay } from '../run-sample.ts'
import { done } from '../sample.ts'

export const transactionalCases: readonly ConformanceCase[] = section(
  'lent transactions',
  [
    fact('a settlement takes effect when the function resolves', async (c) => {
      const { task } = await c.claimed()
      const returned = await lent(c).transaction(async (tx) => {
        assert.deepEqual(await c.backend.settle([done(task)], { tx }), ['applied'])
        await c.assertOpen(task.id)
        return 42
      })
      assert.equal(returned, 42)
      assert.equal((await c.outcome(task.id)).status, 'done')
      assert.equal(await c.settle(done(task)), 'already')
    }),
    fact('a settlement is undone when the function rejects, and its reason is thrown', async (c) => {
      const { task } = await c.claimed()
      const reason = new Error('enough')
      const thrown = await lent(c)
        .transaction(async (tx) => {
          await c.backend.settle([done(task)], { tx })
          throw reason
        })
        .catch((error: unknown) => error)
      assert.equal(thrown, reason)
      await c.assertOpen(task.id)
      await c.applied(done(task))
    }),
    fact('a settlement under a token that was lost is stale inside it', async (c) => {
      const { task, holder } = await c.claimed()
      await c.expire(holder)
      await c.sweepAll()
      const answers = await lent(c).transaction((tx) => c.backend.settle([done(task)], { tx }))
      assert.deepEqual(answers, ['stale'])
    }),
    fact('tasks pushed in it are there with the commit, and not before', async (c) => {
      const [task, holder] = [c.task(), await c.instance()]
      await lent(c).transaction(async (tx) => {
        await c.backend.push([task], { tx })
        await holder.findsNothing()
      })
      assert.deepEqual(idsOf(await holder.take(1)), [task.id])
    }),
    fact('transactions at once do not disturb one another', async (c) => {
      await c.pushed(8)
      const tasks = await (await c.instance()).take(8)
      await Promise.all(
        tasks.map((task, n) =>
          lent(c)
            .transaction(async (tx) => {
              await c.backend.settle([done(task)], { tx })
              if (n % 2 === 0) throw new Error('enough')
            })
            .catch(() => undefined),
        ),
      )
      for (const [n, task] of tasks.entries())
        assert.equal(await c.settle(done(task)), n % 2 === 0 ? 'applied' : 'already')
    }),
    fact(
      'what a settlement does to its run happens with the commit',
      async (c) => {
        const queue = c.newQueue()
        const { run, steps, holder } = await underWay(c, ['a', 'b'])
        const [next, join] = [newStep(c, run.id, 'next', { queue }), newStep(c, run.id, 'join', { queue })]
        const child = newRun(c, { queue })
        await lent(c).transaction(async (tx) => {
          const part = { ...arriving(run, arrival(join, 1)), start: [child], change: { status: 'failing' as const } }
          assert.deepEqual(await c.backend.settle([done(steps[0]!, { follow: [next], run: part })], { tx }), [
            'applied',
          ])
          await holder.findsNothing(queue)
          await stands(c, run, 'running')
        })
        sameIds(await holder.take(3, queue), [next, join, ...child.tasks])
        await stands(c, run, 'failing')
      },
      'startRuns',
    ),
    fact(
      'what a settlement does to its run is undone with it',
      async (c) => {
        const queue = c.newQueue()
        const { run, steps, holder } = await underWay(c, ['a', 'b'])
        const join = newStep(c, run.id, 'join', { queue })
        const child = newRun(c, { queue })
        const arrive = arriving(run, arrival(join, 2))
        await lent(c)
          .transaction(async (tx) => {
            const part = { ...arrive, start: [child], change: { status: 'done' as const } }
            await c.backend.settle([done(steps[0]!, { run: part })], { tx })
            throw new Error('enough')
          })
          .catch(() => undefined)
        await stands(c, run, 'running')
        assert.equal(await runsOf(c).fetchRun(child.id), null)
        await c.applied(done(steps[1]!, { run: arrive }))
        await holder.findsNothing(queue)
        await c.applied(done(steps[0]!, { run: arrive }))
        assert.deepEqual(await statusesOf(c, [join]), ['pending'])
      },
      'startRuns',
    ),
    fact(
      'the end of a run in it ends what waits with the commit',
      async (c) => {
        const { run, step } = await underWay(c)
        const next = newStep(c, run.id, 'b')
        await lent(c).transaction(async (tx) => {
          await c.backend.settle([done(step, { follow: [next], run: ending(run, 'done') })], { tx })
        })
        await stands(c, run, 'done')
        assert.deepEqual(await statusesOf(c, [step, next]), ['done', 'cancelled'])
      },
      'startRuns',
    ),
  ],
  'transactional',
)

function lent(c: CaseContext): Backend<unknown> & Transactional<unknown> {
  return c.with('transaction')
}
