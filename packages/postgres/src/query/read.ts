/** Reads of single tasks: one by id, and the outcomes of those that are waited for. */
import type { ErrorRecord } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'
import type { TaskRow } from '../task-row.ts'
import type { Listed } from '../listed.ts'

/** At most one row. A task that ends between two reads is found in one of the two: both are one statement. */
export function taskQuery(schema: string, id: string): CompiledQuery<TaskRow> {
  return sql<TaskRow>`select ${COLUMNS}
    from ${sql.id(schema, 'task')} t
    left join ${sql.id(schema, 'live')} v on v.id = t.id
    left join ${sql.id(schema, 'outcome')} o on o.id = t.id
    left join ${sql.id(schema, 'progress')} g on g.id = t.id
    join ${sql.id(schema, 'lane')} l on l.id = coalesce(o.lane, v.lane)
    where t.id = ${id}::uuid`.compile(compiler)
}

/** Tasks by id, in no order. Those that do not exist are left out. */
export function tasksQuery(schema: string, ids: readonly string[]): CompiledQuery<TaskRow> {
  return sql<TaskRow>`select ${COLUMNS} from unnest(${ids}::uuid[]) as s(id) ${read(schema, 's')}`.compile(compiler)
}

/** Which steps of a run. */
export interface StepListRequest {
  readonly run: string
  /** Only those that live. */
  readonly unfinished: boolean
  /** The id after which to start. */
  readonly after: string | null
  /** One more is returned, if there is one. */
  readonly limit: number
  /** How many entries may be looked at. */
  readonly look: number
}

/** One page of the steps of a run. */
export function stepsQuery(schema: string, request: StepListRequest): CompiledQuery<Listed<TaskRow>> {
  const { run, unfinished, after, limit, look } = request
  return sql<Listed<TaskRow>>`select f.id as listed, f.fits, f.stopped, ${COLUMNS}
    from ${sql.id(schema, 'list_steps')}(${run}::uuid, ${unfinished}::boolean, ${after}::uuid, ${limit}::int4, ${look}::int4)
      with ordinality as f(id, fits, stopped, ord)
    ${read(schema, 'f')}
    order by f.ord`.compile(compiler)
}

/** A task as every read returns it. */
const COLUMNS = sql`t.id, l.queue, l.priority, coalesce(o.status, v.state) as state, coalesce(o.attempt, v.attempt) as attempt,
      coalesce(o.crashes, v.crashes) as crashes, t.max_attempts, ${ms('t.created_at')} as created_at,
      coalesce(${ms('o.run_at')}, ${ms('v.run_at')}) as run_at, ${ms('o.finished_at')} as finished_at,
      t.codec, t.payload, t.metadata, t.limits, o.codec as result_codec, o.result, coalesce(o.error, v.error) as error,
      v.cancelling, g.done, g.total, g.note, t.run, t.node, t.index`

/** Joins what {@link COLUMNS} reads to a list of ids, each look-up one probe of a primary key. */
function read(schema: string, ids: string) {
  const by = (table: string, name: string) =>
    sql`(select * from ${sql.id(schema, table)} x where x.id = ${sql.ref(`${ids}.id`)} offset 0) as ${sql.id(name)}`
  return sql`cross join lateral ${by('task', 't')}
    left join lateral ${by('live', 'v')} on true
    left join lateral ${by('outcome', 'o')} on true
    left join lateral ${by('progress', 'g')} on true
    cross join lateral (select * from ${sql.id(schema, 'lane')} x where x.id = coalesce(o.lane, v.lane) offset 0) as l`
}

/** How a task that is waited for ended; of one that does not exist only the id, all else null. */
export type OutcomeRow =
  | {
      readonly id: string
      readonly queue: string
      readonly status: number
      readonly attempt: number
      readonly finished_at: number
      readonly codec: string | null
      readonly result: Buffer | null
      readonly error: ErrorRecord | null
    }
  | { readonly id: string; readonly status: null }

/**
 * Of the named tasks those that ended, in the order in which they did, and those that do not exist. The laterals with
 * offset 0 keep each look-up one probe of a primary key, whatever the planner believes of tables it never analysed.
 */
export function outcomesQuery(schema: string, ids: readonly string[]): CompiledQuery<OutcomeRow> {
  return sql<OutcomeRow>`select s.id, l.queue, o.status, o.attempt, ${ms('o.finished_at')} as finished_at, o.codec, o.result, o.error
    from unnest(${ids}::uuid[]) as s(id)
    left join lateral (select * from ${sql.id(schema, 'outcome')} x where x.id = s.id offset 0) o on true
    left join lateral (select x.id from ${sql.id(schema, 'task')} x where x.id = s.id and o.id is null offset 0) t on true
    left join ${sql.id(schema, 'lane')} l on l.id = o.lane
    where o.id is not null or t.id is null
    order by o.finished_at, s.id`.compile(compiler)
}

function ms(column: 't.created_at' | 'o.run_at' | 'v.run_at' | 'o.finished_at') {
  return sql`(extract(epoch from ${sql.ref(column)}) * 1000)::float8`
}
