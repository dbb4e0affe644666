/**
 * From where to look in each lane.
 *
 * Entries of finished tasks stay in the index until a vacuum that every open snapshot allows. A claim that
 * starts at the front walks over all of them each time; this one starts where the last one ended. Tasks can
 * appear before that point (a transaction that committed late, a task given back), so the newest seconds
 * are never skipped, and once a second everything is looked at.
 */
import type { LowBounds } from './query/claim.ts'

/** Longer than any ordinary push transaction; what commits later is found by the next full look. */
const MARGIN_MS = 2_000
const FULL_LOOK_EVERY_MS = 1_000
const EVERYTHING: LowBounds = new Map()

/** Remembers, per lane, how far claims have come: times of tasks, in milliseconds since the epoch. */
export class LowWater {
  readonly #low = new Map<number, number>()
  #lastFullLook = -Infinity

  /** The bounds for the next claim; none when a full look is due. */
  bounds(): LowBounds {
    const now = performance.now()
    if (now - this.#lastFullLook < FULL_LOOK_EVERY_MS) return this.#low
    this.#lastFullLook = now
    this.#low.clear()
    return EVERYTHING
  }

  /**
   * A task of a lane was claimed whose time was `runAtMs`: tasks before it are claimed too. This process's clock
   * only says what counts as new; when it is wrong, a late task waits for the next full look.
   */
  claimed(lane: number, runAtMs: number): void {
    this.#low.set(lane, Math.min(runAtMs, Date.now() - MARGIN_MS))
  }

  /** Forgets everything: tasks were given back. */
  reset(): void {
    this.#low.clear()
  }
}
