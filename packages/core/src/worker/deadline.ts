/** What becomes of a task whose deadline passes: it is killed, because nobody waits for it any more. */
import { QError } from '../error.ts'

/**
 * The error a task is killed with at its deadline.
 * @param cause What the last attempt failed with, where it did.
 */
export function deadlineError(id: string, cause?: unknown): QError {
  return new QError(
    'ERR_DEADLINE',
    `The deadline of task ${id} passed before it was done. Push it with a later deadline, or have more workers.`,
    cause === undefined ? undefined : { cause },
  )
}
