import { describe, expect, test } from 'vitest'
import { exponential, fixed, jitter } from '../../src/middleware/backoff.ts'

describe('exponential', () => {
  test('doubles from min to max', () => {
    const backoff = exponential({ min: '2s', max: '10s', jitter: 0 })
    expect([1, 2, 3, 4, 1_000_000].map(backoff)).toEqual([2_000, 4_000, 8_000, 10_000, 10_000])
  })
  test('spreads by the jitter and no further', () => {
    const backoff = exponential({ min: '10s', max: '10s', jitter: 0.2 })
    const pauses = Array.from({ length: 500 }, () => backoff(1))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(8_000)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(12_000)
    expect(new Set(pauses).size).toBeGreaterThan(50)
  })
  test('says what is wrong with its options', () => {
    expect(() => exponential({ mim: 1 } as any)).toThrow('did you mean "min"')
    expect(() => exponential({ min: '2m', max: '1m' })).toThrow('max must not be below min, got max "1m" and min "2m".')
    expect(() => exponential({ max: 300 })).toThrow('got max 300 and min "1s". A plain number is milliseconds.')
    expect(() => exponential({ factor: 0.5 })).toThrow('factor must be a number from 1 to 10')
  })
})

test('fixed is the same every time', () => {
  expect([1, 2, 9].map(fixed('3s'))).toEqual([3_000, 3_000, 3_000])
  expect(() => fixed('soon' as any)).toThrow('fixed must be milliseconds')
})

test('jitter spreads any other', () => {
  const pauses = Array.from({ length: 500 }, () => jitter((attempt) => attempt * 1_000, 0.5)(4))
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(2_000)
  expect(Math.max(...pauses)).toBeLessThanOrEqual(6_000)
  expect(new Set(pauses).size).toBeGreaterThan(50)
  expect(jitter(fixed('3s'), 0)(1)).toBe(3_000)
  expect(() => jitter('3s' as any)).toThrow('takes a backoff, such as fixed("10s")')
  expect(() => jitter(fixed(1), 2)).toThrow('share must be a number from 0 to 1, got 2')
})
