/** Asks for room under limits that all processes share; what is asked for at the same time goes together. */
import type { LimitAnswer, LimitRequest } from '@q/core'
import { checkInteger } from '@q/core'
import type { Run } from './connection/run.ts'
import { acquireQuery } from './query/limit.ts'

const MOST_LIMIT = 1_000_000
const LONGEST_PERIOD_MS = 366 * 86_400_000

/**
 * Checks requests before they are put together with those of others.
 * @throws QError `ERR_OPTION`
 */
export function checkRequests(requests: readonly LimitRequest[]): void {
  for (const request of requests) {
    checkInteger('acquire', 'limit', request.limit, 1, MOST_LIMIT)
    if (request.kind === 'rate') checkInteger('acquire', 'periodMs', request.periodMs, 1, LONGEST_PERIOD_MS)
  }
}

/** One answer per request, in order. */
export async function acquire(run: Run, schema: string, requests: readonly LimitRequest[]): Promise<LimitAnswer[]> {
  const answers: LimitAnswer[] = []
  for (const row of await run(acquireQuery(schema, requests), 'acquire limits'))
    answers[Number(row.ord) - 1] = { granted: row.granted, retryAfterMs: Number(row.retry_after_ms) }
  return answers
}
