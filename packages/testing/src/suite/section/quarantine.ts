/** Quarantine: a task that workers keep dying of runs with no neighbours, and still runs. */
import assert from 'node:assert/strict'
import { QUARANTINE_AT } from '@q/core'
import type { ClaimedTask } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameIds } from '../check.ts'
import { done, failed } from '../sample.ts'

export const quarantineCases: readonly ConformanceCase[] = section('quarantine', [
  fact(`a task that crashed ${QUARANTINE_AT} times comes alone`, async (c) => {
    const [bad] = await c.pushed(1)
    await c.crash(QUARANTINE_AT)
    const neighbours = await c.pushed(5)
    const instance = await c.instance()
    const replies: (readonly ClaimedTask[])[] = []
    const all = await c.until('six tasks to claim', async () => {
      replies.push(await instance.claim(10))
      return replies.flat().length >= 6 ? replies.flat() : undefined
    })
    sameIds(all, [bad!, ...neighbours])
    const alone = replies.find((reply) => idsOf(reply).includes(bad!.id))
    assert.deepEqual(
      alone?.map(({ id, crashes }) => ({ id, crashes })),
      [{ id: bad!.id, crashes: QUARANTINE_AT }],
    )
  }),
  fact('one crash is not enough: the task comes with its neighbours', async (c) => {
    const [once] = await c.pushed(1)
    await c.crash(QUARANTINE_AT - 1)
    const neighbours = await c.pushed(3)
    sameIds(await (await c.instance()).claim(10), [once!, ...neighbours])
  }),
  fact('tasks of other queues may come in the same reply', async (c) => {
    const [bad] = await c.pushed(1)
    await c.crash(QUARANTINE_AT)
    const other = c.newQueue()
    const others = await c.pushed(3, { queue: other })
    const { tasks } = await (await c.instance()).request({ queue: c.queue, limit: 10 }, { queue: other, limit: 10 })
    sameIds(tasks, [bad!, ...others])
  }),
  fact('two such tasks come in two claims', async (c) => {
    const tasks = await c.pushed(2)
    for (let n = 0; n < QUARANTINE_AT; n++) {
      const dying = await c.instance()
      await dying.take(2)
      await c.expire(dying)
      await c.sweepAll()
    }
    const instance = await c.instance()
    const [first, second] = [await instance.claim(10), await instance.claim(10)]
    assert.deepEqual([first.length, second.length], [1, 1])
    sameIds([...first, ...second], tasks)
  }),
  fact('a task that comes alone is not starved by a busy queue', async (c) => {
    const [bad] = await c.pushed(1)
    await c.crash(QUARANTINE_AT)
    await c.pushed(10)
    const instance = await c.instance()
    let claims = 0
    for (let found = false; !found; claims++) {
      assert.ok(claims < 20, 'twenty claims and it has not come')
      const tasks = await instance.claim(2)
      found = idsOf(tasks).includes(bad!.id)
      await c.applied(...tasks.map((task) => done(task)))
      await c.pushed(2)
    }
  }),
  fact('while it is held its neighbours are handed out', async (c) => {
    const [bad] = await c.pushed(1)
    await c.crash(QUARANTINE_AT)
    const holder = await c.instance()
    assert.equal((await holder.one()).id, bad!.id)
    const neighbours = await c.pushed(4)
    sameIds(await (await c.instance()).claim(10), neighbours)
  }),
  fact('nextDueMs is 0 while something is left behind it', async (c) => {
    await c.pushed(1)
    await c.crash(QUARANTINE_AT)
    await c.pushed(1)
    const instance = await c.instance()
    const first = await instance.request({ queue: c.queue, limit: 10 })
    assert.deepEqual([first.tasks.length, first.nextDueMs], [1, 0])
    assert.equal((await instance.claim(10)).length, 1)
  }),
  fact('it can fail, be retried and end like any other, and stays alone', async (c) => {
    await c.pushed(1)
    await c.crash(QUARANTINE_AT)
    const instance = await c.instance()
    const task = await instance.one()
    await c.applied(failed(task))
    await c.pushed(2)
    const replies = [await instance.claim(10), await instance.claim(10)]
    const alone = replies.find((reply) => idsOf(reply).includes(task.id))
    assert.equal(alone?.length, 1)
    assert.equal(alone[0]!.attempt, QUARANTINE_AT + 2)
    await c.applied(done(alone[0]!))
    assert.equal((await c.outcome(task.id)).status, 'done')
  }),
])
