/** The capability `listAttempts`: the history of a task, attempt by attempt. */
import assert from 'node:assert/strict'
import type { AttemptRecord, TaskId } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import type { CaseContext } from '../context.ts'
import { BOOM, cancelled, deferred, done, failed, FINAL_KINDS, HOUR, killed, progress, released } from '../sample.ts'

export const listAttemptsCases: readonly ConformanceCase[] = section(
  'listAttempts',
  [
    fact('a task that is unknown, or was never claimed, has none', async (c) => {
      const [task] = await c.pushed(1)
      assert.deepEqual(await attempts(c, task!.id), [])
      assert.deepEqual(await attempts(c, uuidv7()), [])
    }),
    fact('a task that is held shows the attempt that is under way', async (c) => {
      const [pushed] = await c.pushed(1)
      const holder = await c.instance(c.backend, { name: 'mails-1' })
      const task = await holder.one()
      const found = await attempts(c, pushed!.id)
      assert.equal(found.length, 1)
      const { claimedAt, ...rest } = found[0]!
      const running = { attempt: 1, result: 'running', worker: 'mails-1', instance: holder.id }
      assert.deepEqual(rest, { ...running, endedAt: null, ranMs: null, error: null })
      assert.ok(claimedAt >= task.runAt - 2, `claimed at ${claimedAt}, due at ${task.runAt}`)
      await holder.beat([task])
      await c.applied(progress(task))
      assert.deepEqual(await results(c, pushed!.id), ['running'])
    }),
    ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
      fact(`an attempt that ended its task as ${kind} stands there once, with its worker and its time`, async (c) => {
        await c.pushed(1)
        const holder = await c.instance(c.backend, { name: 'mails-1' })
        const task = await holder.one()
        await c.pass(5)
        await c.applied({ ...settle(task), ranMs: 123 })
        await c.settle(settle(task))
        const found = await attempts(c, task.id)
        assert.equal(found.length, 1)
        const { claimedAt, endedAt, error, ...rest } = found[0]!
        assert.deepEqual(rest, { attempt: 1, result: kind, worker: 'mails-1', instance: holder.id, ranMs: 123 })
        assert.deepEqual(error, kind === 'killed' ? BOOM : null)
        assert.ok(endedAt !== null && endedAt >= claimedAt + 2, `from ${claimedAt} to ${endedAt}`)
        assert.equal(endedAt, (await c.outcome(task.id)).finishedAt)
      }),
    ),
    fact('attempts that failed stand there in order, each with its error', async (c) => {
      const [pushed] = await c.pushed(1)
      for (let n = 1; n <= 3; n++) {
        const holder = await c.instance(c.backend, { name: `mails-${n}` })
        const task = await holder.one()
        const error = { name: 'Error', message: `boom ${n}` }
        await c.applied(n < 3 ? { ...failed(task, { error }), ranMs: n } : { ...killed(task, { error }), ranMs: n })
      }
      assert.deepEqual(
        (await attempts(c, pushed!.id)).map(({ attempt, result, worker, ranMs, error }) => [
          attempt,
          result,
          worker,
          ranMs,
          error?.message,
        ]),
        [
          [1, 'failed', 'mails-1', 1, 'boom 1'],
          [2, 'failed', 'mails-2', 2, 'boom 2'],
          [3, 'killed', 'mails-3', 3, 'boom 3'],
        ],
      )
    }),
    fact('an attempt that nobody timed has no time', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      await c.applied(done(await holder.one()))
      assert.deepEqual(
        (await attempts(c, task.id)).map(({ ranMs }) => ranMs),
        [null, null],
      )
    }),
    fact('attempts that were given back are not kept', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(released(task))
      await c.applied(deferred(await holder.one()))
      assert.deepEqual(await attempts(c, task.id), [])
      const last = await holder.one()
      await c.backend.deregister(holder.id)
      assert.deepEqual(await attempts(c, last.id), [])
      await c.applied(done(await (await c.instance()).one()))
      assert.deepEqual(await results(c, task.id), ['done'])
    }),
    fact('an attempt whose worker died crashed', async (c) => {
      await c.pushed(1)
      const doomed = await c.instance(c.backend, { name: 'doomed' })
      const task = await doomed.one()
      await c.expire(doomed)
      await c.sweepAll()
      const [record, ...more] = await attempts(c, task.id)
      assert.deepEqual(more, [])
      const { attempt, result, worker, instance, endedAt, error } = record!
      assert.deepEqual([attempt, result, worker, instance], [1, 'crashed', 'doomed', doomed.id])
      assert.notEqual(endedAt, null)
      assert.equal(error?.code, 'ERR_CRASHED')
      await c.applied(done(await (await c.instance()).one()))
      assert.deepEqual(await results(c, task.id), ['crashed', 'done'])
    }),
    fact('a crash that ends its task stands there once', async (c) => {
      const [task] = await c.push({ maxAttempts: 1 })
      await c.crash()
      const [record, ...more] = await attempts(c, task!.id)
      assert.deepEqual(more, [])
      assert.ok(record!.result === 'crashed' || record!.result === 'killed', record!.result)
      assert.equal(record!.error?.code, 'ERR_CRASHED')
    }),
    fact('a settlement under a token that is stale, or that is repeated, adds nothing', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      await c.backend.settle([failed(task), done(task)])
      assert.deepEqual(await results(c, task.id), ['failed'])
      const again = await holder.one()
      await c.backend.settle([failed(task), killed(task)])
      assert.deepEqual(await results(c, task.id), ['failed', 'running'])
      await c.applied(done(again))
      await c.backend.settle([done(again), failed(task)])
      assert.deepEqual(await results(c, task.id), ['failed', 'done'])
    }),
    fact('forty attempts stand there in order', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      for (let n = 2; n <= 40; n++) await c.applied(failed(await holder.one()))
      assert.deepEqual(
        (await attempts(c, task.id)).map(({ attempt }) => attempt),
        Array.from({ length: 40 }, (_, n) => n + 1),
      )
    }),
    fact('tasks that are settled together each have their own', async (c) => {
      await c.pushed(3)
      const tasks = await (await c.instance()).take(3)
      await c.applied(failed(tasks[0]!, { retryAfterMs: HOUR }), done(tasks[1]!), cancelled(tasks[2]!))
      assert.deepEqual(await Promise.all(tasks.map(({ id }) => results(c, id))), [['failed'], ['done'], ['cancelled']])
    }),
    fact(
      'a task that is cancelled while it waits has the attempts it had, and no more',
      async (c) => {
        const { task } = await c.claimed()
        await c.applied(failed(task))
        const [other] = await c.pushed(1)
        await c.with('cancel').cancel([task.id, other!.id])
        assert.deepEqual(await results(c, task.id), ['failed'])
        assert.deepEqual(await results(c, other!.id), [])
      },
      'cancel',
    ),
    fact(
      'a held task that ended on request has one attempt, which was cancelled',
      async (c) => {
        const { task } = await c.claimed()
        await c.with('cancel').cancel([task.id])
        assert.deepEqual(await results(c, task.id), ['running'])
        await c.applied({ ...failed(task), ranMs: 7 })
        assert.deepEqual(await results(c, task.id), ['cancelled'])
      },
      'cancel',
    ),
    fact(
      'a new life goes on with the history of the last',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.applied(failed(task))
        await c.applied(killed(await holder.one()))
        await c.with('resumeById').resumeById([task.id])
        assert.deepEqual(await results(c, task.id), ['failed', 'killed'])
        const again = await holder.one()
        assert.deepEqual(await results(c, task.id), ['failed', 'killed', 'running'])
        await c.applied(done(again))
        assert.deepEqual(
          (await attempts(c, task.id)).map(({ attempt, result }) => [attempt, result]),
          [
            [1, 'failed'],
            [2, 'killed'],
            [1, 'done'],
          ],
        )
      },
      'resumeById',
    ),
    fact(
      'a new life of a task that was cancelled while it waited invents no attempt',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.applied(failed(task))
        await c.with('cancel').cancel([task.id])
        await c.with('resumeById').resumeById([task.id])
        await c.applied(done(await holder.one()))
        assert.deepEqual(await results(c, task.id), ['failed', 'done'])
      },
      'cancel',
      'resumeById',
    ),
    fact(
      'a settlement that is rolled back leaves no trace',
      async (c) => {
        const { task } = await c.claimed()
        await c.transaction(async (tx) => {
          await c.backend.settle([failed(task)], { tx })
        }, 'rollback')
        assert.deepEqual(await results(c, task.id), ['running'])
      },
      'transaction',
    ),
    fact(
      'another process reads the same',
      async (c) => {
        const { task } = await c.claimed()
        await c.applied(failed(task))
        const there = await c.with('listAttempts', await c.second()).listAttempts(task.id)
        assert.deepEqual(there, await attempts(c, task.id))
      },
      'second',
    ),
  ],
  'listAttempts',
)

function attempts(c: CaseContext, id: TaskId): Promise<readonly AttemptRecord[]> {
  return c.with('listAttempts').listAttempts(id)
}

async function results(c: CaseContext, id: TaskId): Promise<string[]> {
  return (await attempts(c, id)).map(({ result }) => result)
}
