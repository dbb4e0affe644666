/**
 * Time that moves only when a test says so: no sleeping, no flicker, hours in microseconds.
 *
 * Timers run in the order of their time, one by one, and what each of them sets in motion comes to
 * rest before the next one runs, as it would with real time in between.
 */
import type { CancelTimer, Clock, Duration } from '@q/core'
import { toMs } from '@q/core'

/** Taken at import, so that a test that fakes the global timers does not stop this clock. */
const { setImmediate } = globalThis

/** Where a clock starts unless told otherwise: 1 January 2026, UTC. */
export const VIRTUAL_START_MS: number = Date.UTC(2026, 0, 1)

interface Timer {
  readonly at: number
  readonly run: () => void
}

/** A clock for tests, for workers as well as for backends that take one. */
export class VirtualClock implements Clock {
  #now: number
  readonly #timers = new Set<Timer>()

  /** @param startMs Milliseconds since the epoch. Default {@link VIRTUAL_START_MS}. */
  constructor(startMs: number = VIRTUAL_START_MS) {
    this.#now = startMs
  }

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): CancelTimer {
    const timer: Timer = { at: this.#now + Math.max(0, ms), run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** How many timers are waiting. */
  get pending(): number {
    return this.#timers.size
  }

  /** Milliseconds until the next timer, 0 when it is due, `null` when none is waiting. */
  get nextMs(): number | null {
    const next = this.#next()
    return next === undefined ? null : Math.max(0, next.at - this.#now)
  }

  /**
   * Moves time on and runs every timer that comes due, those set on the way included.
   *
   * Promises settle before the first timer, between timers and after the last. Equal times run in the
   * order in which they were set. `advance(0)` runs what is due now. A timer that throws makes this
   * reject; time stands where it threw.
   *
   * @param duration How far. Milliseconds or `'1s'`.
   */
  async advance(duration: Duration): Promise<void> {
    const until = this.#now + toMs(duration, 'advance')
    await settled()
    for (let timer = this.#next(); timer !== undefined && timer.at <= until; timer = this.#next()) {
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.at)
      timer.run()
      await settled()
    }
    this.#now = Math.max(this.#now, until)
  }

  /** A `Set` keeps the order of insertion, so the first of equal times is the one set first. */
  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer
    return next
  }
}

/** Resolves when every promise that can settle without time or I/O has done so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
