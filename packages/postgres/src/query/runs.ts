/** The calls by which runs are read, changed from outside and forgotten. Times are milliseconds since the epoch. */
import type { ErrorRecord, Metadata } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import type { FixedQuery } from '../connection/call.ts'
import { callOf } from '../connection/call.ts'
import { compiler } from '../connection/compiler.ts'
import { LANE_TYPES, STEP_TYPES } from '../run-columns.ts'
import type { Listed } from '../listed.ts'

/** A run as every read of runs returns it. Numbers as in the table. */
export interface RunRow {
  readonly id: string
  readonly queue: string
  readonly workflow: string
  readonly version: string | null
  readonly hash: string
  readonly status: number
  readonly codec: string
  readonly input: Buffer
  readonly output_codec: string | null
  readonly output: Buffer | null
  readonly error: ErrorRecord | null
  readonly compensation: number | null
  readonly key: string | null
  readonly metadata: Metadata | null
  readonly parent_run: string | null
  readonly parent_task: string | null
  readonly retries: number
  readonly created_at: number
  readonly deadline: number | null
  readonly finished_at: number | null
}

/** Which runs of a list. */
export interface RunListRequest {
  readonly queue: string | null
  readonly workflow: string | null
  /** Number as in the table. */
  readonly status: number | null
  readonly parent: string | null
  /** The entry after which to start: microseconds since the epoch and id; null for the first. */
  readonly after: { readonly at: string; readonly id: string } | null
  /** One more is returned, if there is one. */
  readonly limit: number
  /** How many entries may be looked at. */
  readonly look: number
}

/** When the entry was made, in microseconds since the epoch. */
interface Placed {
  readonly at_us: string
}

/** The run with an id, if there is one. */
export function runQuery(schema: string, id: string): CompiledQuery<RunRow> {
  return sql<RunRow>`select ${COLUMNS} from ${sql.id(schema, 'run')} r where r.id = ${id}::uuid`.compile(compiler)
}

/** One page of runs. */
export function runsQuery(schema: string, request: RunListRequest): CompiledQuery<Listed<RunRow> & Placed> {
  const { queue, workflow, status, parent, after, limit, look } = request
  return sql<Listed<RunRow> & Placed>`select f.at_us, f.id as listed, f.fits, f.stopped, ${COLUMNS}
    from ${sql.id(schema, 'list_runs')}(${queue}, ${workflow}, ${status}::int2, ${parent}::uuid,
      ${sql.id(schema, 'from_us')}(${after?.at ?? null}::int8), ${after?.id ?? null}::uuid, ${limit}::int4, ${look}::int4)
      with ordinality as f(at_us, id, fits, stopped, ord)
    cross join lateral (select * from ${sql.id(schema, 'run')} x where x.id = f.id offset 0) r
    order by f.ord`.compile(compiler)
}

/** Runs that stand still, the oldest first. */
export function stuckRunsQuery(schema: string, limit: number): CompiledQuery<RunRow> {
  return sql<RunRow>`select ${COLUMNS}
    from ${sql.id(schema, 'stuck_runs')}(${limit}::int4) with ordinality as f(id, ord)
    cross join lateral (select * from ${sql.id(schema, 'run')} x where x.id = f.id offset 0) r
    order by f.ord`.compile(compiler)
}

/** Of the named runs those that have ended, in the order in which they did, and those that do not exist (all null but `named`). */
export function endedRunsQuery(
  schema: string,
  ids: readonly string[],
): CompiledQuery<{ readonly named: string } & (RunRow | { readonly id: null })> {
  return sql<{ readonly named: string } & RunRow>`select s.id as named, ${COLUMNS}
    from unnest(${ids}::uuid[]) as s(id)
    left join lateral (select * from ${sql.id(schema, 'run')} x where x.id = s.id offset 0) r on true
    where r.id is null or r.finished_at is not null
    order by r.finished_at, s.id`.compile(compiler)
}

const COLUMNS = sql`r.id, r.queue, r.workflow, r.version, r.hash, r.status, r.codec, r.input, r.output_codec, r.output, r.error,
      r.compensation, r.key, r.metadata, r.parent_run, r.parent_task, r.retries,
      (extract(epoch from r.created_at) * 1000)::float8 as created_at, (extract(epoch from r.deadline) * 1000)::float8 as deadline,
      (extract(epoch from r.finished_at) * 1000)::float8 as finished_at`

const JOINS = ['uuid[]', 'int4[]', 'int4[]', 'int4[]']
const STEPS = [...STEP_TYPES, ...LANE_TYPES]

/** What became of the cancel of a run by its place in the batch, from 1: 0 unknown, 1 cancelling, 2 already, 3 ended. Place 0 as in `PushRow`. */
export interface CancelRunRow {
  readonly ord: number
  readonly answer: number
}

/** Cancels runs: ids, distinct and sorted; what each ends with; the step that ends each. */
export const cancelRunsQuery: FixedQuery<CancelRunRow> = callOf<CancelRunRow>('cancel_runs', 'ord, answer', [
  'uuid[]',
  'jsonb[]',
  ...STEPS,
])
/** 0 unknown, 1 done, 2 busy, 3 stale; 4: a lane is not what it was thought to be. */
type Mended = { readonly answer: number }
/** Runs a run again: its id, how often it was; steps to resume, steps to forget, joins, new steps. */
export const retryRunQuery: FixedQuery<Mended> = callOf<Mended>('retry_run', 'retry_run as answer', [
  'uuid',
  'int4',
  'uuid[]',
  'uuid[]',
  ...JOINS,
  ...STEPS,
])
/** Mends a run: its id, joins, new steps. */
export const repairRunQuery: FixedQuery<Mended> = callOf<Mended>('repair_run', 'repair_run as answer', [
  'uuid',
  ...JOINS,
  ...STEPS,
])
/** Deletes runs of a queue: name, spans in milliseconds of done, failed and cancelled ones or null, limit. */
export const vacuumRunsQuery: FixedQuery<{ deleted: number; more: boolean }> = callOf<{
  deleted: number
  more: boolean
}>('vacuum_runs', 'deleted, more', ['text', 'float8', 'float8', 'float8', 'int4'])
