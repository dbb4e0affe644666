import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { rejection } from '../failure.ts'
import { gate, scene } from './scene.ts'

describe('health()', () => {
  test('says what a worker does, and that one which never ran does nothing', async () => {
    const it = scene()
    const opened = gate()
    const worker = it.builder.concurrency(1).build(() => opened.promise)
    expect(worker.health()).toMatchObject({ state: 'idle', instance: '', lastClaimAt: null, leaseHeld: false })
    await worker.start()
    await it.push(1)
    await it.clock.pass(10_000)
    expect(worker.health()).toEqual({
      state: 'running',
      pausedBy: [],
      instance: worker.instance,
      running: 1,
      buffered: 0,
      unsettled: 0,
      lastClaimAt: it.clock.now() - 10_000,
      lastBeatAt: it.clock.now(),
      leaseHeld: true,
    })
    opened.open()
    await it.clock.pass(10)
    await worker.stop()
    expect(worker.health()).toMatchObject({ state: 'stopped', running: 0, leaseHeld: false })
  })

  test('shows a store that is away', async () => {
    let down = false
    const it = scene((memory) => ({
      async beat(request) {
        if (down) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
        return memory.beat(request)
      },
    }))
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(10_000)
    down = true
    await it.clock.pass(30_000)
    expect(worker.health().leaseHeld).toBe(false)
    expect(it.clock.now() - worker.health().lastBeatAt!).toBeGreaterThanOrEqual(30_000)
    down = false
    await it.clock.pass(10_000)
    expect(worker.health().leaseHeld).toBe(true)
    await worker.stop()
  })
})

test('a handler may tell the listeners of its worker something of its own', async () => {
  const it = scene()
  await it.push(1)
  const worker = it.builder.build((n, ctx) => ctx.worker.emit('mail sent', { n }))
  await worker.start()
  await it.clock.pass(10)
  expect(it.of('custom')).toEqual([{ type: 'custom', name: 'mail sent', data: { n: 0 } }])
  await worker.stop()
})

describe('what a handler has tracked', () => {
  test('is waited for by a stop, also when it is tracked after the stop began', async () => {
    const it = scene()
    await it.push(1)
    const first = gate()
    const second = gate()
    const worker = it.builder.build(async (_n, ctx) => {
      await first.promise
      void ctx.worker.track(second.promise)
    })
    await worker.start()
    await it.clock.pass(10)
    expect([worker.taskCount, worker.hasPendingTasks]).toEqual([1, true])
    const stopped = worker.stop()
    await it.clock.pass(1_000)
    expect(worker.isStopping).toBe(true)
    first.open()
    await it.clock.pass(1_000)
    expect([worker.taskCount, worker.hasPendingTasks, worker.isStopping]).toEqual([0, true, true])
    second.open()
    await it.clock.pass(10)
    await stopped
    expect(worker.hasPendingTasks).toBe(false)
  })

  test('is given up at the deadline, and counted in the error', async () => {
    const it = scene()
    await it.push(1)
    const worker = it.builder.build((_n, ctx) => void ctx.worker.track(new Promise(() => undefined)))
    await worker.start()
    await it.clock.pass(10)
    const stopped = rejection('ERR_SHUTDOWN_TIMEOUT', worker.stop({ timeout: '5s' }))
    await it.clock.pass(8_000)
    expect((await stopped).message).toContain('1 tracked promises did not settle')
  })

  test('may fail: that is its own affair', async () => {
    const it = scene()
    await it.push(1)
    const worker = it.builder.build((_n, ctx) => {
      ctx.worker.track(Promise.reject(new Error('no'))).catch(() => undefined)
    })
    await worker.start()
    await it.clock.pass(10)
    expect(worker.hasPendingTasks).toBe(false)
    await worker.stop()
    expect(await worker.track(Promise.resolve(7))).toBe(7)
  })
})
