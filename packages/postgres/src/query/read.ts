/** Reads of single tasks: one by id, and the outcomes of those that are waited for. */
import type { ErrorRecord, Metadata } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'

/** One task in any status. Times are milliseconds since the epoch. */
export interface TaskRow {
  readonly queue: string
  readonly priority: number
  /** 0 to 3 in `live`, 4 to 6 in `outcome`. */
  readonly state: number
  readonly attempt: number
  readonly crashes: number
  readonly max_attempts: number | null
  readonly created_at: number
  readonly run_at: number
  readonly finished_at: number | null
  readonly codec: string
  readonly payload: Buffer
  readonly metadata: Metadata | null
  readonly result_codec: string | null
  readonly result: Buffer | null
  readonly error: ErrorRecord | null
}

/** At most one row. A task that ends between two reads is found in one of the two: both are one statement. */
export function taskQuery(schema: string, id: string): CompiledQuery<TaskRow> {
  return sql<TaskRow>`select l.queue, l.priority, coalesce(o.status, v.state) as state, coalesce(o.attempt, v.attempt) as attempt,
      coalesce(o.crashes, v.crashes) as crashes, t.max_attempts, ${ms('t.created_at')} as created_at,
      coalesce(${ms('o.run_at')}, ${ms('v.run_at')}) as run_at, ${ms('o.finished_at')} as finished_at,
      t.codec, t.payload, t.metadata, o.codec as result_codec, o.result, coalesce(o.error, v.error) as error
    from ${sql.id(schema, 'task')} t
    left join ${sql.id(schema, 'live')} v on v.id = t.id
    left join ${sql.id(schema, 'outcome')} o on o.id = t.id
    join ${sql.id(schema, 'lane')} l on l.id = coalesce(o.lane, v.lane)
    where t.id = ${id}::uuid`.compile(compiler)
}

/** How a task that is waited for stands; `status` null while it has not ended. */
export interface OutcomeRow {
  readonly id: string
  readonly queue: string
  readonly status: number | null
  readonly attempt: number
  readonly finished_at: number
  readonly codec: string | null
  readonly result: Buffer | null
  readonly error: ErrorRecord | null
}

/** The named tasks that ended, in the order in which they did. */
export function outcomesQuery(schema: string, ids: readonly string[]): CompiledQuery<OutcomeRow> {
  return sql<OutcomeRow>`select o.id, l.queue, o.status, o.attempt, ${ms('o.finished_at')} as finished_at, o.codec, o.result, o.error
    from ${sql.id(schema, 'outcome')} o join ${sql.id(schema, 'lane')} l on l.id = o.lane
    where o.id = any(${ids}::uuid[]) order by o.finished_at, o.id`.compile(compiler)
}

/** Which of the named tasks do not exist at all. */
export function unknownQuery(schema: string, ids: readonly string[]): CompiledQuery<{ id: string }> {
  return sql<{ id: string }>`select s.id from unnest(${ids}::uuid[]) as s(id)
    where not exists (select from ${sql.id(schema, 'task')} t where t.id = s.id)`.compile(compiler)
}

function ms(column: 't.created_at' | 'o.run_at' | 'v.run_at' | 'o.finished_at') {
  return sql`(extract(epoch from ${sql.ref(column)}) * 1000)::float8`
}
