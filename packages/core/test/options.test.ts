import { describe, expect, test } from 'vitest'
import { checkInteger, checkKnownOptions, didYouMean } from '../src/options.ts'
import { failure } from './failure.ts'

const KNOWN = ['queue', 'concurrency', 'poll', 'maxAttempts']

describe('checkKnownOptions', () => {
  const message = (options: unknown): string =>
    failure('ERR_OPTION', () => checkKnownOptions('Thing', options, KNOWN)).message

  test('takes known names, whatever their values', () => {
    checkKnownOptions('Thing', { queue: undefined, poll: 1 }, KNOWN)
    checkKnownOptions('Thing', {}, KNOWN)
  })

  test('suggests the nearest name for a slip', () => {
    expect(message({ quue: 1 })).toBe('Thing: unknown option "quue", did you mean "queue"?')
    expect(message({ Concurency: 1 })).toContain('did you mean "concurrency"?')
    expect(message({ max_attempts: 1 })).toContain('did you mean "maxAttempts"?')
  })

  test('lists what is known when nothing is near', () => {
    expect(message({ retries: 1 })).toBe(
      'Thing: unknown option "retries". Known: queue, concurrency, poll, maxAttempts.',
    )
  })

  test('refuses an unknown name even when its value is undefined', () => {
    expect(message({ quue: undefined })).toContain('did you mean')
  })

  test.each<[unknown, string]>([
    [null, 'got null'],
    [undefined, 'got undefined'],
    ['queue', 'got string'],
    [5, 'got number'],
  ])('refuses %s in place of an object', (options, expected) => {
    expect(message(options)).toContain(`Thing: options must be an object, ${expected}`)
  })

  test('shows no more than 60 characters of a name', () => {
    expect(message({ ['x'.repeat(10_000)]: 1 }).length).toBeLessThan(200)
  })
})

describe('checkInteger', () => {
  test('returns whole numbers within the bounds, both included', () => {
    expect([1, 5, 10].map((value) => checkInteger('W', 'c', value, 1, 10))).toEqual([1, 5, 10])
  })

  test.each<[unknown, string]>([
    [0, 'got 0'],
    [11, 'got 11'],
    [1.5, 'got 1.5'],
    [NaN, 'got NaN'],
    [Infinity, 'got Infinity'],
    ['5', 'got "5"'],
    [null, 'got null'],
    [undefined, 'got undefined'],
    [5n, 'got 5n'],
    [true, 'got true'],
    [Symbol('s'), 'got Symbol(s)'],
  ])('refuses %s', (value, expected) => {
    expect(failure('ERR_OPTION', () => checkInteger('Worker', 'slots', value, 1, 10)).message).toBe(
      `Worker: slots must be a whole number from 1 to 10, ${expected}.`,
    )
  })
})

describe('didYouMean', () => {
  test.each([
    ['queue', 'queue'],
    ['QUEUE', 'queue'],
    ['qeueu', 'queue'],
    ['pol', 'poll'],
    ['polls', 'poll'],
    ['', undefined],
    ['database', undefined],
    ['quxyz', undefined],
  ])('%s → %s', (word, near) => {
    expect(didYouMean(word, KNOWN)).toBe(near)
  })

  test.each([
    ['attempts', ['queue', 'maxAttempts'], 'maxAttempts'],
    ['delay', ['runAt', 'runAfter'], 'runAfter'],
    ['delay', ['key', 'wait'], 'wait'],
    ['max', ['limit', 'per', 'key', 'across'], 'limit'],
    ['threshold', ['failureThreshold', 'recoveryTimeout'], 'failureThreshold'],
    ['resetTimeout', ['failureThreshold', 'recoveryTimeout'], 'recoveryTimeout'],
    ['attempts', ['queue', 'codec'], undefined],
    ['constructor', ['queue', 'codec'], undefined],
  ])('%s, as others call it, among %j → %s', (word, known, meant) => {
    expect(didYouMean(word, known)).toBe(meant)
  })

  test('prefers the nearest', () => {
    expect(didYouMean('maxs', ['max', 'min', 'maxed'])).toBe('max')
  })
})
