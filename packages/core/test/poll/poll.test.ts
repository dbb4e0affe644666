import { afterEach, describe, expect, test, vi } from 'vitest'
import type { PollStrategy } from '../../src/poll/poll.ts'
import { pollEvery } from '../../src/poll/poll.ts'
import { failure } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'

function pause(strategy: PollStrategy, idle: number): number | undefined {
  const clock = new ManualClock()
  const controller = new AbortController()
  void strategy.tick(idle, clock, controller.signal, {})
  const { nextMs } = clock
  controller.abort()
  return nextMs
}

afterEach(() => {
  vi.restoreAllMocks()
})

test('a fixed interval stays as it is', () => {
  expect([0, 1, 10, 1_000_000].map((idle) => pause(pollEvery('5s'), idle))).toEqual(Array(4).fill(5_000))
})

test('with backoff the pause grows with every empty look up to its maximum, and starts again after work', () => {
  const strategy = pollEvery('100ms').withBackoff({ max: '1s', jitter: 0 })
  expect([0, 1, 2, 3, 4, 5, 1_000_000, 0].map((idle) => pause(strategy, idle))).toEqual([
    100, 200, 400, 800, 1_000, 1_000, 1_000, 100,
  ])
})

test('the maximum is 5 s, or the interval if that is longer', () => {
  expect(pause(pollEvery('1s').withBackoff({ jitter: 0 }), 50)).toBe(5_000)
  expect(pause(pollEvery('1m').withBackoff({ jitter: 0 }), 50)).toBe(60_000)
})

test('jitter spreads the pause up and down', () => {
  const strategy = pollEvery(1_000).withBackoff({ jitter: 0.5 })
  vi.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0.5).mockReturnValueOnce(1)
  expect([0, 0, 0].map((idle) => pause(strategy, idle))).toEqual([500, 1_000, 1_500])
})

test('a tick ends when its signal aborts, without an error and without a timer left', async () => {
  const clock = new ManualClock()
  const controller = new AbortController()
  const tick = pollEvery('1h').tick(0, clock, controller.signal)
  controller.abort()
  await tick
  expect(clock.timers).toBe(0)
})

test('one strategy serves many workers', async () => {
  const strategy = pollEvery('1s')
  const clock = new ManualClock()
  const { signal } = new AbortController()
  const ticks = Promise.all([strategy.tick(0, clock, signal), strategy.tick(0, clock, signal)])
  clock.advance(1_000)
  await ticks
})

describe('mistakes', () => {
  test('an interval of nothing would spin', () => {
    expect(failure('ERR_DURATION', () => pollEvery(0)).message).toContain('pollEvery must be between 1')
  })

  test('a maximum below the interval', () => {
    failure('ERR_DURATION', () => pollEvery('10s').withBackoff({ max: '5s' }))
  })

  test.each<[object, string]>([
    [{ factor: 0.5 }, 'factor must be a number from 1 to 10, got 0.5'],
    [{ factor: NaN }, 'got NaN'],
    [{ jitter: 2 }, 'jitter must be a number from 0 to 1, got 2'],
    [{ jitter: '0.1' }, 'jitter must be a number'],
    [{ maximum: '5s' }, 'unknown option "maximum". Known: max, factor, jitter'],
    [{ facter: 2 }, 'did you mean "factor"?'],
  ])('%j', (options, message) => {
    const error = failure('ERR_OPTION', () => pollEvery('1s').withBackoff(options))
    expect(error.message).toContain('withBackoff: ')
    expect(error.message).toContain(message)
  })
})
