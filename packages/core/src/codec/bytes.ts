/** The codec for values that are bytes already. */
import { QError } from '../error.ts'
import type { Codec } from './codec.ts'

/**
 * Bytes as they are. Both ways make a copy: what the caller writes into its array later does not reach
 * the stored task, and what a handler is given is a plain `Uint8Array` of its own, never a window into a
 * larger buffer. `encode` throws QError `ERR_ENCODE` for anything but a `Uint8Array` (a `Buffer` is one).
 */
export const bytes: Codec<Uint8Array> = {
  tag: 'bytes',
  encode(value) {
    if (Object.prototype.toString.call(value) === '[object Uint8Array]' && ArrayBuffer.isView(value))
      return new Uint8Array(value)
    throw new QError(
      'ERR_ENCODE',
      `the bytes codec takes a Uint8Array, got ${value === null ? 'null' : typeof value}. For text use new TextEncoder().encode(text).`,
    )
  },
  decode: (stored) => new Uint8Array(stored),
}
