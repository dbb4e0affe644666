/** Claiming alone: which tasks come, how many, in which order, and what is said of the rest. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameIds } from '../check.ts'
import { done, FINAL_KINDS, HOUR } from '../sample.ts'

const LONG_AGO = Date.UTC(2020, 0, 1)

export const claimOrderCases: readonly ConformanceCase[] = section('claim order', [
  fact('a larger priority comes first', async (c) => {
    const priorities = [0, -100, 5, 100, -1, 50, 1]
    await c.push(...priorities.map((priority) => ({ priority })))
    const claimed = await (await c.instance()).claim()
    assert.deepEqual(
      claimed.map(({ priority }) => priority),
      [100, 50, 5, 1, 0, -1, -100],
    )
  }),
  fact('of equal priority the earlier time comes first', async (c) => {
    const moments = [3, 1, 2, 0].map((n) => LONG_AGO + n)
    await c.push(...moments.map((at) => ({ due: { at } })))
    const claimed = await (await c.instance()).claim()
    assert.deepEqual(
      claimed.map(({ runAt }) => runAt),
      [0, 1, 2, 3].map((n) => LONG_AGO + n),
    )
  }),
  fact('of equal priority and time the smaller id comes first', async (c) => {
    const ids = Array.from({ length: 10 }, () => uuidv7())
    await c.push(...ids.toReversed().map((id) => ({ id, due: { at: LONG_AGO } })))
    assert.deepEqual(idsOf(await (await c.instance()).claim()), ids)
  }),
  fact('priority weighs more than time', async (c) => {
    const [early, urgent] = await c.push({ due: { at: LONG_AGO } }, { priority: 1 })
    assert.deepEqual(idsOf(await (await c.instance()).claim()), [urgent!.id, early!.id])
  }),
  fact('what was pushed first comes first', async (c) => {
    const first = await c.pushed(3)
    const second = await c.pushed(3)
    const third = await c.pushed(3)
    assert.deepEqual(idsOf(await (await c.instance()).claim()), idsOf([...first, ...second, ...third]))
  }),
  fact('a claim brings exactly as many as it asks for while there are enough', async (c) => {
    const tasks = await c.pushed(10)
    const instance = await c.instance()
    assert.deepEqual(idsOf(await instance.claim(1)), idsOf(tasks.slice(0, 1)))
    assert.deepEqual(idsOf(await instance.claim(6)), idsOf(tasks.slice(1, 7)))
    assert.deepEqual(idsOf(await instance.claim(1_000)), idsOf(tasks.slice(7)))
    await instance.findsNothing()
  }),
  fact('a limit holds across priorities', async (c) => {
    await c.push(...Array.from({ length: 12 }, (_, n) => ({ priority: n % 4 })))
    const claimed = await (await c.instance()).claim(5)
    assert.deepEqual(
      claimed.map(({ priority }) => priority),
      [3, 3, 3, 2, 2],
    )
  }),
  fact('several queues are claimed in one call, each with its own limit', async (c) => {
    const queues = [c.newQueue('a'), c.newQueue('b'), c.newQueue('c')]
    for (const queue of queues) await c.pushed(5, { queue })
    const reply = await (await c.instance()).request(...queues.map((queue, n) => ({ queue, limit: n + 1 })))
    assert.deepEqual(
      queues.map((queue) => reply.tasks.filter((task) => task.queue === queue).length),
      [1, 2, 3],
    )
  }),
  fact('within each queue of a call the order holds', async (c) => {
    const queues = [c.newQueue('a'), c.newQueue('b')]
    await c.push(...Array.from({ length: 12 }, (_, n) => ({ queue: queues[n % 2]!, priority: n % 3 })))
    const reply = await (await c.instance()).request(...queues.map((queue) => ({ queue, limit: 10 })))
    for (const queue of queues) {
      assert.deepEqual(
        reply.tasks.filter((task) => task.queue === queue).map(({ priority }) => priority),
        [2, 2, 1, 1, 0, 0],
      )
    }
  }),
  fact('a long and urgent queue does not keep another from being claimed', async (c) => {
    const quiet = c.newQueue()
    await c.pushed(200, { priority: 100 })
    const [task] = await c.pushed(1, { queue: quiet, priority: -100 })
    const reply = await (await c.instance()).request({ queue: c.queue, limit: 10 }, { queue: quiet, limit: 10 })
    assert.equal(reply.tasks.length, 11)
    assert.ok(idsOf(reply.tasks).includes(task!.id))
  }),
  fact('an empty queue does not keep another from being claimed', async (c) => {
    const [task] = await c.pushed(1)
    const reply = await (await c.instance()).request({ queue: c.newQueue(), limit: 5 }, { queue: c.queue, limit: 5 })
    assert.deepEqual(idsOf(reply.tasks), [task!.id])
  }),
  fact('a queue that nobody ever pushed to is empty', async (c) => {
    const reply = await (await c.instance()).request({ queue: c.newQueue(), limit: 5 })
    assert.deepEqual(reply, { tasks: [], nextDueMs: null })
  }),
  fact('only the queues asked for are claimed', async (c) => {
    await c.pushed(2)
    const instance = await c.instance()
    await c.pushed(2, { queue: `${c.queue}2` })
    await c.pushed(2, { queue: c.queue.toUpperCase() })
    assert.equal((await instance.claim()).length, 2)
    await instance.findsNothing()
  }),
  fact('a finished task is never handed out again', async (c) => {
    const kinds = Object.values(FINAL_KINDS)
    await c.pushed(kinds.length)
    const instance = await c.instance()
    const tasks = await instance.take(kinds.length)
    await c.applied(...tasks.map((task, n) => kinds[n]!(task)))
    await instance.findsNothing()
  }),
  fact('a scheduled task is not handed out before its time', async (c) => {
    const instance = await c.instance()
    const [later, soon] = await c.push({ due: { afterMs: HOUR } }, { due: { afterMs: c.span } })
    if (c.under.advance !== undefined) {
      await c.pass(c.span - 10_000)
      await instance.findsNothing()
      await c.pass(10_000)
    } else await c.pass(c.span)
    assert.equal((await instance.one()).id, soon!.id)
    await instance.findsNothing()
    assert.notEqual(later!.id, soon!.id)
  }),
  fact('an urgent task of tomorrow does not hold back the due ones of today', async (c) => {
    await c.pushed(3, { priority: 100, due: { afterMs: HOUR } })
    const due = await c.pushed(3)
    sameIds(await (await c.instance()).claim(), due)
  }),
  fact('nextDueMs is 0 when the limit leaves due tasks behind', async (c) => {
    await c.pushed(3)
    assert.equal((await (await c.instance()).request({ queue: c.queue, limit: 2 })).nextDueMs, 0)
  }),
  fact('nextDueMs is null when nothing is left', async (c) => {
    await c.pushed(3)
    const instance = await c.instance()
    const reply = await instance.request({ queue: c.queue, limit: 10 })
    assert.deepEqual([reply.tasks.length, reply.nextDueMs], [3, null])
    await c.applied(...reply.tasks.map((task) => done(task)))
    assert.equal((await instance.request({ queue: c.queue, limit: 10 })).nextDueMs, null)
  }),
  fact('nextDueMs tells the span until the next scheduled task', async (c) => {
    await c.push({ due: { afterMs: 2 * HOUR } }, { due: { afterMs: HOUR } }, {})
    const { tasks, nextDueMs } = await (await c.instance()).request({ queue: c.queue, limit: 10 })
    assert.equal(tasks.length, 1)
    assertWithin(nextDueMs, HOUR)
  }),
  fact('nextDueMs is that of the nearest of the queues asked for', async (c) => {
    const [near, far, unasked] = [c.newQueue(), c.newQueue(), c.newQueue()]
    await c.push({ queue: far, due: { afterMs: 3 * HOUR } }, { queue: near, due: { afterMs: 2 * HOUR } })
    await c.push({ queue: unasked, due: { afterMs: HOUR } }, { queue: unasked })
    const reply = await (await c.instance()).request({ queue: far, limit: 1 }, { queue: near, limit: 1 })
    assertWithin(reply.nextDueMs, 2 * HOUR)
  }),
  fact('nextDueMs sees past priorities', async (c) => {
    await c.push({ priority: 100, due: { afterMs: 2 * HOUR } }, { priority: -100, due: { afterMs: HOUR } })
    assertWithin((await (await c.instance()).request({ queue: c.queue, limit: 1 })).nextDueMs, HOUR)
  }),
])

/** A span that was set moments ago has hardly begun to run down. */
function assertWithin(ms: number | null, span: number): void {
  assert.ok(ms !== null && ms <= span && ms > span - 60_000, `nextDueMs should be just below ${span}, got ${ms}`)
}
