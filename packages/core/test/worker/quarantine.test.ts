import { expect, test } from 'vitest'
import type { ClaimedTask } from '../../src/task/task.ts'
import { gate, scene } from './scene.ts'

/** Marks the task with args 2 as one that workers died holding; it comes alone, as the contract says. */
function killer() {
  return scene((memory) => ({
    async claim(request) {
      const reply = await memory.claim({
        ...request,
        queues: request.queues.map((each) => ({ ...each, limit: Math.min(each.limit, 1) })),
      })
      const tasks = reply.tasks.map((task): ClaimedTask => ({
        ...task,
        crashes: new TextDecoder().decode(task.payload.bytes) === '2' ? 2 : 0,
      }))
      return { ...reply, tasks, nextDueMs: reply.tasks.length > 0 ? 0 : reply.nextDueMs }
    },
  }))
}

test('a task that workers died holding runs with no neighbour, and then the others go on', async () => {
  const it = killer()
  await it.push(6)
  const running = new Set<number>()
  const together: number[][] = []
  const gates = Array.from({ length: 6 }, () => gate())
  const worker = it.builder.concurrency(3).build(async (n) => {
    running.add(n)
    together.push([...running])
    await gates[n]!.promise
    running.delete(n)
  })
  await worker.start()
  await it.clock.pass(2_000)
  expect(it.of('quarantine')).toMatchObject([{ crashes: 2 }])
  expect([...running]).toEqual([0, 1])
  gates[0]!.open()
  await it.clock.pass(2_000)
  expect([...running]).toEqual([1])
  gates[1]!.open()
  await it.clock.pass(2_000)
  expect([...running]).toEqual([2])
  await it.clock.pass(20_000)
  expect([...running]).toEqual([2])
  for (const each of gates) each.open()
  await it.clock.pass(10_000)
  expect(together.filter((each) => each.includes(2))).toEqual([[2]])
  expect(it.of('task-end')).toHaveLength(6)
  await worker.stop()
})

test('a quarantined task that has not started goes back at stop', async () => {
  const it = killer()
  const ids = await it.push(3)
  const opened = gate()
  const worker = it.builder.concurrency(3).build(() => opened.promise)
  await worker.start()
  await it.clock.pass(2_000)
  expect(await it.status(ids[2]!)).toBe('queued/1')
  const stopped = worker.stop()
  await it.clock.pass(10)
  expect(await it.status(ids[2]!)).toBe('pending/0')
  opened.open()
  await it.clock.pass(10)
  await stopped
})

test('what came with it goes back until it is over', async () => {
  const it = scene((memory) => ({
    async claim(request) {
      const reply = await memory.claim(request)
      const tasks = reply.tasks.map((task): ClaimedTask => ({
        ...task,
        crashes: new TextDecoder().decode(task.payload.bytes) === '0' ? 3 : 0,
      }))
      return { ...reply, tasks }
    },
  }))
  const ids = await it.push(3)
  const opened = gate()
  const worker = it.builder.build((n) => (n === 0 ? opened.promise : undefined))
  await worker.start()
  await it.clock.pass(5_000)
  expect(await Promise.all(ids.map(it.status))).toEqual(['running/1', 'pending/0', 'pending/0'])
  opened.open()
  await it.clock.pass(10)
  expect(await Promise.all(ids.map(it.status))).toEqual(['done/1', 'done/1', 'done/1'])
  await worker.stop()
})
