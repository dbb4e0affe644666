/** The calls by which people act on tasks, queues and workers. */
import type { CompiledQuery } from 'kysely'
import type { FixedQuery } from '../connection/call.ts'
import { callOf } from '../connection/call.ts'

/** What became of a task: 0 unknown, 1 applied (ended, resumed, removed), 2 busy, 3 ended, 4 cancelling. */
export interface AnswerRow {
  readonly id: string
  readonly answer: number
}

/** Changes a waiting task; the text is what changes as JSON, see `change_task`. */
export const changeQuery: FixedQuery<{ answer: number }> = callOf<{ answer: number }>(
  'change_task',
  'change_task as answer',
  ['uuid', 'jsonb', 'text', 'bytea'],
)
/** Ends tasks; ids are distinct and sorted. */
export const cancelQuery: FixedQuery<AnswerRow> = callOf<AnswerRow>('cancel', 'id, answer', ['uuid[]', 'jsonb'])
/** Gives tasks a new life; ids are distinct and sorted. */
export const resumeTasksQuery: FixedQuery<AnswerRow> = callOf<AnswerRow>('resume_tasks', 'id, answer', ['uuid[]'])
/** Deletes tasks; ids are distinct and sorted. */
export const removeQuery: FixedQuery<AnswerRow> = callOf<AnswerRow>('remove_tasks', 'id, answer', ['uuid[]'])
/** Pauses a queue: name, by, reason. */
export const pauseQuery: FixedQuery<unknown> = callOf<unknown>('pause_queue', '1', ['text', 'text', 'text'])
const resume = callOf<unknown>('resume_queue', '1', ['text'])
/** Asks a worker for something: instance, 0 work, 1 pause, 2 stop. */
export const commandQuery: FixedQuery<{ found: boolean }> = callOf<{ found: boolean }>(
  'command_worker',
  'command_worker as found',
  ['uuid', 'int2'],
)
/** What a vacuum deleted, and before when (milliseconds since the epoch) no done task is left; null when none were asked for. */
export interface VacuumRow {
  readonly deleted: number
  readonly done_to: number | null
}

/**
 * Deletes finished tasks of a queue: name, spans in milliseconds of done, killed and cancelled ones or null, limit, from
 * when on there may be done ones or null.
 */
export const vacuumQuery: FixedQuery<VacuumRow> = callOf<VacuumRow>('vacuum_queue', 'deleted, done_to', [
  'text',
  'float8',
  'float8',
  'float8',
  'int4',
  'float8',
])

/** Hands out tasks of a queue again. */
export function resumeQueueQuery(schema: string, queue: string): CompiledQuery<unknown> {
  return resume(schema, [queue])
}
