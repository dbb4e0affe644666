/** Series over time: one point per step, from sums that were folded and what was not yet. */
import type { MetricPoint, MetricRequest } from '@q/core'
import { checkMetricRequest, HISTOGRAM_BUCKETS } from '@q/core'
import type { Run } from './connection/run.ts'
import { rollWhenLongQuery, seriesQuery } from './query/statistics.ts'

const MOST_POINTS = 1_500
const MINUTE_MS = 60_000
/** By name: its number in `stat`, and its length. */
const STEPS = {
  minute: { number: 0, minutes: 1 },
  hour: { number: 1, minutes: 60 },
  day: { number: 2, minutes: 1_440 },
} as const
/** What follows the two histograms in a series row. */
const COUNTERS = ['pushed', 'failed', 'done', 'killed', 'cancelled'] as const

/**
 * One point per step, see `Metrics`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function metrics(run: Run, schema: string, request: MetricRequest): Promise<readonly MetricPoint[]> {
  checkMetricRequest(request)
  const { number, minutes } = STEPS[request.step]
  const stepMs = minutes * MINUTE_MS
  const from = Math.floor(request.from / stepMs) * stepMs
  const count = Math.min(MOST_POINTS, Math.max(0, Math.ceil((request.to - from) / stepMs)))
  if (count === 0) return []
  await run(rollWhenLongQuery(schema), 'read statistics')
  const to = from + count * stepMs
  const sums = Array.from({ length: count }, () => new Float64Array(2 * HISTOGRAM_BUCKETS + COUNTERS.length))
  const rows = await run(seriesQuery(schema, request.queue ?? null, number, from, to), 'read statistics')
  for (const { at, slots, n } of rows) {
    const sum = sums[Math.floor((at - from) / stepMs)]
    if (sum !== undefined) for (const [index, slot] of slots.entries()) sum[slot]! += n[index]!
  }
  return sums.map((sum, index) => toPoint(from + index * stepMs, sum))
}

function toPoint(at: number, sum: Float64Array): MetricPoint {
  const [pushed, failed, done, killed, cancelled] = sum.subarray(2 * HISTOGRAM_BUCKETS)
  return {
    at,
    pushed: pushed!,
    done: done!,
    failed: failed!,
    killed: killed!,
    cancelled: cancelled!,
    ran: [...sum.subarray(0, HISTOGRAM_BUCKETS)],
    waited: [...sum.subarray(HISTOGRAM_BUCKETS, 2 * HISTOGRAM_BUCKETS)],
  }
}
