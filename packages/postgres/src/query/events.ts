/** The call that reads what happened to the tasks of a queue. */
import type { ErrorRecord } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'

/** A place in a stream: microseconds since the epoch, and an id. */
export interface Place {
  readonly at: string
  readonly id: string
}

/** One event, or (id null) none; with the clock and the oldest transaction under way as they were when this was read. */
export type EventRow = { readonly now_us: string; readonly oldest: string } & (
  | {
      readonly at_us: string
      readonly id: string
      readonly token: string
      /** 3 failed, 4 done, 5 killed, 6 cancelled, 10 crashed. */
      readonly type: number
      readonly attempt: number
      readonly error: ErrorRecord | null
    }
  | { readonly id: null }
)

/** Which part of a stream. */
export interface EventsRequest {
  readonly queue: string
  readonly after: Place
  /** Microseconds since the epoch; null: no end. */
  readonly until: string | null
  /**
   * Not null: only what was written by transactions that had not ended when this one was the oldest under way.
   * `now`: the one that is now.
   */
  readonly recent: { readonly xmin: string } | 'now' | null
  readonly limit: number
}

/** Events in order. */
export function eventsQuery(schema: string, request: EventsRequest): CompiledQuery<EventRow> {
  const { queue, after, until, recent, limit } = request
  const micros = (us: string) => sql`${sql.id(schema, 'from_us')}(${us}::int8)`
  const oldest = sql`pg_snapshot_xmin(pg_current_snapshot())::xid`
  return sql<EventRow>`select ${sql.id(schema, 'to_us')}(clock_timestamp()) as now_us, ${oldest}::text as oldest, e.*
    from (values (1)) as one left join ${sql.id(schema, 'list_events')}(${queue}, ${micros(after.at)}, ${after.id}::uuid,
      ${until === null ? sql`'infinity'::timestamptz` : micros(until)},
      ${recent === 'now' ? oldest : sql`${recent === null ? null : recent.xmin}::text::xid`}, ${limit}::int4) as e on true`.compile(
    compiler,
  )
}
