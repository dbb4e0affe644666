/**
 * Arrays of bytes in Postgres's binary format.
 *
 * As text each payload would become hexadecimal twice its size inside one long string; a bulk push then peaks at
 * over 100 MB more. Layout: dimensions, has-nulls, element type, length and lower bound, then each element with
 * its length before it (src/backend/utils/adt/arrayfuncs.c, array_recv).
 */

const BYTEA_OID = 17
const HEADER_BYTES = 20
const LENGTH_BYTES = 4

/** A parameter as it is best sent: an array of buffers as one buffer, anything else unchanged. */
export function toWire(value: unknown): unknown {
  return isBuffers(value) ? byteaArray(value) : value
}

function isBuffers(value: unknown): value is readonly (Buffer | null)[] {
  return Array.isArray(value) && value.some((item) => Buffer.isBuffer(item))
}

function byteaArray(items: readonly (Buffer | null)[]): Buffer {
  const size = items.reduce((sum, item) => sum + LENGTH_BYTES + (item?.byteLength ?? 0), HEADER_BYTES)
  const wire = Buffer.allocUnsafe(size)
  wire.writeInt32BE(1, 0)
  wire.writeInt32BE(items.includes(null) ? 1 : 0, 4)
  wire.writeInt32BE(BYTEA_OID, 8)
  wire.writeInt32BE(items.length, 12)
  wire.writeInt32BE(1, 16)
  let at = HEADER_BYTES
  for (const item of items) {
    at = wire.writeInt32BE(item?.byteLength ?? -1, at)
    if (item !== null) at += item.copy(wire, at)
  }
  return wire
}
