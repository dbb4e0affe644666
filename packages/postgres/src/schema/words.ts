/** Pieces of SQL that several functions share: the errors that the store itself writes, and the buckets of histograms. */
import type { ErrorRecord } from '@q/core'
import { fingerprintOf, HISTOGRAM_BUCKETS } from '@q/core'

/** What a task that was cancelled ends with. */
export function cancelledError(reason?: string): ErrorRecord {
  return own('ERR_CANCELLED', reason ?? 'The task was cancelled.')
}

/** {@link cancelledError} without a reason, as a literal. */
export const CANCELLED: string = literal(cancelledError())

/** The same for all crashes: what differs between their messages does not count. */
export const CRASH_PRINT: string = own('ERR_CRASHED', crashMessage('…')).fingerprint!

/** The message of a crash; `facts` stands in brackets and is no part of the fingerprint. */
export function crashMessage(facts: string): string {
  return `The lease of the worker ended while it held this task (${facts}).`
}

/** The bucket of a span in milliseconds, as `bucketOf` of core; null for null. A bound counts as part of its bucket. */
export function bucketSql(ms: string): string {
  const firsts = Array.from({ length: HISTOGRAM_BUCKETS - 1 }, (_, bucket) => 2 ** bucket + 1)
  return `width_bucket(ceil(${ms})::int8, '{${firsts.join(',')}}'::int8[])`
}

function own(code: string, message: string): ErrorRecord {
  const record = { name: 'QError', code, message }
  return { ...record, fingerprint: fingerprintOf(record) }
}

function literal(record: ErrorRecord): string {
  return `'${JSON.stringify(record).replaceAll("'", "''")}'::jsonb`
}
