/** The calls of `push` and `push_keyed`, for tasks whose lanes are known. */
import type { CompiledQuery } from 'kysely'
import type { PushRow, TaskColumns } from '../columns.ts'
import { KEY_TYPES, TASK_TYPES, valuesOf } from '../columns.ts'
import { callOf } from '../connection/call.ts'

const plain = callOf<PushRow>('push', 'ord, existing, outcome', TASK_TYPES)
const keyed = callOf<PushRow>('push_keyed', 'ord, existing, outcome', [...TASK_TYPES, ...KEY_TYPES, 'boolean'])
const lane = callOf<{ id: number }>('ensure_lane', 'ensure_lane as id', ['text', 'int2'])

/** Stores tasks; the rows returned are those that were not stored. */
export function pushQuery(schema: string, columns: TaskColumns): CompiledQuery<PushRow> {
  const { keys } = columns
  return keys === null
    ? plain(schema, valuesOf(columns))
    : keyed(schema, [...valuesOf(columns), keys.keys, keys.uniques, keys.rounds, false])
}

/** Makes a queue known at a priority; answers with the lane's id. */
export function ensureLaneQuery(schema: string, queue: string, priority: number): CompiledQuery<{ id: number }> {
  return lane(schema, [queue, priority])
}
