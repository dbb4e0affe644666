/**
 * How long a lease is surely held: counted from the moment at which its renewal was sent, by two clocks.
 *
 * The monotonic clock stands still while the machine sleeps, and the wall clock may be set. Either alone would go on
 * trusting a lease that others have swept; a wrong doubt costs one beat.
 */
import type { Clock } from '../clock.ts'
import { wallNow } from '../clock.ts'

/** When something was sent, by both clocks. */
export interface Sent {
  readonly now: number
  readonly wall: number
}

/** This moment. */
export function sent(clock: Clock): Sent {
  return { now: clock.now(), wall: wallNow(clock) }
}

/** The trust in one lease. */
export class Trust {
  readonly #clock: Clock
  readonly #leaseMs: number
  #sent: Sent

  constructor(clock: Clock, leaseMs: number, registered: Sent) {
    this.#clock = clock
    this.#leaseMs = leaseMs
    this.#sent = registered
  }

  /** The store took the renewal that was sent then. */
  renewed(at: Sent): void {
    this.#sent = at
  }

  /** When the store's last word was asked for, by the wall clock. */
  get since(): number {
    return this.#sent.wall
  }

  /** @param now By the monotonic clock. */
  holds(now: number): boolean {
    return now - this.#sent.now < this.#leaseMs && wallNow(this.#clock) - this.#sent.wall < this.#leaseMs
  }
}
