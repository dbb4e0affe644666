/** Writes down what happens: attempts of tasks, statistics, groups of failures, and the stream of events. */
import { ErrorGroups } from './error-groups.ts'
import { EventLog } from './events.ts'
import type { Row } from './row.ts'
import { KEPT_ATTEMPTS, NONE } from './row.ts'
import type { EndedResult } from './settle.ts'
import { Statistics } from './statistics.ts'

/** The history of one memory backend. */
export class History {
  readonly statistics: Statistics = new Statistics()
  readonly errorGroups: ErrorGroups = new ErrorGroups()
  readonly events: EventLog = new EventLog()

  /** A task was stored. */
  pushed(row: Row, now: number): void {
    this.statistics.count(row.queue, 'pushed', now)
  }

  /** An attempt ended, and its row says how. The row is still held. */
  attemptEnded(row: Row, result: EndedResult, ranMs: number | undefined, now: number): void {
    const { instance, worker, claimedAt, waitedMs } = row.hold!
    const ran = ranMs !== undefined && ranMs >= 0 ? ranMs : null
    const error = result === 'done' ? null : row.error
    const { id, queue, attempt } = row
    const record = { attempt, result, worker, instance, claimedAt, endedAt: now, ranMs: ran, error }
    if (row.attempts === NONE) row.attempts = [record]
    else if (row.attempts.push(record) > KEPT_ATTEMPTS) row.attempts.shift()
    const type = result !== 'crashed' ? result : row.status === 'killed' ? 'killed' : 'failed'
    if (error !== null && type !== 'cancelled') this.errorGroups.count(queue, id, error, now)
    this.statistics.attemptEnded(queue, type, ran, waitedMs, now)
    this.events.add({ id, queue, type, attempt, at: now, error })
  }

  /** A task that nobody held was cancelled. */
  cancelled({ id, queue, attempt, error }: Row, now: number): void {
    this.statistics.count(queue, 'cancelled', now)
    this.events.add({ id, queue, type: 'cancelled', attempt, at: now, error })
  }
}
