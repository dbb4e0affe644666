/** How a task ended, for whoever waited: a result to read, or the error to tell. */
import type { QueueValues } from '../contract/values.ts'
import { QError } from '../error.ts'
import type { ErrorRecord } from '../error-record.ts'
import { sentence } from '../show.ts'
import type { Outcome, TaskId } from '../task/task.ts'
import { lazily } from './stored-task.ts'

/** One task that ended. */
export type FinishedTask<Result> = {
  readonly id: TaskId
  readonly attempt: number
  /** Milliseconds since the epoch, by the store's clock. */
  readonly finishedAt: number
} & (
  | {
      readonly status: 'done'
      /**
       * What the handler returned, decoded at the first look.
       * @throws QError `ERR_DECODE`, `ERR_INVALID`, `ERR_SCHEMA_ASYNC`
       */
      readonly result: Result
    }
  | { readonly status: 'killed' | 'cancelled'; readonly error: ErrorRecord | null }
)

/** The typed view of an outcome. */
export function finishedTask<Input, Result, Args, Returns>(
  outcome: Outcome,
  values: QueueValues<Input, Result, Args, Returns>,
): FinishedTask<Result> {
  const { id, attempt, finishedAt, status, error } = outcome
  if (status !== 'done') return { id, attempt, finishedAt, status, error }
  const decoded = lazily(() => values.decodeResult(outcome.result))
  return {
    id,
    attempt,
    finishedAt,
    status,
    get result() {
      return decoded()
    },
  }
}

/**
 * The result, or the reason why there is none.
 * @throws QError `ERR_TASK_FAILED` with the stored error as its cause.
 */
export function resultOf<Result>(finished: FinishedTask<Result>): Result {
  if (finished.status === 'done') return finished.result
  const { id, status, attempt, error } = finished
  throw new QError(
    'ERR_TASK_FAILED',
    sentence(
      `Task ${id} was ${status} after ${attempt === 1 ? '1 attempt' : `${attempt} attempts`}${error ? `: ${error.message}` : ''}`,
    ),
    { cause: error },
  )
}
