/** A clock that moves only when a test says so, for the tests of this package. */
import type { CancelTimer, Clock } from '../src/clock.ts'

export class ManualClock implements Clock {
  #now: number
  #sleptMs = 0
  readonly #timers = new Set<{ at: number; run: () => void }>()

  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#now + this.#sleptMs
  }

  after(ms: number, run: () => void): CancelTimer {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** Milliseconds to the next timer. */
  get nextMs(): number | undefined {
    const [first] = [...this.#timers].map(({ at }) => at - this.#now).sort((a, b) => a - b)
    return first
  }

  /** Moves on, running the timers that come due in their order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at)
      if (next === undefined || next.at > end) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = end
  }

  /** The machine sleeps: the wall clock goes on, and nothing else. */
  suspend(ms: number): void {
    this.#sleptMs += ms
  }

  /** Sets the time, back or forth, without running timers: a clock that was adjusted. */
  jump(ms: number): void {
    this.#now += ms
  }
}
