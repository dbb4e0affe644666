/** What handlers say, and the history of a task: the calls that write and read them. */
import type { ErrorRecord, LogLevel, NewLogLine, Progress } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'

/** By number, as stored. */
export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** The latest progress of one task under its token. */
export interface ProgressEntry {
  readonly id: string
  readonly token: string
  readonly progress: Progress
}

/** Keeps progress of distinct tasks and lines in order. */
export function reportQuery(
  schema: string,
  said: readonly ProgressEntry[],
  lines: readonly { readonly id: string; readonly line: NewLogLine }[],
): CompiledQuery<unknown> {
  return sql`select ${sql.id(schema, 'report')}(
    ${said.map((entry) => entry.id)}::uuid[], ${said.map((entry) => entry.token)}::int8[],
    ${said.map((entry) => entry.progress.done)}::float8[], ${said.map((entry) => entry.progress.total)}::float8[],
    ${said.map((entry) => entry.progress.note)}::text[],
    ${lines.map(({ id }) => id)}::uuid[], ${lines.map(({ line }) => line.attempt)}::int2[],
    ${lines.map(({ line }) => LEVELS.indexOf(line.level))}::int2[], ${lines.map(({ line }) => line.at)}::float8[],
    ${lines.map(({ line }) => line.message)}::text[], ${lines.map(({ line }) => line.fields)}::text[])`.compile(
    compiler,
  )
}

/** A stored line; `at` in milliseconds since the epoch. */
export interface LineRow {
  readonly seq: string
  readonly attempt: number
  readonly level: number
  readonly at: number
  readonly message: string
  readonly fields: string | null
}

/** Lines of a task in order, those after `after`; older ones than the last `kept` are not shown. */
export function linesQuery(
  schema: string,
  id: string,
  after: string | null,
  limit: number,
  kept: number,
): CompiledQuery<LineRow> {
  const log = sql.id(schema, 'log')
  return sql<LineRow>`select seq, attempt, level, (extract(epoch from at) * 1000)::float8 as at, message, fields
    from ${log}
    where id = ${id}::uuid and seq > coalesce(${after}::int8, 0)
      and seq > coalesce((select n.seq from ${log} n where n.id = ${id}::uuid order by n.seq desc offset ${kept}::int4 limit 1), 0)
    order by seq limit ${limit}::int4`.compile(compiler)
}

/** One attempt. `result`: 2 running, 3 failed, 4 done, 5 killed, 6 cancelled, 10 crashed. Times are milliseconds since the epoch. */
export interface AttemptRow {
  readonly attempt: number
  readonly result: number
  readonly worker: string | null
  readonly instance: string | null
  readonly claimed_at: number
  readonly ended_at: number | null
  readonly ran_ms: number | null
  readonly error: ErrorRecord | null
}

/**
 * The last attempts of a task in order: those that are rows, the last one of a task that ended, which stands in its
 * outcome, and the one under way. Tokens grow, and tell when a task was claimed.
 */
export function attemptsQuery(schema: string, id: string, limit: number): CompiledQuery<AttemptRow> {
  const table = (name: string) => sql.id(schema, name)
  return sql<AttemptRow>`select a.attempt, a.result, w.name as worker, w.id as instance, (a.token >> 20)::float8 as claimed_at,
      (extract(epoch from a.ended_at) * 1000)::float8 as ended_at, a.ran_ms, a.error
    from (
      select * from (
        (select token, attempt, result, worker, ran_ms, ended_at, error from ${table('attempt')}
          where id = ${id}::uuid order by token desc limit ${limit}::int4)
        union all
        select o.token, o.attempt, o.status, o.worker, o.ran_ms, o.finished_at, o.error
          from ${table('outcome')} o
         where o.id = ${id}::uuid and o.token <> 0
           and not exists (select from ${table('attempt')} x where x.id = o.id and x.token = o.token)
        union all
        select v.token, v.attempt, 2, c.worker, null, null, null
          from ${table('live')} v left join ${table('claim')} c on c.token = v.token
         where v.id = ${id}::uuid and v.state in (1, 2)
      ) as parts order by token desc limit ${limit}::int4
    ) as a
    left join ${table('worker')} w on w.number = a.worker
    order by a.token`.compile(compiler)
}
