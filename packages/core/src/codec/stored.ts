/** Between codecs, which may throw anything, and the rest, which knows what it is told: limits, tags and error codes. */
import { QError } from '../error.ts'
import { messageOf } from '../show.ts'
import type { Encoded } from '../task/task.ts'
import type { Codec } from './codec.ts'

/** Default limit of one encoded payload or result: 1 MiB. */
export const DEFAULT_MAX_PAYLOAD_BYTES: number = 1024 * 1024
/** The largest limit that can be set: 64 MiB. */
export const LARGEST_PAYLOAD_BYTES: number = 64 * 1024 * 1024

/**
 * Encodes with a size limit; whatever the codec throws becomes `ERR_ENCODE`.
 * @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`
 */
export function encodeBounded<T>(codec: Codec<T>, value: T, maxBytes: number, queue: string): Encoded {
  let bytes: Uint8Array
  try {
    bytes = codec.encode(value)
  } catch (cause) {
    throw new QError('ERR_ENCODE', `queue "${queue}", codec "${codec.tag}": ${messageOf(cause)}`, { cause })
  }
  if (!(bytes instanceof Uint8Array))
    throw new QError(
      'ERR_ENCODE',
      `queue "${queue}": codec "${codec.tag}" must return a Uint8Array from encode, got ${typeof bytes}.`,
    )
  if (bytes.byteLength > maxBytes) {
    throw new QError(
      'ERR_PAYLOAD_TOO_LARGE',
      `queue "${queue}": the encoded value has ${bytes.byteLength} bytes, the limit is ${maxBytes}. Store large data elsewhere and push a reference, or raise maxPayloadBytes.`,
    )
  }
  return { codec: codec.tag, bytes }
}

/**
 * Decodes with the tag checked; whatever the codec throws becomes `ERR_DECODE`.
 * @throws QError `ERR_DECODE`
 */
export function decodeTagged<T>(codec: Codec<T>, encoded: Encoded, queue: string): T {
  if (encoded.codec !== codec.tag) {
    throw new QError(
      'ERR_DECODE',
      `queue "${queue}": stored with codec "${encoded.codec}", but this storage reads "${codec.tag}". Drain the queue with the old codec first, or give the new codec its own queue.`,
    )
  }
  try {
    return codec.decode(encoded.bytes)
  } catch (cause) {
    throw new QError('ERR_DECODE', `queue "${queue}", codec "${codec.tag}": ${messageOf(cause)}`, { cause })
  }
}

const CODEC_TAG = /^[a-z0-9.-]{1,32}$/

/**
 * Returns the codec, or throws.
 * @param where Names what it was given to.
 * @throws QError `ERR_OPTION`
 */
export function checkCodec<T>(where: string, codec: Codec<T>): Codec<T> {
  if (typeof codec?.encode === 'function' && typeof codec.decode === 'function' && CODEC_TAG.test(codec.tag))
    return codec
  throw new QError(
    'ERR_OPTION',
    `${where}: codec must have encode, decode and a tag of 1 to 32 characters out of a-z, 0-9, "-" and ".".`,
  )
}
