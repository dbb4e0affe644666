/**
 * How many tasks to claim: enough to hide the round trip, no more than can soon be started.
 *
 * With slots that are busy for `mean` each, `concurrency / mean` tasks start per millisecond; over two
 * round trips that many must be at hand. For tasks much longer than a round trip this rounds to
 * none, and only free slots are claimed for; others can have the rest. From a cold start nothing is
 * known and growth is fast but stepwise: a claim that came back full may be followed by one four times as large.
 * Large payloads are claimed ahead only as far as memory allows, by what those before them weighed.
 */

/** Most tasks of one claim. */
const MAX_CLAIM = 1_000
/** A round trip is taken as at least this long, in milliseconds: clocks show no less. */
const MIN_ROUND_TRIP_MS = 1
/** A task is taken as at least this long, in milliseconds. */
const MIN_MEAN_MS = 0.01
/** Round trips to hide. */
const AHEAD = 2
const GROWTH = 4
/** What waits to be started should not weigh more than this: 16 MiB. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024
/** Weight of a new sample in the running means. */
const WEIGHT = 0.05
const ROUND_TRIP_WEIGHT = 0.2
const BYTES_WEIGHT = 0.2

/** Measures and answers, for one worker. */
export class Demand {
  readonly #concurrency: number
  readonly #bufferSize: number
  #meanMs = 0
  #samples = 0
  #roundTripMs = MIN_ROUND_TRIP_MS
  #meanBytes = 0
  #ceiling: number
  #depth = 0

  constructor(concurrency: number, bufferSize: number) {
    this.#concurrency = concurrency
    this.#bufferSize = bufferSize
    this.#ceiling = Math.min(MAX_CLAIM, concurrency)
  }

  /** The estimated round trip of a claim in milliseconds. */
  get roundTripMs(): number {
    return this.#roundTripMs
  }

  /** An attempt took this long. */
  ended(durationMs: number): void {
    this.#samples += 1
    this.#meanMs += (durationMs - this.#meanMs) * Math.max(WEIGHT, 1 / this.#samples)
  }

  /**
   * A claim came back.
   * @param bytes What the tasks weigh together.
   */
  claimed(asked: number, got: number, durationMs: number, bytes: number): void {
    if (got > 0) this.#weighed(bytes / got)
    this.#roundTripMs += (Math.max(durationMs, MIN_ROUND_TRIP_MS) - this.#roundTripMs) * ROUND_TRIP_WEIGHT
    if (got >= asked) this.#ceiling = Math.min(MAX_CLAIM, Math.max(this.#ceiling, asked * GROWTH))
    this.#depth = this.#samples === 0 ? 0 : this.#deep()
  }

  /** Tasks waited in the buffer for this long: what was believed of their length is wrong. */
  waited(ms: number): void {
    this.#samples = Math.max(this.#samples, 1)
    this.#meanMs = Math.max(this.#meanMs, ms)
    this.#ceiling = Math.min(MAX_CLAIM, this.#concurrency)
    this.#depth = this.#deep()
  }

  /** How many to claim now; 0 while what is at hand lasts. */
  want(running: number, buffered: number): number {
    const free = this.#concurrency - running
    const lacking = free - buffered
    // Half of the depth is one round trip: the refill arrives as the rest runs out.
    if (lacking <= 0 && buffered >= this.#depth / 2) return 0
    return Math.max(0, Math.min(lacking + this.#depth, this.#ceiling))
  }

  #deep(): number {
    const rate = this.#concurrency / Math.max(this.#meanMs, MIN_MEAN_MS)
    const affordable = MAX_BUFFERED_BYTES / Math.max(this.#meanBytes, 1)
    return Math.min(this.#bufferSize, MAX_CLAIM, Math.floor(Math.min(affordable, rate * this.#roundTripMs * AHEAD)))
  }

  /** Large tasks are believed at once, small ones after them bit by bit. */
  #weighed(bytes: number): void {
    this.#meanBytes = Math.max(bytes, this.#meanBytes + (bytes - this.#meanBytes) * BYTES_WEIGHT)
  }
}
