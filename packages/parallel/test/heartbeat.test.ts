/**
 * The reason for threads: a handler that computes must not keep its worker from its heartbeats.
 *
 * Measured, on any machine, by comparison: the same work on threads and on the main thread.
 */
import { type Handler, type HandlerObject, type WorkerEvent, WorkerBuilder } from '@q/core'
import { MemoryStorage } from '@q/core/memory'
import { expect, test } from 'vitest'
import { burn } from './handler/work.ts'
import { handlerOf } from './scene.ts'

const TASKS = 4
const BURN_MS = 1_300
const LEASE_MS = 1_000

test('heartbeats keep going while four handlers compute on threads, and stop while they compute on the main thread', async () => {
  await using threads = handlerOf('burn', { threads: TASKS })
  const onThreads = await longestSilence(threads)
  const onMain = await longestSilence((ms) => burn(ms as number))
  // With four beats in a lease of a second they are due every 250 ms.
  expect(
    { onThreads: onThreads.silenceMs < LEASE_MS * 0.75, lost: onThreads.leaseLost },
    JSON.stringify(onThreads),
  ).toEqual({
    onThreads: true,
    lost: false,
  })
  expect(onMain.silenceMs, JSON.stringify(onMain)).toBeGreaterThan(LEASE_MS)
}, 30_000)

/** The longest time without a beat while four tasks compute, in milliseconds. */
async function longestSilence(
  handler: Handler<unknown> | HandlerObject<unknown>,
): Promise<{ readonly silenceMs: number; readonly leaseLost: boolean }> {
  await using queue = new MemoryStorage<unknown>({ queue: 'burn' })
  await queue.pushAll(Array.from({ length: TASKS }, () => BURN_MS))
  const beats: number[] = []
  let leaseLost = false
  let ended = 0
  const allEnded = Promise.withResolvers<void>()
  const worker = new WorkerBuilder('w')
    .backend(queue)
    .concurrency(TASKS)
    .lease(LEASE_MS)
    .onEvent((_, event: WorkerEvent) => {
      if (event.type === 'start' || event.type === 'heartbeat' || event.type === 'task-end') {
        if (event.type !== 'task-end') beats.push(performance.now())
        else if (++ended === TASKS) allEnded.resolve()
      }
      if (event.type === 'lease-lost') leaseLost = true
    })
    .build(handler)
  await worker.runUntil(allEnded.promise)
  beats.push(performance.now())
  const gaps = beats.slice(1).map((at, index) => at - (beats[index] ?? at))
  return { silenceMs: Math.round(Math.max(...gaps)), leaseLost }
}
