/** Reads of counters: statuses, queues, workers, series and groups of failures. */
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'

/** Numbers come as decimal digits. */
export interface StatusRow {
  readonly unfinished: string
  readonly failing: string
  readonly done: string
  readonly killed: string
  readonly cancelled: string
  readonly queued: string
  readonly running: string
}

/** Folds what was appended when there is much of it, so that the read that follows stays short. */
export function rollWhenLongQuery(schema: string): CompiledQuery<unknown> {
  return sql`select ${sql.id(schema, 'roll_when_long')}()`.compile(compiler)
}

/** How many tasks of one queue, or of all (null), stand how. */
export function statusesQuery(schema: string, queue: string | null): CompiledQuery<StatusRow> {
  return sql<StatusRow>`select unfinished, failing, done, killed, cancelled, queued, running from ${sql.id(schema, 'count_statuses')}(${queue})`.compile(
    compiler,
  )
}

/** One queue. Times are milliseconds since the epoch, days are days since the epoch. */
export interface QueueRow extends StatusRow {
  readonly queue: string
  readonly scheduled: string
  readonly oldest_due_ms: number | null
  readonly workers: number
  readonly paused_at: number | null
  readonly paused_by: string | null
  readonly paused_reason: string | null
  /** A day may come twice; run in parallel with `ended`. */
  readonly days: readonly number[] | null
  readonly ended: readonly string[] | null
  readonly today: number
}

/** All queues by name, or one of them. */
export function queuesQuery(schema: string, queue: string | null): CompiledQuery<QueueRow> {
  return sql<QueueRow>`select * from ${sql.id(schema, 'list_queues')}(${queue})`.compile(compiler)
}

/** Events of one span: the sums that were folded, or one slot of what was not. */
export interface SeriesRow {
  /** Milliseconds since the epoch, within the span. */
  readonly at: number
  readonly slots: readonly number[]
  readonly n: readonly number[]
}

/**
 * Slots that are not 0 of one queue, or of all (null); a span may come several times.
 * Slots: 24 buckets of `ran`, 24 of `waited`, then pushed, failed, done, killed, cancelled.
 */
export function seriesQuery(
  schema: string,
  queue: string | null,
  step: number,
  fromMs: number,
  toMs: number,
): CompiledQuery<SeriesRow> {
  const from = sql`to_timestamp(${fromMs}::float8 / 1000)`
  const to = sql`to_timestamp(${toMs}::float8 / 1000)`
  return sql<SeriesRow>`
    select (extract(epoch from s.at) * 1000)::float8 as at, array(select generate_series(0, 52)) as slots,
           (s.ran || s.waited || array[s.pushed, s.failed, s.done, s.killed, s.cancelled])::float8[] as n
      from ${sql.id(schema, 'stat')} s
     where s.step = ${step}::int2 and s.queue = ${queue ?? ''} and s.at >= ${from} and s.at < ${to}
    union all
    select u.minute * 60000::float8, array_agg(u.slot), array_agg(u.n::float8)
      from ${sql.id(schema, 'unfolded')} u
     where (${queue}::text is null or u.queue = ${queue})
       and u.minute >= extract(epoch from ${from}) / 60 and u.minute < extract(epoch from ${to}) / 60
     group by u.minute`.compile(compiler)
}

/** Failures that look alike; times are milliseconds since the epoch. */
export interface GroupRow {
  readonly queue: string
  readonly fingerprint: string
  readonly name: string
  readonly message: string
  readonly first_at: number
  readonly last_at: number
  readonly last_us: string
  readonly n: string
  readonly sample: string
}

/** Groups, the latest first, after the one named. What is not folded yet is added to its group. */
export function groupsQuery(
  schema: string,
  queue: string | null,
  after: { readonly at: string; readonly queue: string; readonly fingerprint: string } | null,
  limit: number,
): CompiledQuery<GroupRow> {
  return sql<GroupRow>`select * from ${sql.id(schema, 'list_groups')}(${queue}, ${sql.id(schema, 'from_us')}(${after?.at ?? null}::int8),
    ${after?.queue ?? null}, ${after?.fingerprint ?? null}, ${limit}::int4)`.compile(compiler)
}

/** One worker instance; times are milliseconds since the epoch. */
export interface WorkerRow {
  readonly number: number
  readonly id: string
  readonly name: string
  readonly queues: readonly string[]
  readonly alive: boolean
  readonly registered: boolean
  readonly command: number
  readonly about: Readonly<Record<string, unknown>>
  readonly started_at: number
  readonly beat_at: number
  readonly lease_until: number
  readonly ended_at: number | null
  readonly held: string
}

/** Workers after the one named: those that live, then the others. */
export function workersQuery(
  schema: string,
  queue: string | null,
  after: { readonly alive: boolean; readonly number: number } | null,
  limit: number,
): CompiledQuery<WorkerRow> {
  return sql<WorkerRow>`select * from ${sql.id(schema, 'list_workers')}(${queue}, ${after?.alive ?? null}::boolean, ${after?.number ?? null}::int4, ${limit}::int4)`.compile(
    compiler,
  )
}
