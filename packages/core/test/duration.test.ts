import { describe, expect, test } from 'vitest'
import type { Duration } from '../src/duration.ts'
import { MAX_DURATION_MS, toMs } from '../src/duration.ts'
import { failure } from './failure.ts'

test.each<[Duration, number]>([
  ['0ms', 0],
  ['250ms', 250],
  ['1s', 1_000],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['0.5m', 30_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['36525d', MAX_DURATION_MS],
  ['007s', 7_000],
  [0, 0],
  [250, 250],
  [0.1, 1],
  [1.2, 2],
  ['1.1ms', 2],
  ['0.0001s', 1],
])('%s is %i ms', (duration, ms) => {
  expect(toMs(duration, 'timeout')).toBe(ms)
})

test.each<[unknown]>([
  [''],
  ['1'],
  ['s'],
  ['1 s'],
  ['1S'],
  ['1sec'],
  ['1s2ms'],
  ['-1s'],
  ['+1s'],
  ['.5s'],
  ['1.s'],
  ['1e3ms'],
  ['Infinitys'],
  ['٣s'],
  ['1s\n'],
  [NaN],
  [Infinity],
  [-Infinity],
  [null],
  [undefined],
  [true],
  [1n],
  [{}],
  [[1]],
  [new Date(0)],
])('%s is no duration', (duration) => {
  expect(failure('ERR_DURATION', () => toMs(duration as Duration, 'timeout')).message).toContain(
    'timeout must be milliseconds or a string like "250ms", "1s", "5m", "2h" or "7d", got ',
  )
})

describe('bounds', () => {
  test('are inclusive', () => {
    expect(toMs('1s', 'lease', { min: 1_000, max: 1_000 })).toBe(1_000)
  })

  test.each<[Duration]>([[-1], ['36526d'], [Number.MAX_VALUE], ['99999999999999999999d']])(
    '%s lies outside of 0 to 100 years',
    (duration) => {
      expect(failure('ERR_DURATION', () => toMs(duration, 'x')).message).toContain(
        `x must be between 0 and ${MAX_DURATION_MS} milliseconds, got`,
      )
    },
  )

  test('a number that is too small was probably meant as seconds, and the error says so', () => {
    const bounds = { min: 1_000 }
    expect(failure('ERR_DURATION', () => toMs(30, 'lease', bounds)).message).toContain(
      'got 30. A plain number is milliseconds: did you mean "30s"?',
    )
    const { message } = failure('ERR_DURATION', () => toMs('30ms', 'lease', bounds))
    expect(message).toContain('got "30ms".')
    expect(message).not.toContain('did you mean')
  })
})
