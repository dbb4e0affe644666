/** What people and programs do to tasks, queues and workers from outside. */
import type {
  CancelAnswer,
  ControlAnswer,
  InstanceId,
  ResumeAnswer,
  Retention,
  TaskChange,
  TaskId,
  WorkerCommand,
} from '@q/core'
import { checkChange, checkInteger, checkKnownOptions, checkQueueName, QError, storableReason } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { buffer, deadlineOf } from './columns.ts'
import type { Run } from './connection/run.ts'
import { isUuid } from './cursor.ts'
import type { AnswerRow } from './query/control.ts'
import {
  cancelQuery,
  changeQuery,
  commandQuery,
  pauseQuery,
  removeQuery,
  resumeTasksQuery,
  vacuumQuery,
} from './query/control.ts'
import { cancelledError } from './schema/words.ts'
import type { Vacuumed } from './vacuumed.ts'

const MOST_VACUUMED = 10_000
/** Ids in one statement. */
const BATCH = 1_000
const COMMANDS: readonly WorkerCommand[] = ['work', 'pause', 'stop']
const RETENTION: readonly (keyof Retention)[] = ['doneMs', 'killedMs', 'cancelledMs']

/** See `Update`. */
export async function update(run: Run, schema: string, id: TaskId, change: TaskChange): Promise<ControlAnswer> {
  checkChange(change)
  if (!isUuid(id)) return 'unknown'
  const { payload, priority, maxAttempts, metadata, due } = change
  const changes = JSON.stringify({ priority, maxAttempts, metadata, due, limits: limitChange(change) })
  const bytes = payload === undefined ? null : buffer(payload.bytes)
  const [row] = await run(changeQuery(schema, [id, changes, payload?.codec ?? null, bytes]), 'update a task')
  return (['unknown', 'applied', 'busy', 'ended'] as const)[Number(row!.answer)] ?? 'unknown'
}

/** See `Cancel`. */
export async function cancel(
  run: Run,
  schema: string,
  ids: readonly TaskId[],
  reason?: string,
): Promise<CancelAnswer[]> {
  const told = reason === undefined ? undefined : storableReason('cancel', 'reason', reason)
  const error = JSON.stringify(cancelledError(told))
  const answers: readonly CancelAnswer[] = ['unknown', 'cancelled', 'unknown', 'ended', 'cancelling']
  return forEach(run, ids, answers, (batch) => cancelQuery(schema, [batch, error]), 'cancel tasks')
}

/** See `ResumeById`. */
export function resumeById(run: Run, schema: string, ids: readonly TaskId[]): Promise<ResumeAnswer[]> {
  return forEach(run, ids, ['unknown', 'resumed', 'busy'], (batch) => resumeTasksQuery(schema, [batch]), 'resume tasks')
}

/** See `Remove`. */
export function remove(run: Run, schema: string, ids: readonly TaskId[]): Promise<ControlAnswer[]> {
  return forEach(run, ids, ['unknown', 'applied', 'busy'], (batch) => removeQuery(schema, [batch]), 'remove tasks')
}

/** See `Pause`. */
export async function pause(
  run: Run,
  schema: string,
  queue: string,
  info: { readonly by?: string; readonly reason?: string },
): Promise<void> {
  const told = (['by', 'reason'] as const).map((name) => {
    const text = info[name]
    return text === undefined ? null : storableReason('pause', name, text)
  })
  await run(pauseQuery(schema, [checkQueueName(queue), ...told]), 'pause a queue')
}

/** See `CommandWorker`. */
export async function commandWorker(
  run: Run,
  schema: string,
  instance: InstanceId,
  command: WorkerCommand,
): Promise<boolean> {
  const number = COMMANDS.indexOf(command)
  if (number === -1)
    throw new QError(
      'ERR_OPTION',
      `commandWorker: command must be one of ${COMMANDS.join(', ')}, got ${String(command)}.`,
    )
  if (!isUuid(instance)) return false
  const [row] = await run(commandQuery(schema, [instance, number]), 'command a worker')
  return row!.found
}

/** See `Vacuum`. */
export async function vacuum(
  run: Run,
  schema: string,
  queue: string,
  retention: Retention,
  limit: number,
  vacuumed: Vacuumed,
): Promise<number> {
  checkQueueName(queue)
  const spans = retentionSpans('vacuum', retention, limit)
  const [row] = await run(vacuumQuery(schema, [queue, ...spans, limit, vacuumed.upTo(queue)]), 'vacuum a queue')
  if (row!.done_to !== null) vacuumed.reached(queue, Number(row!.done_to))
  return Number(row!.deleted)
}

/**
 * The spans of a retention in the order done, killed, cancelled; null keeps.
 * @throws QError `ERR_OPTION`
 */
export function retentionSpans(where: string, retention: Retention, limit: number): (number | null)[] {
  checkInteger(where, 'limit', limit, 1, MOST_VACUUMED)
  checkKnownOptions(where, retention, RETENTION)
  for (const name of RETENTION)
    if (retention[name] !== undefined) checkInteger(where, name, retention[name], 0, Number.MAX_SAFE_INTEGER)
  return RETENTION.map((name) => retention[name] ?? null)
}

/** What a change does to limits: absent stays, null goes. */
function limitChange({ timeoutMs, deadline }: TaskChange): object | undefined {
  if (timeoutMs === undefined && deadline === undefined) return undefined
  const until = deadline === undefined ? {} : { deadline: null, ...(deadline === null ? {} : deadlineOf(deadline)) }
  return { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...until }
}

/** Sends ids in order, each once, in bounded batches; an answer for each as given. */
async function forEach<Answer>(
  run: Run,
  ids: readonly TaskId[],
  answers: readonly Answer[],
  query: (batch: readonly TaskId[]) => CompiledQuery<AnswerRow>,
  what: string,
): Promise<Answer[]> {
  const distinct = [...new Set(ids)].filter(isUuid).sort()
  const found = new Map<TaskId, Answer>()
  for (let at = 0; at < distinct.length; at += BATCH)
    for (const row of await run(query(distinct.slice(at, at + BATCH)), what))
      found.set(row.id, answers[Number(row.answer)] ?? answers[0]!)
  return ids.map((id) => found.get(id) ?? answers[0]!)
}
