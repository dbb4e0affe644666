/** The default codec: strict JSON, which comes back as it went in or does not go in at all. */
import { QError } from '../error.ts'
import type { Codec } from './codec.ts'
import { describeRefusal } from './json-refusal.ts'
import { writeJson } from './json-write.ts'

/**
 * Strict JSON in UTF-8.
 *
 * Takes `null`, booleans, finite numbers (-0 included), well-formed strings, plain arrays and plain
 * objects, nested at most 256 deep. Everything that JSON would change or drop is refused with its path:
 * NaN, Infinity, BigInt, functions, symbols, `undefined` in arrays or as the whole value, holes, lone
 * surrogates, cycles, class instances (Date, Map, Set, Error, typed arrays …), symbol keys and accessors
 * that throw. A property that is `undefined` counts as absent; `toJSON` is not called; properties that are
 * not enumerable are not data. The same object may appear twice; it comes back as two. A `__proto__` key
 * is an ordinary key, both ways.
 *
 * `encode` throws QError `ERR_ENCODE`, `decode` QError `ERR_DECODE`.
 */
export const json: Codec<unknown> = { tag: 'json', encode, decode }

function encode(value: unknown): Uint8Array {
  let text: string
  try {
    text = writeJson(value)
  } catch (thrown) {
    throw new QError('ERR_ENCODE', describeRefusal(thrown))
  }
  return toUtf8(text)
}

const encoder = new TextEncoder()
/** `encode` costs a second allocation for what is small; `encodeInto` and a slice do not. */
const scratch = new Uint8Array(8_192)
const MOST_BYTES_PER_UNIT = 3

function toUtf8(text: string): Uint8Array {
  if (text.length * MOST_BYTES_PER_UNIT > scratch.length) return encoder.encode(text)
  return scratch.slice(0, encoder.encodeInto(text, scratch).written)
}

/** A byte order mark is not JSON: kept, so that it is refused. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch (cause) {
    throw new QError(
      'ERR_DECODE',
      `the ${bytes.byteLength} stored bytes are not UTF-8. Were they written by another codec?`,
      { cause },
    )
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new QError('ERR_DECODE', `the stored bytes are not JSON: ${(cause as Error).message}`, {
      cause,
    })
  }
}
