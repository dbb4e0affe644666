import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { json } from '../../src/codec/json.ts'
import { failure } from '../failure.ts'

const utf8 = new TextEncoder()
const text = (value: unknown): string => new TextDecoder().decode(json.encode(value))
const back = (value: unknown): unknown => json.decode(json.encode(value))
const refusal = (value: unknown): string => failure('ERR_ENCODE', () => json.encode(value)).message

class Point {
  x = 1
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let at = 0; at < depth; at++) value = at % 2 === 0 ? [value] : { value }
  return value
}

describe('json brings back', () => {
  test.each<[unknown]>([
    [null],
    [true],
    [false],
    [0],
    [-1.5],
    [1e300],
    [Number.MIN_VALUE],
    [Number.MAX_SAFE_INTEGER],
    [''],
    ['plain'],
    ['quote " backslash \\ slash / newline \n NUL \0 line separator \u2028 delete \u007f'],
    ['wörld 日本 😀'],
    ['x'.repeat(10_000)],
    ['日'.repeat(10_000)],
    [[]],
    [{}],
    [[[], {}, [null]]],
    [{ a: { b: { c: [1, 2, { d: 'e' }] } }, '': 1, 'ö "key"': 2, 1: 3 }],
    [{ constructor: 1, toString: 2, hasOwnProperty: 3, toJSON: 4 }],
  ])('%j', (value) => {
    expect(back(value)).toEqual(value)
    expect(JSON.parse(text(value))).toEqual(value)
  })

  test('minus zero as minus zero', () => {
    expect(back({ zero: [-0] })).toEqual({ zero: [-0] })
  })

  test('strings on both sides of every internal limit', () => {
    for (const length of [63, 64, 65, 2_729, 2_730, 2_731, 8_191, 8_192, 8_193]) {
      for (const unit of ['x', '"', 'ä', '日', '😀']) {
        const value = unit.repeat(length)
        expect(back(value)).toBe(value)
      }
    }
  })

  test('the same text as JSON.stringify, without spaces and in the order of the keys', () => {
    const value = { b: 1, a: [true, null, 'x'], 2: 'first', n: -1.25e-7 }
    expect(text(value)).toBe(JSON.stringify(value))
  })

  test('a value that appears twice, as two', () => {
    const shared = { n: 1 }
    const decoded = back([shared, shared]) as object[]
    expect(decoded).toEqual([{ n: 1 }, { n: 1 }])
    expect(decoded[0]).not.toBe(decoded[1])
  })

  test('an object without a prototype, as a plain one', () => {
    expect(back(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 })
  })

  test('objects and arrays of another realm', () => {
    expect(back(runInNewContext('({ list: [1, { a: 2 }] })'))).toEqual({ list: [1, { a: 2 }] })
  })

  test('an object without its undefined properties: they are absent', () => {
    expect(text({ a: undefined, b: 1, c: undefined, d: 2 })).toBe('{"b":1,"d":2}')
    expect(text({ a: undefined })).toBe('{}')
  })

  test('an object without its hidden properties: they are not data', () => {
    expect(text(Object.defineProperty({ a: 1 }, 'hidden', { value: 2, enumerable: false }))).toBe('{"a":1}')
  })

  test('256 levels', () => {
    expect(back(nested(256))).toEqual(nested(256))
  })

  test('more keys than are remembered', () => {
    const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`key-${n}`, n]))
    expect(back(many)).toEqual(many)
    expect(back(many)).toEqual(many)
  })
})

describe('json keeps a __proto__ key', () => {
  const hostile = '{"__proto__":{"admin":true},"a":{"__proto__":1}}'

  test('as an ordinary key when reading', () => {
    const decoded = json.decode(utf8.encode(hostile)) as Record<string, unknown>
    expect(Object.keys(decoded)).toEqual(['__proto__', 'a'])
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect(decoded['admin']).toBeUndefined()
  })

  test('as an ordinary key when writing', () => {
    expect(text(JSON.parse(hostile))).toBe(hostile)
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })
})

describe('json refuses, with the path', () => {
  test.each([
    ['NaN', { items: [1, 2, 3, { price: NaN }] }, '$.items[3].price: NaN is not JSON'],
    ['Infinity', [Infinity], '$[0]: Infinity is not JSON'],
    ['-Infinity', -Infinity, '$: -Infinity is not JSON'],
    ['a BigInt', { id: 1n }, '$.id: a BigInt is not JSON. Store it as a string: value.toString()'],
    ['a function', { run: () => 1 }, '$.run: a function is not JSON'],
    ['a symbol', [Symbol('s')], '$[0]: a symbol is not JSON'],
    ['undefined', undefined, '$: undefined is not JSON. Use null'],
    ['undefined in an array', { a: [1, undefined] }, '$.a[1]: undefined is not JSON. Use null'],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole', [1, , 3], '$[1]: a hole in an array is not JSON'],
    ['an array of holes', Object.assign([], { length: 1e9 }), '$[0]: a hole in an array is not JSON'],
    ['a lone high surrogate', 'a\ud800b', '$: a string with a lone surrogate'],
    ['a lone low surrogate', ['\udc00'], '$[0]: a string with a lone surrogate'],
    ['a long string with one', { s: 'x'.repeat(1_000) + '\ud800' }, '$.s: a string with a lone'],
    ['a key with one', { a: { '\ud800': 1 } }, '$.a["\\ud800"]: a string with a lone surrogate'],
    ['a Date', { at: new Date(0) }, '$.at: a Date is not JSON. To store it, use value.toISOString()'],
    ['a Map', new Map(), '$: a Map is not JSON. To store it, use Object.fromEntries(value)'],
    ['a Set', [new Set()], '$[0]: a Set is not JSON. To store it, use [...value]'],
    ['an Error', { e: new TypeError('x') }, '$.e: a TypeError is not JSON'],
    ['a RegExp', /x/, '$: a RegExp is not JSON'],
    ['a Promise', { p: Promise.resolve(1) }, '$.p: a Promise is not JSON. To store it, await it'],
    ['a typed array', { b: new Uint8Array(2) }, '$.b: an Uint8Array is not JSON. To store it, use Array'],
    ['a Buffer', Buffer.from('x'), '$: a Buffer is not JSON. To store it, use Array.from(value)'],
    ['an ArrayBuffer', new ArrayBuffer(2), '$: an ArrayBuffer is not JSON'],
    ['a boxed string', [new String('x')], '$[0]: a String is not JSON'],
    ['a class instance', { p: new Point() }, '$.p: a Point is not JSON. To store it, pass a plain obj'],
    ['an heir of a plain object', Object.create({ a: 1 }), '$: an Object is not JSON'],
    ['an array of a class', new (class List extends Array {})(), '$: a List is not JSON'],
    ['a match of a RegExp', /a/.exec('a'), '$: an array with named properties is not JSON'],
    ['a symbol key', { a: { [Symbol('s')]: 1 } }, '$.a: a property with a symbol as its key'],
    ['a symbol key on an array', Object.assign([1], { [Symbol('s')]: 1 }), '$: a property with a symbol'],
    ['257 levels', nested(257), 'nested deeper than 256 levels'],
    ['an odd key', { 'a b': { [`${'k'.repeat(99)}`]: NaN } }, `$["a b"]["${'k'.repeat(60)}…"]: NaN`],
  ])('%s', (_, value, message) => {
    expect(refusal(value)).toContain(message)
  })

  test('a toJSON method, instead of calling it', () => {
    expect(refusal({ toJSON: () => 'something else' })).toContain('$.toJSON: a function is not JSON')
    expect(refusal(Object.assign([1], { toJSON: () => [2] }))).toContain('named properties')
  })

  test('a toJSON method on Array.prototype is not called either', () => {
    Object.defineProperty(Array.prototype, 'toJSON', { value: () => 'no', configurable: true })
    try {
      expect(text([1, 'a', 'b"'])).toBe('[1,"a","b\\""]')
    } finally {
      Reflect.deleteProperty(Array.prototype, 'toJSON')
    }
  })

  test('a cycle, naming both ends', () => {
    const order: Record<string, unknown> = { items: [{}] }
    Object.assign((order['items'] as object[])[0]!, { order })
    expect(refusal({ order })).toBe(
      '$.order.items[0].order: refers back to $.order, and JSON has no cycles. Store an id instead.',
    )
    const self: unknown[] = []
    self.push(self)
    expect(refusal(self)).toContain('$[0]: refers back to $, and')
  })

  test('an accessor that throws, whatever it throws', () => {
    const throwing = (thrown: unknown): object => ({
      get a(): unknown {
        throw thrown
      },
    })
    const proxy = new Proxy({}, { get: () => expect.fail('unreachable'), getPrototypeOf: throwIt })
    function throwIt(): never {
      throw proxy
    }
    expect(refusal([throwing(new Error('no'))])).toContain('$[0].a: reading it threw: no.')
    expect(refusal(throwing(null))).toContain('$.a: reading it threw: null')
    expect(refusal(throwing(proxy))).toContain('$.a: reading it threw: something that cannot')
    expect(refusal(throwing('\ud800'))).toContain('\ufffd')
    expect(refusal(proxy)).toContain('$: reading it threw')
  })

  test('a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal({ proxy })).toContain('$.proxy: reading it threw')
    expect(refusal(proxy)).toContain('$: reading it threw')
  })

  test('references that would multiply without end', () => {
    let value: unknown = 'x'.repeat(1_000)
    for (let at = 0; at < 60; at++) value = [value, value]
    expect(refusal(value)).toContain('more than 67108864 characters')
  })

  test('a path too long to show, cut', () => {
    expect(refusal(nested(300)).length).toBeLessThan(500)
  })
})

test('json reads an accessor once, so that what was checked is what is written', () => {
  let reads = 0
  const shifty = {
    get price() {
      reads += 1
      return reads === 1 ? 1 : NaN
    },
  }
  expect(text(shifty)).toBe('{"price":1}')
})

test('json writes what is encoded while it encodes', () => {
  const outer = {
    get inner() {
      return text({ deep: 'x'.repeat(100) })
    },
  }
  expect(back(outer)).toEqual({ inner: `{"deep":"${'x'.repeat(100)}"}` })
})

test('json gives every caller bytes of its own', () => {
  const first = json.encode('first')
  json.encode('second')
  expect(first.buffer.byteLength).toBe(first.byteLength)
  expect(json.decode(first)).toBe('first')
})

describe('json does not read', () => {
  test.each([
    ['an overlong form', [0x22, 0xc0, 0x80, 0x22], 'are not UTF-8'],
    ['a cut sequence', [0x22, 0xe6, 0x97], 'are not UTF-8'],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22], 'are not UTF-8'],
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x31], 'are not JSON'],
    ['nothing', [], 'are not JSON'],
    ['half an object', [0x7b], 'are not JSON'],
    ['two values', [0x31, 0x20, 0x31], 'are not JSON'],
    ['NaN', [0x4e, 0x61, 0x4e], 'are not JSON'],
  ])('%s', (_, stored, message) => {
    const read = (): unknown => json.decode(Uint8Array.from(stored))
    expect(failure('ERR_DECODE', read).message).toContain(message)
    expect(json.decode(utf8.encode('"ä"')), 'the next one is fine').toBe('ä')
  })
})
