/** What happened per minute, hour and day, by queue. A span in which nothing happened costs nothing. */
import { checkMetricRequest } from '../backend/arguments.ts'
import type { MetricPoint, MetricRequest } from '../backend/visibility.ts'
import { bucketOf, HISTOGRAM_BUCKETS } from '../backend/visibility.ts'

/** What is counted. */
export type Counted = 'pushed' | 'done' | 'failed' | 'killed' | 'cancelled'

type Step = MetricRequest['step']
type Tally = Record<Counted, number> & { readonly ran: number[]; readonly waited: number[] }
/** By start of the span, the oldest first. */
type Series = Map<number, Tally>

const DAY_MS = 86_400_000
/** How long a span is, and how long it is kept. */
const STEPS: Readonly<Record<Step, { readonly ms: number; readonly keepMs: number }>> = {
  minute: { ms: 60_000, keepMs: 2 * DAY_MS },
  hour: { ms: 3_600_000, keepMs: 30 * DAY_MS },
  day: { ms: DAY_MS, keepMs: 400 * DAY_MS },
}
const STEP_NAMES: readonly Step[] = ['minute', 'hour', 'day']
const MOST_POINTS = 1_500
const ACTIVITY_DAYS = 7

interface Counters {
  readonly minute: Series
  readonly hour: Series
  readonly day: Series
  /** Those of the minute counted last, which is mostly the next one counted too. */
  latest: { readonly minute: number; readonly tallies: readonly Tally[] } | undefined
}

/** The counters of one memory backend. */
export class Statistics {
  readonly #queues = new Map<string, Counters>()

  /** Counts one event. */
  count(queue: string, what: Counted, now: number): void {
    for (const tally of this.#tallies(queue, now)) tally[what] += 1
  }

  /**
   * Counts how an attempt ended.
   * @param ranMs How long it ran, if somebody said so.
   * @param waitedMs How long it had been due when it was claimed.
   */
  attemptEnded(queue: string, what: Counted, ranMs: number | null, waitedMs: number, now: number): void {
    const ran = ranMs === null ? null : bucketOf(ranMs)
    const waited = bucketOf(waitedMs)
    for (const tally of this.#tallies(queue, now)) {
      tally[what] += 1
      tally.waited[waited]! += 1
      if (ran !== null) tally.ran[ran]! += 1
    }
  }

  /**
   * One point per step, those without events included.
   * @throws QError `ERR_OPTION`
   */
  points(request: MetricRequest): MetricPoint[] {
    checkMetricRequest(request)
    const { queue, from, to, step } = request
    const series = this.#series(queue, step)
    const points: MetricPoint[] = []
    for (let at = startOf(from, step); at < to && points.length < MOST_POINTS; at += STEPS[step].ms) {
      const sum = newTally()
      for (const one of series) add(sum, one.get(at))
      points.push({ at, ...sum })
    }
    return points
  }

  /** Tasks that ended on each of the last seven days (UTC), today last. */
  activity(queue: string, now: number): number[] {
    const today = startOf(now, 'day')
    const days = this.#queues.get(queue)?.day
    return Array.from({ length: ACTIVITY_DAYS }, (_, n) => {
      const tally = days?.get(today - (ACTIVITY_DAYS - 1 - n) * DAY_MS)
      return tally === undefined ? 0 : tally.done + tally.killed + tally.cancelled
    })
  }

  #series(queue: string | undefined, step: Step): Series[] {
    const all = queue === undefined ? [...this.#queues.values()] : [this.#queues.get(queue)]
    return all.flatMap((steps) => (steps === undefined ? [] : [steps[step]]))
  }

  /** Those of the spans that now is in. */
  #tallies(queue: string, now: number): readonly Tally[] {
    let counters = this.#queues.get(queue)
    if (counters === undefined) {
      counters = { minute: new Map(), hour: new Map(), day: new Map(), latest: undefined }
      this.#queues.set(queue, counters)
    }
    const minute = startOf(now, 'minute')
    if (counters.latest?.minute !== minute) {
      const tallies = STEP_NAMES.map((step) => tallyOf(counters[step], step, now))
      counters.latest = { minute, tallies }
    }
    return counters.latest.tallies
  }
}

function startOf(at: number, step: Step): number {
  return Math.floor(at / STEPS[step].ms) * STEPS[step].ms
}

function tallyOf(series: Series, step: Step, now: number): Tally {
  const at = startOf(now, step)
  let tally = series.get(at)
  if (tally === undefined) {
    tally = newTally()
    series.set(at, tally)
    for (const start of series.keys()) {
      if (start >= now - STEPS[step].keepMs) break
      series.delete(start)
    }
  }
  return tally
}

function newTally(): Tally {
  const buckets = (): number[] => Array.from({ length: HISTOGRAM_BUCKETS }, () => 0)
  return { pushed: 0, done: 0, failed: 0, killed: 0, cancelled: 0, ran: buckets(), waited: buckets() }
}

function add(sum: Tally, tally: Tally | undefined): void {
  if (tally === undefined) return
  sum.pushed += tally.pushed
  sum.done += tally.done
  sum.failed += tally.failed
  sum.killed += tally.killed
  sum.cancelled += tally.cancelled
  for (const [bucket, n] of tally.ran.entries()) sum.ran[bucket]! += n
  for (const [bucket, n] of tally.waited.entries()) sum.waited[bucket]! += n
}
