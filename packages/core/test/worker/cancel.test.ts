import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { AbortError, DeferredError, RetryAfterError } from '../../src/steer.ts'
import { rejection } from '../failure.ts'
import { gate, scene } from './scene.ts'

/** Ends when its signal aborts, by throwing the reason. */
const obedient = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))

describe('a running task that somebody cancels', () => {
  test('is told at once where the backend nudges, and ends as cancelled with the reason given', async () => {
    const it = scene()
    const [id, other] = await it.push(2)
    const reasons: unknown[] = []
    const worker = it.builder.build(async (_n, ctx) => {
      ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason))
      await obedient(ctx.signal)
    })
    await worker.start()
    await it.clock.pass(1_000)
    expect(await it.memory.cancel([id!], 'no longer wanted')).toEqual(['cancelling'])
    await it.clock.pass(0)
    expect(reasons).toEqual([expect.objectContaining({ code: 'ERR_CANCELLED' })])
    expect(it.of('cancelled')).toEqual([{ type: 'cancelled', id, queue: 'numbers', attempt: 1 }])
    expect(it.of('task-end')).toMatchObject([{ id, queue: 'numbers', outcome: 'cancelled' }])
    expect(await it.memory.fetchById(id!)).toMatchObject({
      status: 'cancelled',
      error: { code: 'ERR_CANCELLED', message: 'no longer wanted' },
    })
    expect(worker.taskCount).toBe(1)
    await it.memory.cancel([other!])
    await it.clock.pass(1_000)
    await worker.stop()
  })

  test('is told within a beat where nothing nudges, however young it is', async () => {
    const it = scene(() => ({ wake: undefined }))
    const worker = it.builder.lease('8s').build((_n, ctx) => obedient(ctx.signal))
    await worker.start()
    for (const age of [1_900, 1_200, 600]) {
      const beats = it.of('heartbeat').length
      await it.clock.until(() => it.of('heartbeat').length > beats)
      await it.clock.pass(2_000 - age)
      const [id] = await it.push(1)
      await it.clock.until(() => worker.taskCount === 1)
      await it.memory.cancel([id!])
      await it.clock.pass(2_000)
      expect(await it.status(id!)).toBe('cancelled/1')
    }
    await worker.stop()
  })

  test('is done when its handler returns a result all the same', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const opened = gate<number>()
    const worker = it.builder.build(() => opened.promise)
    await worker.start()
    await it.clock.pass(10)
    await it.memory.cancel([id!])
    await it.clock.pass(300)
    opened.open(7)
    await it.clock.pass(10)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })

  test.each([
    ['an error', () => new Error('broken')],
    ['AbortError', () => new AbortError('enough')],
    ['RetryAfterError', () => new RetryAfterError('busy', '1s')],
    ['DeferredError', () => new DeferredError('1s')],
  ])('is cancelled when its handler throws %s', async (_name, error) => {
    const it = scene()
    const [id] = await it.push(1)
    const opened = gate()
    let runs = 0
    const worker = it.builder.build(async () => {
      runs += 1
      await opened.promise
      throw error()
    })
    await worker.start()
    await it.clock.pass(10)
    await it.memory.cancel([id!])
    await it.clock.pass(300)
    opened.open()
    await it.clock.pass(60_000)
    expect([runs, await it.status(id!)]).toEqual([1, 'cancelled/1'])
    await worker.stop()
  })

  test('is cancelled at its timeout when its handler does not listen', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const worker = it.builder.timeout('30s').build(() => new Promise<void>(() => undefined))
    await worker.start()
    await it.clock.pass(10)
    await it.memory.cancel([id!])
    await it.clock.pass(29_000)
    expect(await it.status(id!)).toBe('running/1')
    await it.clock.pass(1_000)
    expect(await it.status(id!)).toBe('cancelled/1')
    await worker.stop()
  })

  test('is cancelled by a stop that its handler outlives', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const worker = it.builder.build(() => new Promise<void>(() => undefined))
    await worker.start()
    await it.clock.pass(10)
    await it.memory.cancel([id!])
    await it.clock.pass(10)
    const stopped = rejection('ERR_SHUTDOWN_TIMEOUT', worker.stop({ timeout: 0 }))
    await it.clock.pass(2_000)
    await stopped
    expect(await it.status(id!)).toBe('cancelled/1')
  })
})

test('a claimed task that has not started goes back when there is news, and never runs if it was cancelled', async () => {
  const it = scene()
  const ids = await it.push(300)
  const ran: number[] = []
  const opened = gate()
  const worker = it.builder.concurrency(2).build((n) => {
    ran.push(n)
    return n < 10 ? undefined : opened.promise
  })
  await worker.start()
  await it.clock.pass(10)
  expect(await it.status(ids[20]!)).toBe('queued/1')
  await it.memory.cancel([ids[20]!])
  await it.clock.pass(300)
  expect(await it.status(ids[20]!)).toBe('cancelled/1')
  opened.open()
  await it.clock.until(() => ran.length >= 299)
  await it.clock.pass(5_000)
  expect(ran).toHaveLength(299)
  expect(ran).not.toContain(20)
  await worker.stop()
})

describe('news', () => {
  test('is many at once and few beats', async () => {
    let beats = 0
    const it = scene((memory) => ({
      beat(request) {
        beats += 1
        return memory.beat(request)
      },
    }))
    const ids = await it.push(50)
    const worker = it.builder.concurrency(50).build((_n, ctx) => obedient(ctx.signal))
    await worker.start()
    await it.clock.pass(1_000)
    beats = 0
    for (const id of ids) {
      await it.memory.cancel([id])
      await it.clock.pass(10)
    }
    await it.clock.pass(500)
    expect(it.of('cancelled')).toHaveLength(50)
    expect(beats).toBeLessThanOrEqual(5)
    await worker.stop()
  })

  test('is not a reason to beat faster while beats fail, and is not forgotten', async () => {
    let away = false
    let beats = 0
    const it = scene((memory) => ({
      async beat(request) {
        beats += 1
        if (away) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
        return memory.beat(request)
      },
    }))
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => obedient(ctx.signal))
    await worker.start()
    await it.clock.pass(300)
    away = true
    beats = 0
    await it.memory.cancel([id!])
    for (let n = 0; n < 500; n++) {
      await it.memory.pause('numbers')
      await it.memory.resume('numbers')
      await it.clock.pass(10)
    }
    expect(beats).toBeLessThan(10)
    away = false
    await it.clock.pass(3_000)
    expect(await it.status(id!)).toBe('cancelled/1')
    await worker.stop()
  })

  test('is asked for again by the beat after one that failed', async () => {
    let fail = false
    const it = scene((memory) => ({
      async beat(request) {
        if (fail) {
          fail = false
          throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
        }
        return memory.beat(request)
      },
    }))
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => obedient(ctx.signal))
    await worker.start()
    await it.clock.pass(260)
    fail = true
    await it.memory.cancel([id!])
    // The task is too young to be named by a beat that nothing asked for.
    await it.clock.pass(200)
    expect(await it.status(id!)).toBe('cancelled/1')
    await worker.stop()
  })
})
