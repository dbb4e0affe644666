/** Attempts: counted when a task is handed out, given back when it was not used. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { deferred, done, failed, killed, progress, released } from '../sample.ts'

export const attemptCases: readonly ConformanceCase[] = section('attempts', [
  fact('the first execution is attempt 1', async (c) => {
    assert.equal((await c.claimed()).task.attempt, 1)
  }),
  fact('the attempt is counted by the claim itself, also when nothing is ever settled', async (c) => {
    await c.pushed(1)
    await c.crash()
    assert.equal((await (await c.instance()).one()).attempt, 2)
  }),
  fact('failed attempts add up', async (c) => {
    await c.pushed(1)
    const instance = await c.instance()
    for (const attempt of [1, 2, 3, 4]) {
      const task = await instance.one()
      assert.equal(task.attempt, attempt)
      await c.applied(failed(task))
    }
  }),
  fact('releasing gives the attempt back', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(released(task))
    assert.equal((await holder.one()).attempt, 1)
  }),
  fact('deferring gives the attempt back', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(deferred(task))
    assert.equal((await holder.one()).attempt, 1)
  }),
  fact('deferring many times never uses an attempt up', async (c) => {
    await c.pushed(1, { maxAttempts: 2 })
    const instance = await c.instance()
    for (let n = 0; n < 5; n++) await c.applied(deferred(await instance.one()))
    assert.equal((await instance.one()).attempt, 1)
  }),
  fact('a release gives back its own attempt and none of those before', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task))
    const second = await holder.one()
    assert.equal(second.attempt, 2)
    await c.applied(released(second))
    assert.equal((await holder.one()).attempt, 2)
  }),
  fact('progress neither counts nor gives back', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(progress(task))
    await c.applied(progress(task))
    await c.applied(failed(task))
    assert.equal((await holder.one()).attempt, 2)
  }),
  fact('deregistering gives the attempt back', async (c) => {
    const { holder } = await c.claimed()
    await c.backend.deregister(holder.id)
    assert.equal((await (await c.instance()).one()).attempt, 1)
  }),
  fact('an outcome names the attempt that ended the task', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task))
    const second = await holder.one()
    await c.applied(done(second))
    assert.equal((await c.outcome(task.id)).attempt, 2)
  }),
  fact('tasks of one batch count on their own', async (c) => {
    await c.pushed(3)
    const instance = await c.instance()
    const tasks = await instance.take(3)
    await c.applied(failed(tasks[0]!), released(tasks[1]!), killed(tasks[2]!))
    const again = await instance.take(2)
    assert.deepEqual(
      new Map(again.map(({ id, attempt }) => [id, attempt])),
      new Map([
        [tasks[0]!.id, 2],
        [tasks[1]!.id, 1],
      ]),
    )
  }),
  fact('failing is not a crash', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task))
    const second = await holder.one()
    assert.equal(second.crashes, 0)
    await c.applied(released(second))
    assert.equal((await holder.one()).crashes, 0)
  }),
])
