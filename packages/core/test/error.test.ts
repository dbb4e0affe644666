import { expect, test } from 'vitest'
import type { ErrorCode } from '../src/error.ts'
import { ERROR_CODES, isQError, QError } from '../src/error.ts'
import { AbortError } from '../src/steer.ts'

test('every code is written ERR_…, says whether it is retryable and has a cause in a sentence', () => {
  for (const [code, { retryable, cause }] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^ERR_[A-Z_]+$/)
    expect(typeof retryable).toBe('boolean')
    expect(cause).toMatch(/^[A-Z].*\.$/)
  }
})

test('an error carries its code, whether it is retryable, and its cause', () => {
  const cause = new Error('socket')
  const error = new QError('ERR_BACKEND_UNAVAILABLE', 'gone', { cause })
  expect(error).toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE', retryable: true, cause })
  expect(new QError('ERR_OPTION', 'x').retryable).toBe(false)
})

test('isQError goes by the code, so that a copy of this package is understood', () => {
  const foreign = Object.assign(new Error('x'), { code: 'ERR_CLOSED', retryable: false })
  expect(isQError(foreign)).toBe(true)
  expect(isQError(foreign, 'ERR_CLOSED')).toBe(true)
  expect(isQError(foreign, 'ERR_OPTION')).toBe(false)
  expect(isQError(new QError('ERR_OPTION', 'x'), 'ERR_OPTION')).toBe(true)
})

test.each<[unknown]>([
  [new Error('x')],
  [Object.assign(new Error('x'), { code: 'ENOENT' })],
  [Object.assign(new Error('x'), { code: 'ERR_UNKNOWN', retryable: true })],
  [Object.assign(new Error('x'), { code: 'toString', retryable: true })],
  [{ code: 'ERR_CLOSED', retryable: true }],
  ['ERR_CLOSED'],
  [null],
  [undefined],
])('isQError is false for %s', (thrown) => {
  expect(isQError(thrown)).toBe(false)
  expect(isQError(thrown, 'ERR_TIMEOUT' satisfies ErrorCode)).toBe(false)
})

test('an AbortError takes an error or a sentence', () => {
  const cause = new Error('no such customer')
  expect(new AbortError(cause)).toMatchObject({ message: 'no such customer', cause })
  expect(new AbortError('gone')).toMatchObject({
    name: 'AbortError',
    code: 'ERR_ABORT',
    message: 'gone',
  })
})
