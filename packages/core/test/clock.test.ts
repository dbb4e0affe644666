import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkClock, sleep, systemClock, wallNow } from '../src/clock.ts'
import { failure } from './failure.ts'
import { ManualClock } from './manual-clock.ts'

describe('systemClock', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('tells the time of the process', () => {
    vi.useFakeTimers({ now: 1_234 })
    expect(systemClock.now()).toBe(1_234)
  })

  test('goes on evenly when the wall clock is set', () => {
    vi.useFakeTimers({ now: 1_234 })
    vi.setSystemTime(9_999_999)
    expect(systemClock.now()).toBe(1_234)
    vi.advanceTimersByTime(10)
    expect(systemClock.now()).toBe(1_244)
  })

  test('has a wall clock beside it that follows when it is set', () => {
    vi.useFakeTimers({ now: 1_234 })
    vi.setSystemTime(9_999_999)
    expect(wallNow(systemClock)).toBe(9_999_999)
  })

  test('runs a timer once, and not before its time', () => {
    vi.useFakeTimers()
    const run = vi.fn()
    systemClock.after(100, run)
    vi.advanceTimersByTime(99)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_000)
    expect(run).toHaveBeenCalledTimes(1)
  })

  test('waits longer than setTimeout can: 60 days', () => {
    vi.useFakeTimers()
    const run = vi.fn()
    const days = 86_400_000
    systemClock.after(60 * days, run)
    vi.advanceTimersByTime(60 * days - 1)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledTimes(1)
  })

  test('cancels a timer, also in a later piece of a long wait, and twice', () => {
    vi.useFakeTimers()
    const run = vi.fn()
    const days = 86_400_000
    const cancel = systemClock.after(60 * days, run)
    vi.advanceTimersByTime(30 * days)
    cancel()
    cancel()
    vi.advanceTimersByTime(60 * days)
    expect(run).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('takes a negative span as none', () => {
    vi.useFakeTimers()
    const run = vi.fn()
    systemClock.after(-5, run)
    vi.advanceTimersByTime(0)
    expect(run).toHaveBeenCalledTimes(1)
  })
})

describe('a clock', () => {
  test('without a wall clock tells one time', () => {
    expect(wallNow({ now: () => 5, after: () => () => undefined })).toBe(5)
  })
  test('that is none is refused by name', () => {
    for (const clock of [{}, Date, null, undefined, { now: () => 1, after: () => 1, wall: 5 }])
      expect(failure('ERR_OPTION', () => checkClock('Monitor', clock as any)).message).toContain(
        'Monitor: clock must have now() and after()',
      )
  })
})

describe('sleep', () => {
  test('ends after the span and leaves no timer and no listener', async () => {
    const clock = new ManualClock()
    const controller = new AbortController()
    const removed = vi.spyOn(controller.signal, 'removeEventListener')
    const slept = sleep(clock, 1_000, controller.signal)
    clock.advance(1_000)
    await slept
    expect(clock.timers).toBe(0)
    expect(removed).toHaveBeenCalled()
  })

  test('ends without an error when the signal aborts, and leaves no timer', async () => {
    const clock = new ManualClock()
    const controller = new AbortController()
    const slept = sleep(clock, 1_000, controller.signal)
    controller.abort(new Error('stop'))
    await slept
    expect(clock.timers).toBe(0)
  })

  test('ends at once when the signal has aborted before', async () => {
    const clock = new ManualClock()
    await sleep(clock, 1_000, AbortSignal.abort())
    expect(clock.timers).toBe(0)
  })
})
