/** Waiting: outcomes as they come, and an end in every case. */
import assert from 'node:assert/strict'
import type { Outcome, TaskId, WaitOptions } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameBytes, started } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { cancelled, done, failed, killed, text } from '../sample.ts'

export const waitCases: readonly ConformanceCase[] = section('wait', [
  fact('an outcome comes as soon as the task has ended', async (c) => {
    const { task } = await c.claimed()
    const waiting = started(all(c, [task.id]))
    await c.applied(done(task, { result: text('42') }))
    const [outcome] = await waiting
    assert.deepEqual([outcome!.id, outcome!.queue, outcome!.status, outcome!.attempt], [task.id, c.queue, 'done', 1])
    sameBytes(outcome!.result?.bytes, text('42').bytes, 'result')
  }),
  fact('a task that has ended before is told at once', async (c) => {
    const { task } = await c.claimed()
    await c.applied(done(task))
    assert.deepEqual(idsOf(await all(c, [task.id])), [task.id])
  }),
  fact('killed and cancelled are ends too', async (c) => {
    await c.pushed(2)
    const [a, b] = await (await c.instance()).take(2)
    await c.applied(killed(a!), cancelled(b!))
    const outcomes = await all(c, [a!.id, b!.id])
    assert.deepEqual(
      new Map(outcomes.map(({ id, status }) => [id, status])),
      new Map([
        [a!.id, 'killed'],
        [b!.id, 'cancelled'],
      ]),
    )
  }),
  fact('a task killed by the sweep is an end', async (c) => {
    const { task, holder } = await c.claimed({ maxAttempts: 1 })
    const waiting = started(all(c, [task.id]))
    await c.expire(holder)
    await c.sweepAll()
    assert.deepEqual(
      (await waiting).map(({ status }) => status),
      ['killed'],
    )
  }),
  fact('outcomes come in the order in which tasks end', async (c) => {
    await c.pushed(5)
    const tasks = await (await c.instance()).take(5)
    const waiting = started(all(c, idsOf(tasks)))
    const order = [3, 0, 4, 1, 2].map((n) => tasks[n]!)
    for (const task of order) {
      await c.applied(done(task))
      await c.pass(2)
    }
    assert.deepEqual(idsOf(await waiting), idsOf(order))
  }),
  fact('tasks that have ended before come in the order in which they did', async (c) => {
    await c.pushed(5)
    const tasks = await (await c.instance()).take(5)
    const order = [2, 4, 0, 3, 1].map((n) => tasks[n]!)
    for (const task of order) {
      await c.applied(done(task))
      await c.pass(2)
    }
    assert.deepEqual(idsOf(await all(c, idsOf(tasks))), idsOf(order))
  }),
  fact('those that have ended come before those that will', async (c) => {
    await c.pushed(2)
    const [later, before] = await (await c.instance()).take(2)
    await c.applied(done(before!))
    const outcomes = c.backend.wait([later!.id, before!.id])[Symbol.asyncIterator]()
    assert.equal((await outcomes.next()).value?.id, before!.id)
    await c.applied(done(later!))
    assert.equal((await outcomes.next()).value?.id, later!.id)
    assert.equal((await outcomes.next()).done, true)
  }),
  fact('a failed attempt is not an end', async (c) => {
    const { task, holder } = await c.claimed()
    const waiting = started(all(c, [task.id]))
    await c.applied(failed(task))
    await c.assertOpen(task.id)
    await c.applied(done(await holder.one()))
    assert.deepEqual(
      (await waiting).map(({ status, attempt }) => [status, attempt]),
      [['done', 2]],
    )
  }),
  fact('waiting for nothing ends at once', async (c) => {
    assert.deepEqual(await all(c, []), [])
  }),
  fact('an id named twice is told once', async (c) => {
    const { task } = await c.claimed()
    await c.applied(done(task))
    assert.deepEqual(idsOf(await all(c, [task.id, task.id])), [task.id])
  }),
  fact('hundreds of tasks can be waited for at once', async (c) => {
    await c.pushed(300)
    const tasks = await (await c.instance()).take(300)
    const waiting = started(all(c, idsOf(tasks)))
    await c.applied(...tasks.slice(0, 150).map((task) => done(task)))
    await c.applied(...tasks.slice(150).map((task) => done(task)))
    assert.deepEqual(new Set(idsOf(await waiting)), new Set(idsOf(tasks)))
  }),
  fact('any number of waits for one task each get its outcome', async (c) => {
    const { task } = await c.claimed()
    const waits = Array.from({ length: 5 }, () => started(all(c, [task.id])))
    await c.applied(done(task))
    for (const outcomes of await Promise.all(waits)) assert.deepEqual(idsOf(outcomes), [task.id])
  }),
  fact(
    'a task of another process is waited for all the same',
    async (c) => {
      const { task } = await c.claimed()
      const waiting = started(c.outcome(task.id, await c.second()))
      await c.applied(done(task))
      assert.equal((await waiting).status, 'done')
    },
    'second',
  ),
  fact('an unknown id is ERR_TASK_NOT_FOUND', async (c) => {
    await rejects('ERR_TASK_NOT_FOUND', all(c, [uuidv7()]))
    const [waiting] = await c.pushed(1)
    await rejects('ERR_TASK_NOT_FOUND', all(c, [waiting!.id, uuidv7()]))
  }),
  fact('a wait that takes too long says how many are still open', async (c) => {
    const tasks = await c.pushed(3)
    const task = await (await c.instance()).one()
    await c.applied(done(task))
    const waiting = started(rejects('ERR_WAIT_TIMEOUT', all(c, idsOf(tasks), { timeoutMs: 60 })))
    await c.pass(60)
    assert.match((await waiting).message, /\b2\b/)
  }),
  fact('what had ended before the time was up is still told', async (c) => {
    await c.pushed(2)
    const [ended] = await (await c.instance()).take(2)
    await c.applied(done(ended!))
    const outcomes = c.backend.wait(idsOf([ended!, (await c.pushed(1))[0]!]), { timeoutMs: 60 })[Symbol.asyncIterator]()
    assert.equal((await outcomes.next()).value?.id, ended!.id)
    const last = started(rejects('ERR_WAIT_TIMEOUT', outcomes.next()))
    await c.pass(60)
    await last
  }),
  fact('aborting rejects with the reason of the signal', async (c) => {
    const [task] = await c.pushed(1)
    const abort = new AbortController()
    const waiting = all(c, [task!.id], { signal: abort.signal }).catch((error: unknown) => error)
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 5)
    assert.equal(await waiting, reason)
  }),
  fact('a signal that was aborted before rejects at once', async (c) => {
    const [task] = await c.pushed(1)
    const reason = new Error('too late')
    const waiting = all(c, [task!.id], { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error)
    assert.equal(await waiting, reason)
  }),
  fact('whoever stops listening early leaves nothing behind', async (c) => {
    await c.pushed(2)
    const [a, b] = await (await c.instance()).take(2)
    await c.applied(done(a!))
    for await (const outcome of c.backend.wait(idsOf([a!, b!]))) {
      assert.equal(outcome.id, a!.id)
      break
    }
    await c.applied(done(b!))
    assert.equal((await c.outcome(b!.id)).status, 'done')
  }),
])

/** Reads a wait to its end; gives up after some seconds unless told otherwise. */
async function all(
  c: CaseContext,
  ids: readonly TaskId[],
  options: WaitOptions = { timeoutMs: 8_000 },
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for await (const outcome of c.backend.wait(ids, options)) outcomes.push(outcome)
  return outcomes
}
