/** The calls that list and count tasks through one index. */
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'
import type { TaskRow } from '../task-row.ts'

/** The functions that read one index each, in the order of their lists. */
type SourceName = 'list_live' | 'list_error' | 'list_held' | 'list_ended' | 'list_bad'

/** Which tasks of one source. */
export interface SourceRequest {
  readonly source: SourceName
  readonly queue: string | null
  /** Numbers as in `live.state` and `outcome.status`; null for all. */
  readonly states: readonly number[] | null
  readonly fingerprint: string | null
  /** Milliseconds since the epoch, of the push. */
  readonly createdFrom: number | null
  readonly createdTo: number | null
  /** The entry after which to start: microseconds since the epoch and id, null for the first. `now`: what is due from now on. */
  readonly after: { readonly at: string; readonly id: string } | 'now' | null
  readonly limit: number
  /** Of how many entries, about, the state may be looked at. */
  readonly look: number
  /** How many entries may be checked otherwise. */
  readonly check: number
}

/** A task with its place in the list, or (queue null) the place from where to continue. */
export type ListedRow = { readonly at_us: string; readonly id: string } & (TaskRow | { readonly queue: null })

/** One page of one source. */
export function listQuery(schema: string, request: SourceRequest): CompiledQuery<ListedRow> {
  return sql<ListedRow>`select * from ${sql.id(schema, 'list_tasks')}(${parameters(schema, request)})`.compile(compiler)
}

/** How many tasks one source finds, up to the limit; whether that is all of them. */
export function countQuery(schema: string, request: SourceRequest): CompiledQuery<{ n: string; complete: boolean }> {
  return sql<{
    n: string
    complete: boolean
  }>`select n, complete from ${sql.id(schema, 'count_tasks')}(${parameters(schema, request)})`.compile(compiler)
}

/** How many tasks are not yet due, of one queue or of all (null). */
export function scheduledQuery(
  schema: string,
  queue: string | null,
  look: number,
): CompiledQuery<{ n: string; complete: boolean }> {
  return sql<{
    n: string
    complete: boolean
  }>`select n, complete from ${sql.id(schema, 'count_scheduled')}(${queue}, ${look}::int4)`.compile(compiler)
}

function parameters(schema: string, request: SourceRequest) {
  const { after } = request
  const at =
    after === 'now'
      ? sql`clock_timestamp()`
      : sql`${sql.id(schema, 'from_us')}(${after === null ? null : after.at}::int8)`
  const id =
    after === 'now' ? sql`'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid` : sql`${after === null ? null : after.id}::uuid`
  return sql`${request.source}, ${request.queue}, ${request.states}::int2[], ${request.fingerprint},
    to_timestamp(${request.createdFrom}::float8 / 1000), to_timestamp(${request.createdTo}::float8 / 1000),
    ${at}, ${id}, ${request.limit}::int4, ${request.look}::int4, ${request.check}::int4`
}
