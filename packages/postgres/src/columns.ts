/** Turns a list of values into one array per column, as the functions take them; `null` for a column without a value. */
import type { Due, NewTask, Uniqueness } from '@q/core'
import type { TaskLanes } from './lanes.ts'

/** One array per column; a column in which nothing but null stands is sent as null. */
export function column<Row, Value>(rows: readonly Row[], read: (row: Row) => Value | null): (Value | null)[] | null {
  let some = false
  const values = rows.map((row) => {
    const value = read(row)
    if (value !== null) some = true
    return value
  })
  return some ? values : null
}

/** As `pg` wants bytes: a Buffer over the same memory. */
export function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The parameters of `push`, as parallel arrays. */
export interface TaskColumns {
  readonly ids: readonly string[]
  readonly lanes: TaskLanes
  readonly at: readonly (number | null)[] | null
  readonly delay: readonly (number | null)[] | null
  readonly maxAttempts: readonly (number | null)[] | null
  readonly codecs: readonly string[]
  readonly payloads: readonly Buffer[]
  readonly metadata: readonly (string | null)[] | null
  readonly limits: readonly (string | null)[] | null
  /** `null` when no task has a key and none repeats another's id. */
  readonly keys: KeyColumns | null
}

/** What decides which tasks are stored. */
interface KeyColumns {
  readonly keys: readonly (string | null)[] | null
  readonly uniques: readonly (string | null)[] | null
  /** `null` when ids and keys are distinct; otherwise tasks of a later round meet those of earlier ones. */
  readonly rounds: readonly number[] | null
}

/** Parameters of `push` for tasks whose lanes are known. Shared with the follow-on tasks of `settle_with`. */
export function taskColumns(tasks: readonly NewTask[], lanes: TaskLanes): TaskColumns {
  return {
    ids: tasks.map((task) => task.id),
    lanes,
    at: column(tasks, (task) => ('at' in task.due ? task.due.at : null)),
    delay: column(tasks, (task) => ('afterMs' in task.due && !(task.due.afterMs <= 0) ? task.due.afterMs : null)),
    maxAttempts: column(tasks, (task) => task.maxAttempts),
    codecs: tasks.map((task) => task.payload.codec),
    payloads: tasks.map((task) => buffer(task.payload.bytes)),
    metadata: column(tasks, (task) => (task.metadata === null ? null : JSON.stringify(task.metadata))),
    limits: column(tasks, (task) => limitsOf(task)),
    keys: keyColumns(tasks),
  }
}

/** A deadline as it is stored in a task's limits; one that counts from now is made a moment by the database. */
export function deadlineOf(deadline: Due): { readonly deadline: number } | { readonly afterMs: number } {
  return 'at' in deadline ? { deadline: deadline.at } : { afterMs: deadline.afterMs }
}

/** Whether a task's key may make its push wait for another transaction. */
export function isKeyed(task: NewTask): boolean {
  return task.key !== null || (task.unique ?? null) !== null
}

function limitsOf({ timeoutMs = null, deadline = null }: NewTask): string | null {
  if (timeoutMs === null && deadline === null) return null
  return JSON.stringify({
    ...(timeoutMs === null ? {} : { timeoutMs }),
    ...(deadline === null ? {} : deadlineOf(deadline)),
  })
}

function keyColumns(tasks: readonly NewTask[]): KeyColumns | null {
  const keys = column(tasks, (task) => task.key)
  const uniques = column(tasks, (task) => (task.unique ? uniqueOf(task.unique) : null))
  const rounds = roundsOf(tasks)
  return keys === null && uniques === null && rounds === null ? null : { keys, uniques, rounds }
}

function uniqueOf({ key, while: span, windowMs, otherwise }: Uniqueness): string {
  return JSON.stringify({ key, unfinished: span === 'unfinished', windowMs, replace: otherwise === 'replace' })
}

/** From 1; a task that shares its id or a key with an earlier one comes after it. `null` when all are in the first. */
function roundsOf(tasks: readonly NewTask[]): number[] | null {
  const last = new Map<string, number>()
  let most = 1
  const rounds = tasks.map(({ id, queue, key, unique }) => {
    const names = [`i${id}`]
    if (key !== null) names.push(`k${queue} ${key}`)
    if (unique) names.push(`u${queue} ${unique.key}`)
    const round = 1 + Math.max(...names.map((name) => last.get(name) ?? 0))
    for (const name of names) last.set(name, round)
    most = Math.max(most, round)
    return round
  })
  return most === 1 ? null : rounds
}

/** Types of the arguments that `push`, `push_keyed` and the follow-on tasks of `settle_with` share, in order. */
export const TASK_TYPES: readonly string[] = [
  'uuid[]',
  'int4[]',
  'float8[]',
  'float8[]',
  'int2[]',
  'text[]',
  'bytea[]',
  'jsonb[]',
  'jsonb[]',
  'int4[]',
  'text[]',
  'int2[]',
  'boolean',
]
/** Types of the arguments that come after those for tasks with keys: keys, unique keys, rounds. */
export const KEY_TYPES: readonly string[] = ['text[]', 'jsonb[]', 'int4[]']

/** The arguments of {@link TASK_TYPES}. */
export function valuesOf(t: TaskColumns): unknown[] {
  const { known, queues, priorities, trusted } = t.lanes
  return [
    t.ids,
    t.lanes.of,
    t.at,
    t.delay,
    t.maxAttempts,
    t.codecs,
    t.payloads,
    t.metadata,
    t.limits,
    known,
    queues,
    priorities,
    trusted,
  ]
}

/**
 * A task that was not stored: its place in the batch, from 1, and the id that exists; outcome 1 duplicate, 2 replaced.
 * Place 0: a lane is not what this process thinks, nothing was stored.
 */
export interface PushRow {
  readonly ord: number
  readonly existing: string
  readonly outcome: number
}
