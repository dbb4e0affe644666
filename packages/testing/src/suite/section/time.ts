/** Retries and time: the store keeps the moment, and nothing comes before it. */
import assert from 'node:assert/strict'
import { MAX_DURATION_MS } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf } from '../check.ts'
import { deferred, failed, HOUR } from '../sample.ts'

const LONG_AGO = Date.UTC(2020, 0, 1)

export const timeCases: readonly ConformanceCase[] = section('retries and time', [
  fact('a failed task with nothing to wait for is due at once', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task, { retryAfterMs: 0 }))
    assert.equal((await holder.one()).id, task.id)
  }),
  fact('a failed task comes back after retryAfterMs', async (c) => {
    await c.pushed(2)
    const instance = await c.instance()
    const [soon, later] = await instance.take(2)
    await c.applied(failed(soon!, { retryAfterMs: c.span }), failed(later!, { retryAfterMs: HOUR }))
    await c.pass(c.span)
    assert.equal((await instance.one()).id, soon!.id)
    await instance.findsNothing()
  }),
  fact(
    'a failed task does not come before its time',
    async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task, { retryAfterMs: 60_000 }))
      await c.pass(50_000)
      await holder.findsNothing()
      await c.pass(10_000)
      assert.equal((await holder.one()).id, task.id)
    },
    'advance',
  ),
  fact('a deferred task comes back after afterMs', async (c) => {
    await c.pushed(2)
    const instance = await c.instance()
    const [soon, later] = await instance.take(2)
    await c.applied(deferred(later!, { afterMs: HOUR }), deferred(soon!, { afterMs: c.span }))
    await c.pass(c.span)
    assert.equal((await instance.one()).id, soon!.id)
    await instance.findsNothing()
  }),
  fact('runAt of a retry is the moment of failing plus the pause', async (c) => {
    const { task, holder } = await c.claimed()
    await c.pass(20)
    await c.applied(failed(task, { retryAfterMs: c.span }))
    await c.pass(c.span)
    const again = await holder.one()
    assert.ok(again.runAt >= task.runAt + 15 + c.span, `${again.runAt} is not ${c.span} ms later than ${task.runAt}`)
  }),
  fact('a moment in the past is kept and due at once', async (c) => {
    const { task } = await c.claimed({ due: { at: LONG_AGO + 123 } })
    assert.equal(task.runAt, LONG_AGO + 123)
  }),
  fact('a moment in the future is kept and waited for', async (c) => {
    const now = (await c.claimed()).task.runAt
    const at = Math.ceil(now) + c.span
    const [soon] = await c.push({ due: { at } }, { due: { at: at + HOUR } })
    const instance = await c.instance()
    await c.pass(c.span)
    const task = await instance.one()
    assert.deepEqual([task.id, task.runAt], [soon!.id, at])
    await instance.findsNothing()
  }),
  fact('a span is counted from the push by the store’s clock', async (c) => {
    const { task: before, holder } = await c.claimed()
    await c.push({ due: { afterMs: c.span } })
    await c.pass(c.span)
    const task = await holder.one()
    const { task: after } = await c.claimed()
    assert.ok(
      task.runAt >= before.runAt + c.span && task.runAt <= after.runAt,
      `${task.runAt} is not ${c.span} ms after the push`,
    )
  }),
  fact('tasks that came due while nobody looked come in the order of their times', async (c) => {
    const step = c.span / 5
    const tasks = await c.push(...[4, 2, 3, 1].map((n) => ({ due: { afterMs: n * step } })))
    await c.pass(c.span)
    const claimed = await (await c.instance()).take(4)
    assert.deepEqual(idsOf(claimed), idsOf([tasks[3]!, tasks[1]!, tasks[2]!, tasks[0]!]))
  }),
  fact('a retry waits its turn by priority and time', async (c) => {
    const [first] = await c.push({ priority: 1 })
    const instance = await c.instance()
    const task = await instance.one()
    const [urgent, later] = await c.push({ priority: 2 }, { priority: 0 })
    await c.pass(5)
    await c.applied(failed(task))
    assert.deepEqual(idsOf(await instance.take(3)), [urgent!.id, first!.id, later!.id])
  }),
  fact('nextDueMs knows of retries and deferrals', async (c) => {
    await c.pushed(2)
    const instance = await c.instance()
    const [a, b] = await instance.take(2)
    await c.applied(failed(a!, { retryAfterMs: 2 * HOUR }), deferred(b!, { afterMs: HOUR }))
    const { nextDueMs } = await instance.request({ queue: c.queue, limit: 1 })
    assert.ok(nextDueMs !== null && nextDueMs <= HOUR && nextDueMs > HOUR - 60_000, `got ${nextDueMs}`)
  }),
  fact('the longest span and the furthest moment can be stored', async (c) => {
    await c.push({ due: { afterMs: MAX_DURATION_MS } }, { due: { at: Date.UTC(9_999, 11, 31) } }, { due: { at: 0 } })
    const instance = await c.instance()
    assert.equal((await instance.one()).runAt, 0)
    await instance.findsNothing()
  }),
  fact('a fraction of a millisecond is no obstacle', async (c) => {
    await c.push({ due: { afterMs: 0.5 } }, { due: { at: LONG_AGO + 0.25 } })
    const instance = await c.instance()
    await c.pass(1)
    const [task] = await instance.take(2)
    await c.applied(failed(task!, { retryAfterMs: 1.5 }))
    await c.pass(2)
    assert.equal((await instance.one()).id, task!.id)
  }),
])
