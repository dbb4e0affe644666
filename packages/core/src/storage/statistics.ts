/**
 * The figures of one queue: what happened over time, and how it stands now.
 *
 * All of it comes from counters and histograms that the store keeps as tasks move; no task is read for a figure.
 */
import type { Backend } from '../backend/backend.ts'
import { required } from '../backend/capability.ts'
import type { MetricPoint, QueueInfo } from '../backend/visibility.ts'
import { HISTOGRAM_BUCKETS, quantile } from '../backend/visibility.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import { checkMoment } from '../task/moment.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Width of one point in milliseconds. */
const STEP_MS = { minute: MINUTE, hour: HOUR, day: DAY } as const
/** The most points of one answer. */
const MAX_POINTS = 1_500

/** Which series. */
export interface MetricsOptions {
  /** The span up to now, the step under way included. Default `'1h'`. Not together with `from` and `to`. */
  readonly last?: Duration
  /** First moment, counted from the beginning of its step. */
  readonly from?: Date | number
  /** The end, not included. Default: now, and then the step under way is included. */
  readonly to?: Date | number
  /** Width of one point. Default: minutes up to two hours, hours up to three days, then days. */
  readonly step?: 'minute' | 'hour' | 'day'
}

/** Sums over a span of time. */
export interface MetricTotals {
  readonly pushed: number
  readonly done: number
  /** Attempts that failed and were, or will be, tried again. */
  readonly failed: number
  readonly killed: number
  readonly cancelled: number
  /** Tasks that ended: done, killed and cancelled. */
  readonly finished: number
  /** Share of `done` among done and killed, 0 to 1; `null` when there were none. */
  readonly successRate: number | null
  /** How long handlers ran. */
  readonly ran: Latency
  /** How long tasks waited from due to claimed. */
  readonly waited: Latency
}

/** Quantiles in milliseconds, interpolated within buckets that double; `null` when nothing was measured. */
export interface Latency {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** A series and its sums. */
export interface QueueMetrics {
  readonly step: 'minute' | 'hour' | 'day'
  readonly points: readonly MetricPoint[]
  readonly totals: MetricTotals
}

/** How a queue stands, and how it went lately. */
export interface QueueStatistics extends QueueInfo {
  /** Tasks that have not ended. */
  readonly unfinished: number
  /** Tasks in a worker's hands, started or not. */
  readonly held: number
  /** `pending` tasks whose time has come. */
  readonly backlog: number
  /** All tasks that are stored. */
  readonly total: number
  /** Of the tasks stored: `done` among done and killed, 0 to 1; `null` when there are none. */
  readonly successRate: number | null
  /** The last sixty minutes, in minutes. */
  readonly pastHour: MetricTotals
  /** The last twenty-four hours, in hours. */
  readonly past24h: MetricTotals
  /** The last seven days, today included, in days (UTC). */
  readonly past7d: MetricTotals
  /** Since midnight UTC. */
  readonly today: MetricTotals
  /** Finished tasks per minute of the past hour, per hour of the past day, per day of the past week. */
  readonly rate: { readonly perMinute: number; readonly perHour: number; readonly perDay: number }
  /** The hour of the past day in which most tasks ended; `null` when none did. */
  readonly peakHour: { readonly at: number; readonly finished: number } | null
}

/** @throws QError `ERR_NOT_SUPPORTED`, `ERR_OPTION`, `ERR_DURATION` */
export async function queueMetrics(
  backend: Backend<never>,
  queue: string,
  now: number,
  options: MetricsOptions,
): Promise<QueueMetrics> {
  const store = required(backend, 'metrics')
  const { from, to, step } = checkMetricsOptions(options, now)
  const points = await store.metrics({ queue, from, to, step })
  return { step, points, totals: totalsOf(points) }
}

/** @throws QError `ERR_NOT_SUPPORTED` */
export async function queueStatistics(backend: Backend<never>, info: QueueInfo, now: number): Promise<QueueStatistics> {
  const store = required(backend, 'metrics')
  const series = (step: 'minute' | 'hour' | 'day', count: number): Promise<readonly MetricPoint[]> => {
    const to = floor(now, step) + STEP_MS[step]
    return store.metrics({ queue: info.queue, from: to - count * STEP_MS[step], to, step })
  }
  const [minutes, hours, days] = await Promise.all([series('minute', 60), series('hour', 24), series('day', 7)])
  const { counts } = info
  const ended = counts.done + counts.killed + counts.cancelled
  const unfinished = counts.pending + counts.queued + counts.running + counts.failed
  const [pastHour, past24h, past7d] = [totalsOf(minutes), totalsOf(hours), totalsOf(days)]
  return {
    ...info,
    unfinished,
    held: counts.queued + counts.running,
    backlog: Math.max(0, counts.pending - counts.scheduled),
    total: unfinished + ended,
    successRate: share(counts.done, counts.killed),
    pastHour,
    past24h,
    past7d,
    today: totalsOf(days.slice(-1)),
    rate: { perMinute: pastHour.finished / 60, perHour: past24h.finished / 24, perDay: past7d.finished / 7 },
    peakHour: peakOf(hours),
  }
}

function checkMetricsOptions(
  options: MetricsOptions,
  now: number,
): { readonly from: number; readonly to: number; readonly step: 'minute' | 'hour' | 'day' } {
  checkKnownOptions('metrics', options, ['last', 'from', 'to', 'step'] satisfies readonly (keyof MetricsOptions)[])
  const { last, from } = options
  if (last !== undefined && (from !== undefined || options.to !== undefined))
    throw new QError('ERR_OPTION', 'metrics: give either last (a span up to now) or from and to (moments), not both.')
  const until = options.to === undefined ? now : checkMoment('metrics', 'to', options.to)
  const start =
    from === undefined ? until - toMs(last ?? HOUR, 'metrics: last', { min: 1 }) : checkMoment('metrics', 'from', from)
  if (start >= until) throw new QError('ERR_OPTION', 'metrics: from must lie before to.')
  const { step = stepFor(until - start) } = options
  if (!Object.hasOwn(STEP_MS, step))
    throw new QError('ERR_OPTION', `metrics: step must be "minute", "hour" or "day", got ${show(step)}.`)
  // The step that is under way belongs to what happened up to now.
  const to = options.to === undefined ? floor(now, step) + STEP_MS[step] : until
  const first = from === undefined ? floor(to - (until - start), step) : floor(start, step)
  if ((to - first) / STEP_MS[step] > MAX_POINTS)
    throw new QError(
      'ERR_OPTION',
      `metrics: that are more than ${MAX_POINTS} points. Ask for a shorter span, or a wider step.`,
    )
  return { from: first, to, step }
}

function stepFor(span: number): 'minute' | 'hour' | 'day' {
  return span <= 2 * HOUR ? 'minute' : span <= 3 * DAY ? 'hour' : 'day'
}

function floor(moment: number, step: 'minute' | 'hour' | 'day'): number {
  return Math.floor(moment / STEP_MS[step]) * STEP_MS[step]
}

function totalsOf(points: readonly MetricPoint[]): MetricTotals {
  const sum = (pick: (point: MetricPoint) => number): number => points.reduce((total, point) => total + pick(point), 0)
  const [done, killed, cancelled] = [sum((p) => p.done), sum((p) => p.killed), sum((p) => p.cancelled)]
  return {
    pushed: sum((p) => p.pushed),
    done,
    failed: sum((p) => p.failed),
    killed,
    cancelled,
    finished: done + killed + cancelled,
    successRate: share(done, killed),
    ran: latencyOf(points.map((p) => p.ran)),
    waited: latencyOf(points.map((p) => p.waited)),
  }
}

function share(done: number, killed: number): number | null {
  return done + killed === 0 ? null : done / (done + killed)
}

function latencyOf(histograms: readonly (readonly number[])[]): Latency {
  const all = Array.from({ length: HISTOGRAM_BUCKETS }, (_, bucket) =>
    histograms.reduce((sum, histogram) => sum + (histogram[bucket] ?? 0), 0),
  )
  return { p50: quantile(all, 0.5), p95: quantile(all, 0.95), p99: quantile(all, 0.99) }
}

function peakOf(hours: readonly MetricPoint[]): QueueStatistics['peakHour'] {
  let peak: QueueStatistics['peakHour'] = null
  for (const { at, done, killed, cancelled } of hours) {
    const finished = done + killed + cancelled
    if (finished > (peak?.finished ?? 0)) peak = { at, finished }
  }
  return peak
}
