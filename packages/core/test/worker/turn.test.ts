import { expect, test } from 'vitest'
import { MemoryStorage } from '../../src/memory/index.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'

test('timers have their turn although handlers never wait for anything', async () => {
  const storage = new MemoryStorage<number>({ queue: 'busy' })
  const worker = new WorkerBuilder('w').backend(storage).build(async () => {
    // Each task pushes the next: without turns this would go on for ever.
    await storage.push(1)
  })
  await storage.push(1)
  await worker.start()
  let ticks = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (++ticks < 5) return
      clearInterval(timer)
      resolve()
    }, 5)
  })
  worker.pause()
  await worker.stop()
  expect(ticks).toBe(5)
})

test('a handler that blocks for long lets timers have their turn between tasks', async () => {
  const storage = new MemoryStorage<number>({ queue: 'busy' })
  await storage.pushBulk(Array.from({ length: 20 }, () => 1))
  let ran = 0
  const worker = new WorkerBuilder('w').backend(storage).build(() => {
    const end = performance.now() + 12
    while (performance.now() < end);
    ran += 1
  })
  await worker.start()
  await new Promise((resolve) => setTimeout(resolve, 1))
  expect(ran).toBeLessThan(10)
  await worker.stop()
})
