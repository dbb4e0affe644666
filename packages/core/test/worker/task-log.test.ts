import { describe, expect, test } from 'vitest'
import { MAX_FIELDS_CHARS, MAX_LINE_CHARS, toLine } from '../../src/worker/task-log.ts'
import { toProgress } from '../../src/worker/progress.ts'

const line = (message: unknown, fields?: unknown) => toLine(1, 'info', message, fields, 5)
const fieldsOf = (fields: unknown): unknown => {
  const text = line('x', fields).fields
  expect(text!.length).toBeLessThanOrEqual(MAX_FIELDS_CHARS)
  expect(text!.isWellFormed() && !text!.includes('\0')).toBe(true)
  return JSON.parse(text!)
}

describe('a line', () => {
  test('is kept as it was said', () => {
    expect(toLine(3, 'warn', 'sent', { to: 'a', n: 2 }, 7)).toEqual({
      attempt: 3,
      level: 'warn',
      message: 'sent',
      fields: '{"to":"a","n":2}',
      at: 7,
    })
    expect(line('sent').fields).toBeNull()
  })
  test('of a megabyte is cut, and says so', () => {
    const { message } = line('x'.repeat(1e6))
    expect(message).toHaveLength(MAX_LINE_CHARS)
    expect(message).toMatch(/x … \(cut\)$/)
  })
  test('loses what no store can keep', () => {
    expect(line('a\0b\uD800').message).toBe('a\uFFFDb\uFFFD')
    const { message } = line(`${'x'.repeat(MAX_LINE_CHARS - 9)}😀${'y'.repeat(20)}`)
    expect(message.isWellFormed()).toBe(true)
    const odd = String.raw`\u0000`
    expect(fieldsOf({ 'k\0': 'a\0\uD800', odd, even: `\\${odd}` })).toEqual({
      'k\uFFFD': 'a\uFFFD\uFFFD',
      odd,
      even: `\\${odd}`,
    })
  })
  test.each([undefined, null, 7, Symbol('s'), { a: 1 }, Object.create(null), () => 1])(
    'may be %s instead of a text',
    (message) => {
      expect(typeof line(message).message).toBe('string')
    },
  )
})

describe('fields', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const hostile = {
    toJSON() {
      throw new Error('toJSON')
    },
  }
  test('keep errors by name, message and code, and in words what JSON does not have', () => {
    expect(
      fieldsOf({
        error: Object.assign(new TypeError('no'), { code: 'E1' }),
        big: 10n,
        nan: Number.NaN,
        at: new Date(0),
      }),
    ).toEqual({
      error: { name: 'TypeError', message: 'no', code: 'E1' },
      big: '10n',
      nan: 'NaN',
      at: '1970-01-01T00:00:00.000Z',
    })
    expect(fieldsOf(new Error('no'))).toEqual({ value: { name: 'Error', message: 'no' } })
    expect(fieldsOf([1])).toEqual({ value: [1] })
    expect(fieldsOf('x')).toEqual({ value: 'x' })
  })
  test.each([
    ['too long', { text: 'x'.repeat(1e6) }, /longer than 4096 characters/],
    ['too many', Array.from({ length: 1e6 }, () => 1), /longer than 4096 characters/],
    ['made of escapes', { text: '\u0001'.repeat(2_000) }, /longer than 4096 characters/],
    ['a cycle', cycle, /could not be written/],
    ['hostile', hostile, /could not be written as JSON: Error: toJSON/],
  ])('that are %s are replaced by a note', (_name, fields, note) => {
    expect(fieldsOf(fields)).toEqual({ note: expect.stringMatching(note) })
  })
})

test('fields are not looked at much further than they can be kept', () => {
  let looks = 0
  const value = {
    toJSON() {
      looks += 1
      return 1
    },
  }
  line('x', { all: Array.from({ length: 1e5 }, () => value) })
  expect(looks).toBeLessThan(2 * MAX_FIELDS_CHARS)
})

describe('progress', () => {
  test('is stored whole, its note cut', () => {
    expect(toProgress({ done: 1 })).toEqual({ done: 1, total: null, note: null })
    expect(toProgress({ done: 1, total: 2, note: 'x'.repeat(1e6) })?.note).toHaveLength(500)
  })
  test.each([undefined, null, 1, {}, { done: -1 }, { done: Number.NaN }, { done: '1' }, { done: 1, total: 'x' }])(
    '%o is none',
    (update) => {
      expect(toProgress(update)).toBeUndefined()
    },
  )
})
