/** Turns a list of values into one array per column, as the functions take them; `null` for a column without a value. */
import type { NewTask } from '@q/core'

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
  readonly lanes: readonly number[]
  readonly at: readonly (number | null)[] | null
  readonly delay: readonly (number | null)[] | null
  readonly maxAttempts: readonly (number | null)[] | null
  readonly codecs: readonly string[]
  readonly payloads: readonly Buffer[]
  readonly keys: readonly (string | null)[] | null
  readonly metadata: readonly (string | null)[] | null
}

/** Arrays of `push`'s parameters from `p_ids` on, in order. Shared with the follow-on tasks of `settle`. */
export function taskColumns(tasks: readonly NewTask[], lanes: readonly number[]): TaskColumns {
  return {
    ids: tasks.map((task) => task.id),
    lanes,
    at: column(tasks, (task) => ('at' in task.due ? task.due.at : null)),
    delay: column(tasks, (task) => ('afterMs' in task.due && task.due.afterMs > 0 ? task.due.afterMs : null)),
    maxAttempts: column(tasks, (task) => task.maxAttempts),
    codecs: tasks.map((task) => task.payload.codec),
    payloads: tasks.map((task) => buffer(task.payload.bytes)),
    keys: column(tasks, (task) => task.key),
    metadata: column(tasks, (task) => (task.metadata === null ? null : JSON.stringify(task.metadata))),
  }
}
