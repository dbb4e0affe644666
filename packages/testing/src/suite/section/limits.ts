/** A task's own limits: how long an attempt may take, and until when it may start. The store keeps and tells them. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { ALL_KINDS, done, failed, HOUR, RETURN_KINDS } from '../sample.ts'

export const limitCases: readonly ConformanceCase[] = section('limits of a task', [
  fact('a task without limits is claimed with none', async (c) => {
    await c.push({}, { timeoutMs: null, deadline: null })
    for (const { timeoutMs = null, deadlineInMs = null } of await (await c.instance()).take(2))
      assert.deepEqual([timeoutMs, deadlineInMs], [null, null])
  }),
  fact('a claim tells how long the attempt may take', async (c) => {
    const spans = [1, 1_500, 24 * HOUR]
    await c.push(...spans.map((timeoutMs) => ({ timeoutMs })))
    const tasks = await (await c.instance()).take(3)
    assert.deepEqual(
      tasks.map(({ timeoutMs }) => timeoutMs),
      spans,
    )
  }),
  fact('a claim tells how much time is left until the deadline, counted from the push', async (c) => {
    await c.push({ deadline: { afterMs: HOUR } })
    await c.pass(c.span)
    const { deadlineInMs } = await (await c.instance()).one()
    assert.ok(typeof deadlineInMs === 'number', `${deadlineInMs} is no span`)
    assert.ok(deadlineInMs <= HOUR - c.span + 20 && deadlineInMs > HOUR / 2, `${deadlineInMs} is not what is left`)
  }),
  fact('a deadline may be a moment', async (c) => {
    const { task } = await c.claimed({ deadline: { at: (await c.now()) + HOUR } })
    const left = task.deadlineInMs
    assert.ok(typeof left === 'number' && left <= HOUR && left > HOUR / 2, `${left} is not what is left`)
  }),
  fact('a task whose deadline has passed is handed out, with a span below zero', async (c) => {
    await c.push({ deadline: { afterMs: 1 } })
    await c.pass(20)
    const { deadlineInMs } = await (await c.instance()).one()
    assert.ok(typeof deadlineInMs === 'number' && deadlineInMs < 0, `${deadlineInMs} is not below zero`)
  }),
  ...Object.entries(RETURN_KINDS).map(([kind, settle]) =>
    fact(`limits outlive ${kind}`, async (c) => {
      const { task, holder } = await c.claimed({ timeoutMs: 700, deadline: { afterMs: HOUR } })
      await c.applied(settle(task))
      const { timeoutMs, deadlineInMs } = await holder.one()
      assert.equal(timeoutMs, 700)
      assert.ok(typeof deadlineInMs === 'number' && deadlineInMs <= (task.deadlineInMs ?? 0))
    }),
  ),
  fact('limits outlive their worker', async (c) => {
    await c.push({ timeoutMs: 700, deadline: { afterMs: HOUR } })
    await c.crash()
    const { timeoutMs, deadlineInMs } = await (await c.instance()).one()
    assert.equal(timeoutMs, 700)
    assert.ok(typeof deadlineInMs === 'number' && deadlineInMs > HOUR / 2)
  }),
  fact('a follow-on task has limits of its own', async (c) => {
    const { task, holder } = await c.claimed({ timeoutMs: 700 })
    const follow = [c.task({ timeoutMs: 900, deadline: { afterMs: HOUR } })]
    await c.applied(done(task, { follow }))
    const { timeoutMs, deadlineInMs } = await holder.one()
    assert.equal(timeoutMs, 900)
    assert.ok(typeof deadlineInMs === 'number' && deadlineInMs > HOUR / 2)
  }),
  fact('tasks with limits and without share a batch', async (c) => {
    await c.push({ timeoutMs: 5 }, {}, { deadline: { afterMs: HOUR } }, { timeoutMs: 7, deadline: { afterMs: HOUR } })
    const tasks = await (await c.instance()).take(4)
    assert.deepEqual(
      tasks.map(({ timeoutMs = null, deadlineInMs = null }) => [timeoutMs, deadlineInMs !== null]),
      [
        [5, false],
        [null, false],
        [null, true],
        [7, true],
      ],
    )
  }),
  fact('settlements of every kind may tell how long the attempt ran', async (c) => {
    for (const [kind, settle] of Object.entries(ALL_KINDS)) {
      for (const ranMs of [0, 0.25, HOUR]) {
        const { task } = await c.claimed({ queue: c.newQueue() })
        assert.equal(await c.settle({ ...settle(task), ranMs }), 'applied', `${kind} after ${ranMs} ms`)
      }
    }
  }),
  fact(
    'a reader sees the limits before and after the end',
    async (c) => {
      const [pushed] = await c.push({ timeoutMs: 700, deadline: { afterMs: HOUR } })
      const { timeoutMs, deadline, createdAt } = await c.stored(pushed!.id)
      assert.equal(timeoutMs, 700)
      assert.ok(deadline !== null && Math.abs(deadline - createdAt - HOUR) < 2, `${deadline} is not an hour later`)
      const holder = await c.instance()
      await c.applied(failed(await holder.one()))
      await c.applied(done(await holder.one()))
      const ended = await c.stored(pushed!.id)
      assert.deepEqual([ended.timeoutMs, ended.deadline], [700, deadline])
    },
    'fetchById',
  ),
])
