/** The capability `vacuum`: finished tasks are forgotten when they are old enough, and nothing else is. */
import assert from 'node:assert/strict'
import type { TaskId } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { cancelled, done, failed, HOUR, killed, text } from '../sample.ts'

const ALL = { doneMs: 0, killedMs: 0, cancelledMs: 0 }

export const vacuumCases: readonly ConformanceCase[] = section(
  'vacuum',
  [
    fact('what ended longer ago than asked for is gone', async (c) => {
      const ids = await ended(c)
      await c.pass(20)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 100), 3)
      for (const id of ids) await isGone(c, id)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 100), 0)
    }),
    fact('what ended later stays', async (c) => {
      const ids = await ended(c)
      await c.pass(20)
      const retention = { doneMs: HOUR, killedMs: HOUR, cancelledMs: HOUR }
      assert.equal(await c.with('vacuum').vacuum(c.queue, retention, 100), 0)
      for (const id of ids) assert.equal((await c.outcome(id)).id, id)
    }),
    fact('a span longer than history keeps everything', async (c) => {
      await ended(c)
      await c.pass(20)
      const most = Number.MAX_SAFE_INTEGER
      const retention = { doneMs: most, killedMs: most, cancelledMs: most }
      assert.equal(await c.with('vacuum').vacuum(c.queue, retention, 100), 0)
      assert.equal(await c.with('vacuum').vacuum(c.queue, { doneMs: 0, killedMs: most }, 100), 1)
    }),
    fact(
      'the border is where it was asked to be',
      async (c) => {
        const [old] = await ended(c)
        await c.pass(10_000)
        const [young] = await ended(c)
        await c.pass(10_000)
        assert.equal(await c.with('vacuum').vacuum(c.queue, { doneMs: 15_000 }, 100), 1)
        await isGone(c, old!)
        assert.equal((await c.outcome(young!)).status, 'done')
      },
      'advance',
    ),
    ...(['done', 'killed', 'cancelled'] as const).map((status, n) =>
      fact(`a span for ${status} tasks alone leaves the others`, async (c) => {
        const ids = await ended(c)
        await c.pass(20)
        assert.equal(await c.with('vacuum').vacuum(c.queue, { [`${status}Ms`]: 0 }, 100), 1)
        await isGone(c, ids[n]!)
        for (const id of ids.filter((one) => one !== ids[n])) assert.equal((await c.outcome(id)).id, id)
      }),
    ),
    fact('without any span nothing is deleted', async (c) => {
      await ended(c)
      await c.pass(20)
      assert.equal(await c.with('vacuum').vacuum(c.queue, {}, 100), 0)
    }),
    fact('tasks that have not ended stay, whatever their age', async (c) => {
      const [waits, , held, failing] = await c.push({}, { due: { afterMs: HOUR } }, { priority: 9 }, { priority: 8 })
      const holder = await c.instance()
      const tasks = await holder.take(2)
      await c.applied(failed(tasks[1]!))
      await c.pass(20)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 100), 0)
      await c.applied(done(tasks[0]!))
      assert.equal((await c.outcome(held!.id)).status, 'done')
      assert.deepEqual(idsOf(await holder.take(2)), [failing!.id, waits!.id])
    }),
    fact('another queue is left alone', async (c) => {
      const { task } = await c.claimed({ queue: c.newQueue() })
      await c.applied(done(task))
      await c.pass(20)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 100), 0)
      assert.equal((await c.outcome(task.id)).status, 'done')
    }),
    fact('the limit is kept, and the oldest go first', async (c) => {
      const tasks = await c.pushed(5)
      for (const task of await (await c.instance()).take(5)) {
        await c.applied(done(task))
        await c.pass(5)
      }
      await c.pass(20)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 2), 2)
      for (const { id } of tasks.slice(0, 2)) await isGone(c, id)
      for (const { id } of tasks.slice(2)) assert.equal((await c.outcome(id)).id, id)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 2), 2)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 2), 1)
    }),
    fact('tasks of several priorities are all found', async (c) => {
      await c.push({ priority: -5 }, { priority: 0 }, { priority: 5 })
      await c.applied(...(await (await c.instance()).take(3)).map((task) => done(task)))
      await c.pass(20)
      assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 10_000), 3)
    }),
    fact('a queue that nobody ever pushed to is fine', async (c) => {
      assert.equal(await c.with('vacuum').vacuum(c.newQueue(), ALL, 1), 0)
    }),
    fact('ids and keys of what is gone are free again', async (c) => {
      const { task } = await c.claimed({ key: 'k', payload: text('one') })
      await c.applied(done(task))
      await c.pass(20)
      await c.with('vacuum').vacuum(c.queue, ALL, 10)
      const again = [c.task({ key: 'k', payload: text('two') }), c.task({ id: task.id })]
      assert.deepEqual(
        await c.backend.push(again),
        again.map(({ id }) => ({ id, outcome: 'created' })),
      )
    }),
    fact('eight vacuums at once delete each task once', async (c) => {
      await c.pushed(80)
      await c.applied(...(await (await c.instance()).take(80)).map((task) => done(task)))
      await c.pass(20)
      let deleted = 0
      const work = async (backend: (typeof c)['backend']): Promise<void> => {
        for (let empty = 0; empty < 3;) {
          const count = await c.with('vacuum', backend).vacuum(c.queue, ALL, 7)
          assert.ok(count <= 7, `${count} deleted where 7 were allowed`)
          deleted += count
          empty = count === 0 ? empty + 1 : 0
        }
      }
      await Promise.all((await c.callers(8)).map(work))
      assert.equal(deleted, 80)
    }),
    fact(
      'a task that lives again is not deleted',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.applied(done(task))
        await c.pass(20)
        await c.with('resumeById').resumeById([task.id])
        assert.equal(await c.with('vacuum').vacuum(c.queue, ALL, 10), 0)
        assert.equal((await holder.one()).id, task.id)
      },
      'resumeById',
    ),
    fact(
      'attempts go with their task',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.applied(failed(task))
        await c.applied(done(await holder.one()))
        await c.pass(20)
        await c.with('vacuum').vacuum(c.queue, ALL, 10)
        assert.deepEqual(await c.with('listAttempts').listAttempts(task.id), [])
      },
      'listAttempts',
    ),
    fact(
      'lines go with their task',
      async (c) => {
        const { task } = await c.claimed()
        const line = { attempt: 1, level: 'info' as const, message: 'here', fields: null, at: task.runAt }
        await c.with('report').report([{ id: task.id, token: task.token, lines: [line] }])
        await c.applied(done(task))
        await c.pass(20)
        await c.with('vacuum').vacuum(c.queue, ALL, 10)
        assert.deepEqual(await c.with('report').readLog(task.id), [])
      },
      'report',
    ),
  ],
  'vacuum',
)

/** Three tasks that just ended: done, killed, cancelled. */
async function ended(c: CaseContext): Promise<TaskId[]> {
  await c.pushed(3)
  const holder = await c.instance()
  const [a, b, d] = await holder.take(3)
  await c.applied(done(a!), killed(b!), cancelled(d!))
  return idsOf([a!, b!, d!])
}

async function isGone(c: CaseContext, id: TaskId): Promise<void> {
  await rejects('ERR_TASK_NOT_FOUND', c.backend.wait([id])[Symbol.asyncIterator]().next())
}
