/**
 * Up to where the done tasks of each queue are gone.
 *
 * Killed and cancelled tasks are often kept for longer, in the same index as the done ones. A vacuum that starts at the
 * front walks over all of them each time; this one starts where the last one ended. What commits later than that is
 * found by the next full look.
 */

const FULL_LOOK_EVERY_MS = 3_600_000

/** Remembers, per queue, how far this process has vacuumed: milliseconds since the epoch, by the clock of the store. */
export class Vacuumed {
  readonly #upTo = new Map<string, number>()
  #lastFullLook = -Infinity

  /** Before then no done task is left; null when that is not known, or a full look is due. */
  upTo(queue: string): number | null {
    const now = performance.now()
    if (now - this.#lastFullLook >= FULL_LOOK_EVERY_MS) {
      this.#lastFullLook = now
      this.#upTo.clear()
    }
    return this.#upTo.get(queue) ?? null
  }

  /** A vacuum has come as far as this. */
  reached(queue: string, at: number): void {
    this.#upTo.set(queue, at)
  }
}
