import { isQError } from '@q/core'
import { MemoryStorage } from '@q/core/memory'
import { describe, expect, test } from 'vitest'
import { msgpack } from '../src/index.ts'

const codec = msgpack()
const again = (value: unknown): unknown => codec.decode(codec.encode(value))

class Money {
  readonly cents = 5
}

class Registry extends Map<string, number> {}
class Day extends Date {}
class Row extends Array<number> {}
class Bytes extends Uint8Array {}

describe('msgpack', () => {
  test.each<[string, unknown]>([
    ['JSON', { a: [1, 'two', null, true, { b: -1.5 }] }],
    ['undefined', { a: undefined, b: [undefined] }],
    ['the whole value undefined', undefined],
    ['numbers that JSON lacks', [NaN, Infinity, -Infinity, 2 ** 53 - 1]],
    ['bigints', [5n, -5n, 2n ** 70n, -(2n ** 200n)]],
    ['dates', new Date(Date.UTC(2026, 0, 1))],
    [
      'maps with any keys',
      new Map<unknown, unknown>([
        [1, 'a'],
        [{ x: 1 }, new Map([['y', 2]])],
      ]),
    ],
    ['sets', new Set([1, 'a'])],
    ['bytes and typed arrays', [Uint8Array.of(1, 255), Float64Array.of(1.1), new ArrayBuffer(2)]],
    ['regular expressions', /a+/gi],
    ['long text of any script', '\u{1F600}ü'.repeat(40_000)],
    ['keys that objects inherit', { constructor: 1, toString: 'x' }],
  ])('brings back %s', (_name, value) => {
    expect(again(value)).toEqual(value)
  })

  test('brings back cycles and shared objects as such', () => {
    const shared = { n: 1 }
    const value: Record<string, unknown> = { a: shared, b: shared }
    value['self'] = value
    const back = again(value) as Record<string, unknown>
    expect(back['self']).toBe(back)
    expect(back['a']).toBe(back['b'])
  })

  test.each<[unknown, string]>([
    [{ a: [() => 1] }, '$.a[0]: a function'],
    [{ a: Symbol('x') }, '$.a: a symbol'],
    [{ a: new Money() }, '$.a: a Money'],
    [new Map([['k', new Money()]]), '$.get(…): a Money'],
    [new Set([new Error('x')]), '$.item: a Error'],
    [new URL('https://example.com'), '$: a URL'],
    ['\ud800', '$: a lone surrogate'],
    [{ '\ud800': 1 }, '$: a key with a lone surrogate'],
    // oxlint-disable-next-line no-sparse-arrays -- holes are the subject
    [[1, , 2], '$[1]: a hole'],
    [JSON.parse('{"__proto__":1}'), '$: a key named "__proto__"'],
    [{ [Symbol('x')]: 1 }, '$: a key that is a symbol'],
    [{ a: new Registry([['x', 1]]) }, '$.a: a Registry'],
    [new (class Tags extends Set<string> {})(), '$: a Tags'],
    [new Day(5), '$: a Day'],
    [Row.of(1, 2), '$: a Row'],
    [new Bytes(2), '$: a Bytes'],
    [Buffer.from('ab'), '$: a Buffer'],
    [[new Number(1)], '$[0]: a Number'],
    [Object.assign([1, 2], { total: 3 }), '$: the property total of a Array'],
    [Object.assign(new Map(), { name: 'x' }), '$: the property name of a Map'],
    [Object.assign(new Date(5), { zone: 'UTC' }), '$: the property zone of a Date'],
    [Object.assign(/a/g, { lastIndex: 3 }), '$: a RegExp that stands in the middle of a text'],
    [Object.defineProperty({}, 'secret', { value: 1 }), '$.secret: a hidden property'],
  ])('refuses %j and says where it is', (value, message) => {
    let error: unknown
    try {
      codec.encode(value)
    } catch (thrown) {
      error = thrown
    }
    expect(isQError(error, 'ERR_ENCODE')).toBe(true)
    expect((error as Error).message).toContain(message)
  })

  test('is read alone: no message depends on one before it', () => {
    const messages = [
      { a: 1, b: 2 },
      { b: 1, a: 2 },
      { a: 3, b: 4 },
    ].map((value) => codec.encode(value))
    expect(messages.toReversed().map((bytes) => codec.decode(bytes))).toEqual([
      { a: 3, b: 4 },
      { b: 1, a: 2 },
      { a: 1, b: 2 },
    ])
  })

  test('gives bytes of their own, which later calls leave alone', () => {
    const first = codec.encode('first')
    const before = [...first]
    for (let n = 0; n < 100; n++) codec.encode('x'.repeat(500))
    expect([...first]).toEqual(before)
    expect(first.buffer.byteLength).toBe(first.byteLength)
  })

  test.each([[[0x92, 1]], [[1, 2]], [[]]])('throws for %j, which is no message', (bytes) => {
    expect(() => codec.decode(Uint8Array.from(bytes))).toThrow()
  })
})

test('a queue keeps dates and maps with it', async () => {
  const readings = new MemoryStorage<{ at: Date; values: Map<string, number> }>({ codec: msgpack() })
  const args = { at: new Date(5), values: new Map([['celsius', 21.5]]) }
  const { id } = await readings.push(args)
  expect((await readings.fetchById(id))?.args).toEqual(args)
})
