/** Asks for room under limits that all processes share; what is asked for at the same time goes together. */
import type { LimitAnswer, LimitRequest } from '@q/core'
import type { Run } from './connection/run.ts'
import { acquireQuery } from './query/limit.ts'

/** One answer per request, in order. */
export async function acquire(run: Run, schema: string, requests: readonly LimitRequest[]): Promise<LimitAnswer[]> {
  const answers: LimitAnswer[] = []
  for (const row of await run(acquireQuery(schema, requests), 'acquire limits'))
    answers[Number(row.ord) - 1] = { granted: row.granted, retryAfterMs: Number(row.retry_after_ms) }
  return answers
}
