/**
 * Time-ordered ids: UUID version 7, strictly increasing within one process.
 *
 * The 12 bits after the timestamp are a counter, so that ids made in the same millisecond keep
 * the order in which they were made. Source: RFC 9562 §5.7 and §6.2 (method 1).
 */
import { QError } from './error.ts'
import { show } from './show.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const RANDOM_BYTES = 8
const POOL = new Uint8Array(RANDOM_BYTES * 256)
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

let poolAt = POOL.length
let lastMs = 0
let counter = 0

/**
 * A new UUIDv7. Larger than every id made before it in this process, even when the clock steps back.
 * @param nowMs Milliseconds since the epoch; for tests and virtual clocks.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    counter = 0
  } else if (++counter > 0xfff) {
    lastMs += 1
    counter = 0
  }
  if (poolAt === POOL.length) {
    crypto.getRandomValues(POOL)
    poolAt = 0
  }
  const at = poolAt
  poolAt += RANDOM_BYTES
  const time = lastMs.toString(16).padStart(12, '0')
  const count = counter.toString(16).padStart(3, '0')
  const byte = (index: number): string => HEX[POOL[at + index]!]!
  const variant = HEX[0x80 | (POOL[at]! & 0x3f)]!
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${variant}${byte(1)}-` +
    `${byte(2)}${byte(3)}${byte(4)}${byte(5)}${byte(6)}${byte(7)}`
  )
}

/** Whether it is a UUID of any version, in lower case. */
export function isUuid(id: unknown): id is string {
  return typeof id === 'string' && UUID.test(id)
}

/**
 * Checks an id that a caller gave and returns it in lower case.
 * @param advice What to do about a wrong one.
 * @throws QError `ERR_TASK_ID` when it is not a UUID of any version.
 */
export function checkTaskId(id: unknown, advice: string = 'Pass what a push returned as receipt.id.'): string {
  const lower = typeof id === 'string' ? id.toLowerCase() : ''
  if (!UUID.test(lower)) {
    throw new QError(
      'ERR_TASK_ID',
      `A task id must be a UUID such as "01890a5d-ac96-774b-bcce-b302099a8057", got ${show(id)}. ${advice}`,
    )
  }
  return lower
}
