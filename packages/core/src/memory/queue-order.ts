/**
 * Which task of one queue is next.
 *
 * Two heaps: what is due, in claim order, and what is not yet due, by time. A claim costs
 * O(log n) per task however many wait, are scheduled or have finished. A queue that is paused has no next.
 */
import { QUARANTINE_AT } from '../backend/backend.ts'
import type { PauseInfo } from '../backend/control.ts'
import { Heap } from './heap.ts'
import type { Row } from './row.ts'

/** The time of a row that is not due until something makes it due: the end of the year 9999. It is in no order. */
export const NEVER: number = Date.UTC(9999, 11, 31)

/** The waiting tasks of one queue. */
export class QueueOrder {
  readonly #due = new Heap<Row>(claimedBefore)
  readonly #scheduled = new Heap<Row>(dueBefore)
  /** Set while the queue hands out nothing. */
  paused: PauseInfo | null = null

  /** Adds a row that nobody holds. */
  add(row: Row, now: number): void {
    if (row.runAt <= now) this.#due.push(row)
    else if (row.runAt < NEVER) this.#scheduled.push(row)
  }

  /** Takes a waiting row out: before its time or priority changes, or because it ended. */
  remove(row: Row): void {
    if (!this.#due.remove(row)) this.#scheduled.remove(row)
  }

  /** Takes out at most `limit` due rows in claim order; a quarantined one comes alone. */
  take(limit: number, now: number): Row[] {
    const taken: Row[] = []
    if (this.paused !== null) return taken
    this.#promote(now)
    while (taken.length < limit) {
      const next = this.#due.peek()
      if (next === undefined) break
      const alone = next.crashes >= QUARANTINE_AT
      // It waits its turn at the head of the queue and is the first of the next claim.
      if (alone && taken.length > 0) break
      taken.push(next)
      this.#due.pop()
      if (alone) break
    }
    return taken
  }

  /** Whether a row can be claimed. */
  hasDue(now: number): boolean {
    this.#promote(now)
    return this.paused === null && this.#due.size > 0
  }

  /** When the first row that is not yet due will be, `null` when there is none. */
  nextScheduledAt(now: number): number | null {
    this.#promote(now)
    return this.paused === null ? (this.#scheduled.peek()?.runAt ?? null) : null
  }

  /** Milliseconds until the next row can be claimed, 0 when one can be now, `null` when there is none. */
  nextDueMs(now: number): number | null {
    if (this.hasDue(now)) return 0
    const at = this.nextScheduledAt(now)
    return at === null ? null : at - now
  }

  #promote(now: number): void {
    for (let next = this.#scheduled.peek(); next !== undefined && next.runAt <= now;) {
      this.#scheduled.pop()
      this.#due.push(next)
      next = this.#scheduled.peek()
    }
  }
}

/** Priority (larger first), then time, then id. */
function claimedBefore(a: Row, b: Row): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  return dueBefore(a, b)
}

/** Time, then id. */
function dueBefore(a: Row, b: Row): boolean {
  return a.runAt === b.runAt ? a.id < b.id : a.runAt < b.runAt
}
