/** The call of the `push` function, for tasks whose lanes are known. */
import type { NewTask } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'
import { taskColumns } from '../columns.ts'

/** A task that existed already: its place in the batch, from 1, and the id that exists. */
export interface PushRow {
  readonly ord: number
  readonly existing: string
}

/** Stores tasks with distinct ids and keys; the rows returned are the duplicates. */
export function pushQuery(schema: string, tasks: readonly NewTask[], lanes: readonly number[]): CompiledQuery<PushRow> {
  const t = taskColumns(tasks, lanes)
  return sql<PushRow>`select ord, existing from ${sql.id(schema, 'push')}(
    ${t.ids}::uuid[], ${t.lanes}::int4[], ${t.at}::float8[], ${t.delay}::float8[], ${t.maxAttempts}::int2[],
    ${t.codecs}::text[], ${t.payloads}::bytea[], ${t.keys}::text[], ${t.metadata}::jsonb[])`.compile(compiler)
}

/** Makes a queue known at a priority; answers with the lane's id. */
export function ensureLaneQuery(schema: string, queue: string, priority: number): CompiledQuery<{ id: number }> {
  return sql<{
    id: number
  }>`select ${sql.id(schema, 'ensure_lane')}(${queue}, ${priority}::int2) as id`.compile(compiler)
}
