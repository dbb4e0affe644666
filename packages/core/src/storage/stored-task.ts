/** A stored task as its queue's readers see it: args and result decoded, but only when somebody looks. */
import type { QueueValues } from '../contract/values.ts'
import type { StoredTask } from '../task/task.ts'

/**
 * A task in any status. `args` and `result` are decoded and checked at the first look and kept; one that cannot be read
 * throws `ERR_DECODE` or `ERR_INVALID` there, so that a list with it in is still a list. `payload` has the bytes as they are.
 */
export interface StoredTaskOf<Args, Result = unknown> extends Omit<StoredTask, 'result'> {
  /** @throws QError `ERR_DECODE`, `ERR_INVALID`, `ERR_SCHEMA_ASYNC` */
  readonly args: Args
  /**
   * What the handler returned; undefined unless the task is `done`.
   * @throws QError `ERR_DECODE`, `ERR_INVALID`, `ERR_SCHEMA_ASYNC`
   */
  readonly result: Result | undefined
}

/** The typed view of a stored task. */
export function typedTask<Input, Result, Args, Returns>(
  stored: StoredTask,
  values: QueueValues<Input, Result, Args, Returns>,
): StoredTaskOf<Args, Result> {
  const { result, ...rest } = stored
  const args = lazily(() => values.decodeArgs(stored.payload))
  const decoded = lazily(() => (stored.status === 'done' ? values.decodeResult(result) : undefined))
  return {
    ...rest,
    get args() {
      return args()
    },
    get result() {
      return decoded()
    },
  }
}

/** Computes once, at the first call that succeeds. */
export function lazily<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined
  return () => (known ??= { value: compute() }).value
}
