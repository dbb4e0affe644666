import { expect, test } from 'vitest'
import { bytes } from '../../src/codec/bytes.ts'
import { failure } from '../failure.ts'

test('bytes come back as they went in', () => {
  const value = Uint8Array.of(0, 1, 254, 255)
  expect(bytes.decode(bytes.encode(value))).toEqual(value)
})

test('bytes are copied on the way in and on the way out', () => {
  const given = Uint8Array.of(1, 2)
  const stored = bytes.encode(given)
  const read = bytes.decode(stored)
  given[0] = 9
  expect(stored).toEqual(Uint8Array.of(1, 2))
  stored[1] = 9
  expect(read).toEqual(Uint8Array.of(1, 2))
})

test('a Buffer becomes a Uint8Array of its own, not a window into the pool', () => {
  const stored = bytes.encode(Buffer.from('abc'))
  expect(Buffer.isBuffer(stored)).toBe(false)
  expect(stored.buffer.byteLength).toBe(3)
})

test.each<[unknown]>([['text'], [1], [null], [undefined], [[1]], [new Uint16Array(1)], [new ArrayBuffer(1)]])(
  'bytes refuses %s',
  (value) => {
    expect(failure('ERR_ENCODE', () => bytes.encode(value as Uint8Array)).message).toContain('takes a Uint8Array')
  },
)
