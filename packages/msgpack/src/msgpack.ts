/** MessagePack as a codec: what JSON cannot keep, in fewer bytes. The library is msgpackr. */
import type { Codec } from '@q/core'
import { QError } from '@q/core'
import { Packr } from 'msgpackr'
import { refusal } from './refusal.ts'

/** Each message carries the shapes of its own objects: any process can read it alone. */
const packr = new Packr({ structuredClone: true })

const codec: Codec<unknown> = Object.freeze({ tag: 'msgpack', encode, decode })

/**
 * The codec for queues whose args or results hold more than JSON has.
 *
 * ```ts
 * const readings = new PostgresStorage<Reading>({ pool, queue: 'readings', codec: msgpack() })
 * ```
 *
 * Takes what JSON takes and also `undefined`, NaN, infinities, bigints of any size, `Date`, `Map`, `Set`, `RegExp`,
 * `ArrayBuffer`, typed arrays and `DataView`, cycles and the same object in several places. What would not come back
 * as it was is refused with its path: functions, symbols, instances of other classes and of subclasses (`Buffer`
 * is one), errors, lone surrogates, holes, properties added to arrays, maps and the like, hidden ones, a key named `__proto__`. What was
 * added to a typed array is not looked for. Negative zero comes back as zero, an object without prototype as a plain one.
 *
 * `encode` throws QError `ERR_ENCODE`; `decode` throws whatever the library throws, which becomes `ERR_DECODE`.
 */
export function msgpack<T = unknown>(): Codec<T> {
  return codec as Codec<T>
}

function encode(value: unknown): Uint8Array {
  const refused = refusal(value)
  if (refused !== undefined) throw new QError('ERR_ENCODE', refused)
  // A copy: the library hands out a window into a buffer that it goes on using.
  return new Uint8Array(packr.pack(value))
}

function decode(bytes: Uint8Array): unknown {
  return packr.unpack(bytes)
}
