/** Payloads of the engine's own: what is in them, and what is said beside them. */
import { describe, expect, it } from 'vitest'
import { decodeRef, encodeRef } from '../../src/engine/refs.ts'
import { unwrap, wrap } from '../../src/engine/wrap.ts'

const payload = (text: string, codec = 'q/ref') => ({ codec, bytes: new TextEncoder().encode(text) })

describe('an instruction', () => {
  it('is read as it was written', () => {
    for (const ref of [
      { kind: 'join' },
      { kind: 'output', of: 'x' },
      { kind: 'undo', nodes: ['a'], partial: true },
    ] as const)
      expect(decodeRef(encodeRef(ref))).toEqual(ref)
    expect(decodeRef(payload('{"kind":"join"}', 'json'))).toBeUndefined()
  })

  it.each([
    '{"kind":',
    'null',
    '[]',
    '{}',
    '{"kind":"else"}',
    '{"kind":"slice"}',
    '{"kind":"slice","map":{},"slice":0}',
    '{"kind":"undo","nodes":[1]}',
    '{"kind":"output"}',
  ])('is refused where it is none: %s', (text) => {
    expect(() => decodeRef(payload(text))).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
  })
})

describe('what is said of a payload', () => {
  it('comes back with the payload, whatever its codec and its words are', () => {
    const value = payload('1', 'a codec with spaces')
    for (const said of [
      {},
      { priority: -7 },
      { origin: { hash: 'g1-0', version: null } },
      { origin: { hash: 'g1-0', version: '' }, priority: 0 },
      { origin: { hash: 'g1 %', version: '1.0 =\ud800'.toWellFormed() }, priority: 100 },
    ]) {
      const wrapped = wrap(value, said)
      expect(unwrap(wrapped)).toEqual({ payload: value, said })
      expect(unwrap(wrap(wrapped, { priority: 1 }))).toEqual({ payload: value, said: { priority: 1 } })
    }
  })

  it('does not hide an instruction, and is never too broken to be read', () => {
    expect(decodeRef(wrap(encodeRef({ kind: 'join' }), { priority: 3 }))).toEqual({ kind: 'join' })
    for (const codec of ['q/of ', 'q/of %', 'q/of % %E0 x y', 'q/of'])
      expect(() => unwrap(payload('', codec))).not.toThrow()
  })
})
