/** The capability `remove`: tasks that nobody holds can be made never to have been. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameIds } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { done, failed, FINAL_KINDS, HOUR, text } from '../sample.ts'

export const removeCases: readonly ConformanceCase[] = section(
  'remove',
  [
    fact('a task that waits is gone and is not handed out', async (c) => {
      const [task, other] = await c.pushed(2)
      assert.deepEqual(await c.with('remove').remove([task!.id]), ['applied'])
      await isGone(c, task!.id)
      sameIds(await (await c.instance()).claim(), [other!])
    }),
    fact('a scheduled task leaves no due time behind', async (c) => {
      const [task] = await c.pushed(1, { due: { afterMs: HOUR } })
      assert.deepEqual(await c.with('remove').remove([task!.id]), ['applied'])
      const reply = await (await c.instance()).request({ queue: c.queue, limit: 1 })
      assert.deepEqual(reply, { tasks: [], nextDueMs: null })
      await isGone(c, task!.id)
    }),
    fact('a task that waits for its next attempt is gone', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      assert.deepEqual(await c.with('remove').remove([task.id]), ['applied'])
      await isGone(c, task.id)
      await holder.findsNothing()
    }),
    fact('a task in quarantine is gone', async (c) => {
      const [task] = await c.pushed(1)
      await c.crash(2)
      assert.deepEqual(await c.with('remove').remove([task!.id]), ['applied'])
      await (await c.instance()).findsNothing()
    }),
    ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
      fact(`a task that is ${kind} is gone`, async (c) => {
        const { task } = await c.claimed()
        await c.applied(settle(task))
        assert.deepEqual(await c.with('remove').remove([task.id]), ['applied'])
        await isGone(c, task.id)
        assert.equal(await c.settle(settle(task)), 'stale')
      }),
    ),
    fact('a task that a worker holds is busy and stays', async (c) => {
      const { task, holder } = await c.claimed()
      assert.deepEqual(await c.with('remove').remove([task.id]), ['busy'])
      await holder.beat([task])
      assert.deepEqual(await c.with('remove').remove([task.id]), ['busy'])
      await c.assertOpen(task.id)
      await c.applied(done(task))
      assert.equal((await c.outcome(task.id)).status, 'done')
    }),
    fact('an id that nobody pushed is unknown, and no ids are no answers', async (c) => {
      assert.deepEqual(await c.with('remove').remove([uuidv7()]), ['unknown'])
      assert.deepEqual(await c.with('remove').remove([]), [])
    }),
    fact('removing again finds nothing', async (c) => {
      const [task] = await c.pushed(1)
      assert.deepEqual(await c.with('remove').remove([task!.id]), ['applied'])
      assert.deepEqual(await c.with('remove').remove([task!.id]), ['unknown'])
    }),
    fact('answers come in the order given', async (c) => {
      await c.pushed(2)
      const [ended, held] = await (await c.instance()).take(2)
      await c.applied(done(ended!))
      const [waits] = await c.pushed(1)
      const ids = [held!.id, uuidv7(), ended!.id, waits!.id]
      assert.deepEqual(await c.with('remove').remove(ids), ['busy', 'unknown', 'applied', 'applied'])
    }),
    fact('an id named twice is removed once and gets two answers', async (c) => {
      const [task] = await c.pushed(1)
      const answers = await c.with('remove').remove([task!.id, task!.id])
      assert.equal(answers.length, 2)
      assert.equal(answers[0], 'applied')
      assert.ok(answers[1] === 'applied' || answers[1] === 'unknown', answers[1])
      await isGone(c, task!.id)
    }),
    fact('its id and its key are free again', async (c) => {
      const task = c.task({ key: 'k', payload: text('one') })
      await c.backend.push([task])
      await c.with('remove').remove([task.id])
      const again = [c.task({ key: 'k', payload: text('two') }), c.task({ id: task.id })]
      assert.deepEqual(
        await c.backend.push(again),
        again.map(({ id }) => ({ id, outcome: 'created' })),
      )
      assert.equal((await (await c.instance()).take(2)).length, 2)
    }),
    fact('every other task stays', async (c) => {
      const tasks = await c.pushed(30)
      const gone = tasks.filter((_, n) => n % 3 === 0)
      assert.deepEqual(new Set(await c.with('remove').remove(idsOf(gone))), new Set(['applied']))
      sameIds(
        await (await c.instance()).claim(),
        tasks.filter((task) => !gone.includes(task)),
      )
    }),
    fact('of eight callers at once one removes the task', async (c) => {
      const [task] = await c.pushed(1)
      const callers = await c.callers(8)
      const answers = await Promise.all(callers.map((backend) => c.with('remove', backend).remove([task!.id])))
      assert.deepEqual(answers.flat().sort(), ['applied', ...Array<string>(7).fill('unknown')])
    }),
    fact('against a claim: a task is handed out or gone, never both', async (c) => {
      const tasks = await c.pushed(40)
      const [one, two] = await c.callers(2)
      const holder = await c.instance(one)
      const [claimed, answers] = await Promise.all([
        holder.claim(),
        Promise.all(tasks.map(({ id }) => c.with('remove', two).remove([id]))),
      ])
      const busy = tasks.filter((_, n) => answers[n]![0] === 'busy')
      sameIds(claimed, busy)
      for (const task of tasks) if (!busy.includes(task)) await isGone(c, task.id)
      for (const [answer] of answers) assert.ok(answer === 'busy' || answer === 'applied', answer)
      await holder.findsNothing()
      await c.applied(...claimed.map((task) => done(task)))
    }),
    fact(
      'a reader finds nothing',
      async (c) => {
        const { task } = await c.claimed()
        await c.applied(done(task))
        await c.with('remove').remove([task.id])
        assert.equal(await c.with('fetchById').fetchById(task.id), null)
      },
      'fetchById',
    ),
    fact(
      'its attempts are gone',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.applied(failed(task))
        await c.applied(done(await holder.one()))
        await c.with('remove').remove([task.id])
        assert.deepEqual(await c.with('listAttempts').listAttempts(task.id), [])
      },
      'listAttempts',
    ),
    fact(
      'its lines are gone, also when the id is used again',
      async (c) => {
        const { task } = await c.claimed()
        const line = { attempt: 1, level: 'info' as const, message: 'here', fields: null, at: task.runAt }
        await c.with('report').report([{ id: task.id, token: task.token, lines: [line] }])
        await c.applied(done(task))
        await c.with('remove').remove([task.id])
        await c.push({ id: task.id })
        assert.deepEqual(await c.with('report').readLog(task.id), [])
      },
      'report',
    ),
    fact(
      'a task that is asked to end is still busy',
      async (c) => {
        const { task } = await c.claimed()
        await c.with('cancel').cancel([task.id])
        assert.deepEqual(await c.with('remove').remove([task.id]), ['busy'])
        await c.applied(failed(task))
        assert.deepEqual(await c.with('remove').remove([task.id]), ['applied'])
      },
      'cancel',
    ),
    fact(
      'what another process removed is gone at once',
      async (c) => {
        const second = await c.second()
        const [task] = await c.pushed(1)
        assert.deepEqual(await c.with('remove', second).remove([task!.id]), ['applied'])
        await (await c.instance()).findsNothing()
        await isGone(c, task!.id)
      },
      'second',
    ),
  ],
  'remove',
)

async function isGone(c: CaseContext, id: string): Promise<void> {
  await rejects('ERR_TASK_NOT_FOUND', c.backend.wait([id])[Symbol.asyncIterator]().next())
}
