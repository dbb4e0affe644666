/**
 * What becomes of one task, as it happens, in whatever process it happens.
 *
 * Made of `fetchById` and `readLog` alone, so that it works on every backend that has the first.
 */
import type { FetchById } from '../backend/capability.ts'
import { supports } from '../backend/capability.ts'
import type { Backend } from '../backend/backend.ts'
import type { Report } from '../backend/visibility.ts'
import type { Clock } from '../clock.ts'
import { isQError, QError } from '../error.ts'
import type { ErrorRecord } from '../error-record.ts'
import { checkKnownOptions } from '../options.ts'
import type { Status } from '../task/status.ts'
import { isFinal } from '../task/status.ts'
import type { Progress, StoredTask, TaskId } from '../task/task.ts'
import type { ReadLogOptions, TaskLogLine } from './log-reader.ts'
import { LogCursor } from './log-reader.ts'
import { Looks } from './look.ts'

/** Looks that must find nothing after a task ended: its worker writes lines beside its end, not before it. */
const QUIET_LOOKS = 3

/** One thing that happened to a task that is watched. */
export type WatchEvent =
  /** Where it stands: first as it is found, then at each change; the last one is final. */
  | {
      readonly type: 'status'
      readonly status: Status
      readonly attempt: number
      /** Somebody asked for its end. */
      readonly cancelling: boolean
      readonly error: ErrorRecord | null
    }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'log'; readonly line: TaskLogLine }

/** How to watch. */
export interface WatchOptions {
  /** With the lines the handler logs, those from before the watch included. Default true, where the backend keeps lines. */
  readonly logs?: boolean
  /** Ends the stream; nothing is thrown. */
  readonly signal?: AbortSignal
}

/** @throws QError `ERR_OPTION` */
export function checkWatchOptions(options: WatchOptions): WatchOptions {
  checkKnownOptions('watch', options, ['logs', 'signal'] satisfies readonly (keyof WatchOptions)[])
  return options
}

/**
 * Follows a task until it has ended. Looks every 50 ms after a change, up to every second without; a status that came
 * and went between two looks is not seen.
 * @throws QError `ERR_TASK_NOT_FOUND` when there is no such task at the first look. One that is deleted later ends the stream.
 */
export async function* watchTask(
  backend: Backend<never> & FetchById,
  id: TaskId,
  clock: Clock,
  options: WatchOptions & Pick<ReadLogOptions, 'after'>,
): AsyncGenerator<WatchEvent> {
  const { signal } = options
  const looks = new Looks(clock, signal)
  const cursor =
    options.logs !== false && supports(backend, 'report') ? new LogCursor(backend, id, options.after) : undefined
  let known: StoredTask | undefined
  let last: readonly WatchEvent[] = []
  let quiet = 0
  while (!looks.over) {
    const stored = await backend.fetchById(id)
    if (stored === null) {
      if (known === undefined) throw new QError('ERR_TASK_NOT_FOUND', `There is no task ${id} to watch.`)
      return
    }
    let lines = 0
    for await (const line of cursor?.rest(signal) ?? []) {
      lines++
      yield { type: 'log', line }
    }
    const events = changes(known, stored)
    known = stored
    if (isFinal(stored.status)) {
      // The end is told last, so it waits until the lines are quiet.
      if (events.length > 0) last = events
      quiet = lines === 0 ? quiet + 1 : 0
      if (cursor === undefined || quiet === QUIET_LOOKS) return yield* last
    } else yield* events
    await looks.next(events.length > 0 || lines > 0)
  }
}

/** The lines of a task until it has ended, or is gone. An unknown task has none. */
export async function* followLines(
  backend: Backend<never> & Report & FetchById,
  id: TaskId,
  clock: Clock,
  { after, signal }: ReadLogOptions,
): AsyncGenerator<TaskLogLine> {
  const watched = { ...(after === undefined ? {} : { after }), ...(signal === undefined ? {} : { signal }) }
  try {
    for await (const event of watchTask(backend, id, clock, watched)) if (event.type === 'log') yield event.line
  } catch (error) {
    if (!isQError(error, 'ERR_TASK_NOT_FOUND')) throw error
  }
}

function changes(before: StoredTask | undefined, now: StoredTask): WatchEvent[] {
  const events: WatchEvent[] = []
  const { progress } = now
  if (progress !== null && !sameProgress(before?.progress ?? null, progress))
    events.push({ type: 'progress', progress })
  const { status, attempt, cancelling, error } = now
  if (before?.status !== status || before.attempt !== attempt || before.cancelling !== cancelling)
    events.push({ type: 'status', status, attempt, cancelling, error })
  return events
}

function sameProgress(a: Progress | null, b: Progress): boolean {
  return a !== null && a.done === b.done && a.total === b.total && a.note === b.note
}
