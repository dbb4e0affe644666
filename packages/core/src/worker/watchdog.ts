/**
 * Notices a worker that lives and does nothing, and buffered tasks that wait too long.
 *
 * A worker may have a reason to be still: nothing due, no room, paused. Only when it should be claiming or
 * settling and neither has succeeded for a long time is it stalled; then it says so and its loop starts anew.
 * Single calls without an answer are given up after the same time.
 */
import type { CancelTimer, Clock } from '../clock.ts'
import type { Emitter } from './emitter.ts'
import type { Patience } from './patience.ts'

const TICK_MS = 1_000

/** What a watchdog needs of its worker. */
export interface WatchdogHost {
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
  readonly stallMs: number
  /** Whether a claim or a settle should be succeeding. */
  readonly busy: () => boolean
  readonly restart: () => void
  /** Called about every second. */
  readonly tick: (now: number) => void
}

/** Watches one worker. */
export class Watchdog {
  readonly #host: WatchdogHost
  #cancel: CancelTimer | undefined = undefined
  #aliveAt: number
  #tickedAt: number

  constructor(host: WatchdogHost) {
    this.#host = host
    this.#aliveAt = host.clock.now()
    this.#tickedAt = this.#aliveAt
    this.#arm()
  }

  /** A claim or a settle succeeded. */
  alive(): void {
    this.#aliveAt = this.#host.clock.now()
  }

  stop(): void {
    this.#cancel?.()
  }

  #arm(): void {
    this.#cancel = this.#host.clock.after(TICK_MS, () => {
      this.#arm()
      this.#tick()
    })
  }

  #tick(): void {
    const { clock, events, patience, stallMs, busy, restart, tick } = this.#host
    const now = clock.now()
    const late = now - this.#tickedAt - TICK_MS
    this.#tickedAt = now
    // The process itself stood still: answers may be waiting to be read, so its time does not count.
    if (late > TICK_MS) this.#aliveAt += late
    else patience.giveUp(now - stallMs)
    if (!busy()) this.#aliveAt = now
    tick(now)
    const sinceMs = now - this.#aliveAt
    if (sinceMs < stallMs) return
    this.#aliveAt = now
    events.emit({ type: 'stalled', sinceMs })
    restart()
  }
}
