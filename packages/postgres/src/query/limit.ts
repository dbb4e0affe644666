/** The call of the `acquire` function. */
import type { LimitRequest } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { column } from '../columns.ts'
import { callOf } from '../connection/call.ts'
import { isToken, isUuid } from '../cursor.ts'

/** What became of one request: its place in the batch, from 1. */
export interface LimitRow {
  readonly ord: number
  readonly granted: boolean
  readonly retry_after_ms: number
}

const acquire = callOf<LimitRow>('acquire', 'ord, granted, retry_after_ms', [
  'text[]',
  'int4[]',
  'float8[]',
  'uuid[]',
  'int8[]',
])

/** Takes places and tokens, in order. */
export function acquireQuery(schema: string, requests: readonly LimitRequest[]): CompiledQuery<LimitRow> {
  return acquire(schema, [
    requests.map((request) => request.key),
    requests.map((request) => request.limit),
    column(requests, (request) => (request.kind === 'rate' ? request.periodMs : null)),
    column(requests, (request) => (request.kind === 'concurrency' && isUuid(request.id) ? request.id : null)),
    column(requests, (request) => (request.kind === 'concurrency' && isToken(request.token) ? request.token : null)),
  ])
}
