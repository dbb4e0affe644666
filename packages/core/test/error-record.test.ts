import { describe, expect, test } from 'vitest'
import type { ErrorRecord } from '../src/error-record.ts'
import { toErrorRecord } from '../src/error-record.ts'
import { QError } from '../src/error.ts'

const throwing = (): never => {
  throw new Error('hostile')
}

/** A Proxy of which every operation throws. */
const hostileProxy = new Proxy({}, new Proxy({}, { get: () => throwing }) as ProxyHandler<Record<string, never>>)

function causes(record: ErrorRecord): ErrorRecord[] {
  return record.cause === undefined ? [record] : [record, ...causes(record.cause)]
}

/** Every record must be plain, bounded, storable JSON. */
function checked(thrown: unknown): ErrorRecord {
  const record = toErrorRecord(thrown)
  const text = JSON.stringify(record)
  expect(JSON.parse(text)).toEqual(record)
  expect(new TextEncoder().encode(text).byteLength).toBeLessThan(600_000)
  for (const each of causes(record)) {
    for (const value of [each.name, each.message, each.code ?? '', each.stack ?? '']) {
      expect(typeof value).toBe('string')
      expect(value.isWellFormed()).toBe(true)
      expect(value).not.toContain('\0')
    }
    expect(each.name.length).toBeLessThanOrEqual(200)
    expect(each.message.length).toBeLessThanOrEqual(8_192)
  }
  return record
}

describe('toErrorRecord keeps', () => {
  test('name, message, code and stack', () => {
    const record = checked(new QError('ERR_TIMEOUT', 'too slow'))
    expect(record).toMatchObject({ name: 'QError', message: 'too slow', code: 'ERR_TIMEOUT' })
    expect(record.stack).toContain('error-record.test.ts')
  })

  test('codes of systems and of Postgres', () => {
    expect(checked(Object.assign(new Error('x'), { code: 'ECONNRESET' })).code).toBe('ECONNRESET')
    expect(checked(Object.assign(new Error('x'), { code: '40001' })).code).toBe('40001')
    expect(checked(Object.assign(new Error('x'), { code: 57 })).code).toBe('57')
    expect(checked(Object.assign(new Error('x'), { code: {} })).code).toBeUndefined()
  })

  test('the chain of causes', () => {
    const error = new Error('a', { cause: new TypeError('b', { cause: 'c' }) })
    expect(causes(checked(error)).map(({ name, message }) => `${name}: ${message}`)).toEqual([
      'Error: a',
      'TypeError: b',
      'string: c',
    ])
  })

  test('the class of an error', () => {
    class PaymentError extends Error {
      override name = 'PaymentError'
    }
    expect(checked(new PaymentError('x')).name).toBe('PaymentError')
  })
})

test.each<[string, unknown, Partial<ErrorRecord>]>([
  ['a string', 'no', { name: 'string', message: 'no' }],
  ['an empty string', '', { name: 'string', message: '' }],
  ['undefined', undefined, { name: 'undefined', message: 'undefined' }],
  ['null', null, { name: 'null', message: 'null' }],
  ['a number', NaN, { name: 'number', message: 'NaN' }],
  ['a bigint', 1n, { name: 'bigint', message: '1' }],
  ['a symbol', Symbol('s'), { name: 'symbol', message: 'Symbol(s)' }],
  ['a function', () => 1, { name: 'function' }],
  ['a plain object', { a: 1 }, { name: 'Object', message: '{"a":1}' }],
  ['an error-like object', { name: 'E', message: 'm' }, { name: 'E', message: 'm' }],
  ['an object without a prototype', Object.create(null), { name: 'Error', message: '{}' }],
  ['an array', [1], { name: 'Array', message: '[1]' }],
  ['an object with a BigInt', { a: 1n }, { message: 'a thrown object that cannot be read' }],
  ['an error without a message', new Error(), { name: 'Error' }],
])('toErrorRecord describes %s', (_, thrown, expected) => {
  expect(checked(thrown)).toMatchObject(expected)
})

describe('toErrorRecord survives', () => {
  test('getters that throw', () => {
    const error = new Error('x')
    for (const key of ['name', 'message', 'stack', 'cause', 'code', 'constructor', 'toJSON'])
      Object.defineProperty(error, key, { get: throwing })
    expect(checked(error).message).toBe('a thrown object that cannot be read')
  })

  test('a proxy that refuses everything, also as a cause', () => {
    expect(checked(hostileProxy).name).toBe('Error')
    expect(checked(new Error('x', { cause: hostileProxy })).cause?.name).toBe('Error')
  })

  test('a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
    revoke()
    checked(proxy)
  })

  test('a function with a hostile toString', () => {
    checked(Object.assign(() => 1, { toString: throwing }))
  })

  test('causes that run in a circle: five are kept', () => {
    const a = new Error('a')
    a.cause = new Error('b', { cause: a })
    expect(causes(checked(a)).map(({ message }) => message)).toEqual(['a', 'b', 'a', 'b', 'a'])
  })

  test('a new cause at every look', () => {
    class Endless extends Error {
      override get cause(): unknown {
        return new Endless('more')
      }
    }
    expect(causes(checked(new Endless('first')))).toHaveLength(5)
  })

  test('a message and a stack of 50 MB, quickly', () => {
    const endless = '\0'.repeat(50 * 1024 * 1024)
    const error = Object.assign(new Error(endless), { stack: endless, name: endless })
    const started = performance.now()
    const record = checked(error)
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(record.message).toHaveLength(8_192)
    expect(record.stack).toHaveLength(32_768)
    expect(checked(new Error('x', { cause: error })).cause?.stack).toHaveLength(2_048)
    expect(checked(endless).message).toHaveLength(8_192)
  })

  test('NUL and lone surrogates, also where the cut splits a pair', () => {
    expect(checked(new Error('a\0b\ud800c')).message).toBe('a\ufffdb\ufffdc')
    expect(checked(new Error('x'.repeat(8_191) + '😀')).message.at(-1)).toBe('\ufffd')
    expect(checked({ name: '\udfff\0', message: 'm', code: '\0' })).toMatchObject({
      name: '\ufffd\ufffd',
      code: '\ufffd',
    })
  })

  test('properties of the wrong type', () => {
    const odd = { name: 5, message: { a: 1 }, stack: [], code: Symbol('s'), cause: null }
    expect(checked(odd)).toMatchObject({ name: '5' })
    expect(checked(odd)).not.toHaveProperty('cause')
  })
})
