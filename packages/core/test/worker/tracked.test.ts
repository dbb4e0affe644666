import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { Tracked } from '../../src/worker/tracked.ts'
import { failure } from '../failure.ts'
import { gate, scene, settled } from './scene.ts'

const reason = new QError('ERR_SHUTDOWN_TIMEOUT', 'stop')

describe('tracked promises', () => {
  test('are told to end while they are under way, each by its own function', async () => {
    const tracked = new Tracked()
    const told: string[] = []
    const first = gate()
    const work = gate()
    void tracked.add(first.promise, () => told.push('first'))
    void tracked.add(work.promise, () => told.push('second'))
    void tracked.add(work.promise)
    first.open()
    await settled()
    tracked.abort(reason)
    expect([told, tracked.size]).toEqual([['second'], 2])
    void tracked.add(work.promise, () => told.push('late'))
    expect(told).toEqual(['second', 'late'])
    work.open()
    await tracked.whenEmpty()
    expect(tracked.size).toBe(0)
  })

  test('whose function throws do not keep others from being told', () => {
    const tracked = new Tracked()
    const told: unknown[] = []
    void tracked.add(new Promise(() => undefined), () => {
      throw new Error('broken')
    })
    void tracked.add(new Promise(() => undefined), (why) => told.push(why))
    tracked.abort(reason)
    expect(told).toEqual([reason])
  })
})

describe('worker.track', () => {
  test('tells at the deadline of a stop, and then waits a little', async () => {
    const it = scene()
    const work = gate()
    const told: unknown[] = []
    const worker = it.builder.build(() => undefined)
    await worker.start()
    void worker.track(work.promise, (why) => {
      told.push(why.code)
      it.clock.after(500, work.open)
    })
    const stopped = worker.stop({ timeout: '2s' })
    await it.clock.pass(1_900)
    expect(told).toEqual([])
    await it.clock.pass(700)
    await stopped
    expect(told).toEqual(['ERR_SHUTDOWN_TIMEOUT'])
  })

  test('refuses what is no promise, and counts nothing then', async () => {
    const it = scene()
    const worker = it.builder.build(() => undefined)
    for (const wrong of [() => worker.track(undefined as any), () => worker.track(Promise.resolve(), 'x' as any)])
      failure('ERR_OPTION', wrong)
    await worker.start()
    for (const wrong of [() => worker.track(undefined as any), () => worker.track((() => 1) as any)])
      failure('ERR_OPTION', wrong)
    expect(worker.hasPendingTasks).toBe(false)
    await worker.stop()
  })
})
