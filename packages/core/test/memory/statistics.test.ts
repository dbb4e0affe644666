import { describe, expect, test } from 'vitest'
import type { MetricRequest } from '../../src/backend/visibility.ts'
import { Statistics } from '../../src/memory/statistics.ts'
import { failure } from '../failure.ts'
import { Setup } from './setup.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

function pushed(statistics: Statistics, request: MetricRequest): number[] {
  return statistics.points(request).map((point) => point.pushed)
}

describe('a series', () => {
  test('begins with the span that from is in and ends before to', () => {
    const statistics = new Statistics()
    statistics.count('q', 'pushed', START)
    statistics.count('q', 'pushed', START + 2 * MINUTE)
    const request = { queue: 'q', from: START + 1, to: START + 2 * MINUTE + 1, step: 'minute' } as const
    expect(statistics.points(request).map(({ at }) => at)).toEqual([0, 1, 2].map((n) => START + n * MINUTE))
    expect(pushed(statistics, request)).toEqual([1, 0, 1])
    expect(pushed(statistics, { ...request, to: START + 2 * MINUTE })).toEqual([1, 0])
    expect(pushed(statistics, { ...request, to: START - 1 })).toEqual([])
  })

  test('has at most 1,500 points', () => {
    const points = new Statistics().points({ from: 0, to: START, step: 'minute' })
    expect(points).toHaveLength(1_500)
    expect(points.at(-1)?.at).toBe(1_499 * MINUTE)
  })

  test('of all queues is the sum of each', () => {
    const statistics = new Statistics()
    statistics.count('a', 'pushed', START)
    statistics.count('b', 'pushed', START)
    statistics.attemptEnded('b', 'killed', 3, 9, START)
    const [point] = statistics.points({ from: START, to: START + 1, step: 'hour' })
    expect(point).toMatchObject({ pushed: 2, killed: 1 })
    expect(point?.ran[2]).toBe(1)
    expect(point?.waited[4]).toBe(1)
  })

  test('counts in the right minute when the clock steps back and forth', () => {
    const statistics = new Statistics()
    for (const at of [0, MINUTE, 0, MINUTE, MINUTE]) statistics.count('q', 'pushed', START + at)
    expect(pushed(statistics, { from: START, to: START + 2 * MINUTE, step: 'minute' })).toEqual([2, 3])
  })

  test.each([
    [{ step: 'week' }, 'step must be one of minute, hour, day'],
    [{ from: NaN }, 'from must be a number'],
    [{ to: Infinity }, 'to must be a number'],
  ])('with %j is refused', (wrong, message) => {
    const request = { from: 0, to: 1, step: 'day', ...wrong } as MetricRequest
    expect(failure('ERR_OPTION', () => new Statistics().points(request)).message).toContain(message)
  })
})

test.each([
  ['minute', MINUTE, 2 * DAY],
  ['hour', HOUR, 30 * DAY],
  ['day', DAY, 400 * DAY],
] as const)('what happened per %s is kept for as long as promised and then forgotten', (step, span, kept) => {
  const statistics = new Statistics()
  statistics.count('q', 'pushed', START)
  const first = { from: START, to: START + 1, step }
  statistics.count('q', 'pushed', START + kept - span)
  expect(pushed(statistics, first)).toEqual([1])
  statistics.count('q', 'pushed', START + kept + span)
  expect(pushed(statistics, first)).toEqual([0])
})

test('activity tells the last seven days, today last', async () => {
  const setup = new Setup()
  for (const tasks of [1, 2, 0, 3]) {
    for (let n = 0; n < tasks; n++) await setup.finishOne()
    setup.clock.advance(DAY)
  }
  const activity = async () => (await setup.backend.listQueues())[0]?.activity
  expect(await activity()).toEqual([0, 0, 1, 2, 0, 3, 0])
  setup.clock.advance(3 * DAY)
  expect(await activity()).toEqual([2, 0, 3, 0, 0, 0, 0])
})
