/** What idempotency keys stand for. */
import type { Encoded, TaskId } from '../task/task.ts'

/** The task of a key, and the payload as it was pushed, whatever it was changed to since. */
export interface KeyEntry {
  readonly id: TaskId
  readonly payload: Encoded
}

/** One text for a queue and a key: no queue name contains a space, so no two pairs give the same. */
export function keyOf(queue: string, key: string): string {
  return `${queue} ${key}`
}
