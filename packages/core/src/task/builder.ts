/** A task as a producer writes it: args and, chained, everything else. */
import type { Duration } from '../duration.ts'
import type { PushOptions } from './push-options.ts'
import type { Metadata, TaskId } from './task.ts'
import type { UniqueOptions } from './unique.ts'

/** Args with push options, immutable: each method returns a new one. Made by {@link task}. */
export class TaskBuilder<Args> {
  readonly args: Args
  readonly options: PushOptions

  constructor(args: Args, options: PushOptions = {}) {
    this.args = args
    this.options = options
  }

  /** Sets a UUID of your own. */
  id(id: TaskId): TaskBuilder<Args> {
    return this.#with({ id })
  }
  /** Runs at a moment: a `Date` or milliseconds since the epoch. */
  runAt(runAt: Date | number): TaskBuilder<Args> {
    return this.#with({ runAt })
  }
  /** Runs after a span, counted from the push by the store's clock. */
  runAfter(runAfter: Duration): TaskBuilder<Args> {
    return this.#with({ runAfter })
  }
  /** -100 to 100, larger runs first. */
  priority(priority: number): TaskBuilder<Args> {
    return this.#with({ priority })
  }
  /** Executions allowed in all, 1 to 1000. */
  maxAttempts(maxAttempts: number): TaskBuilder<Args> {
    return this.#with({ maxAttempts })
  }
  /** The longest one attempt may take. */
  timeout(timeout: Duration): TaskBuilder<Args> {
    return this.#with({ timeout })
  }
  /** A moment after which no attempt starts and one under way is ended. */
  deadline(deadline: Date | number): TaskBuilder<Args> {
    return this.#with({ deadline })
  }
  /** The same as a span, counted from the push by the store's clock. */
  deadlineAfter(deadlineAfter: Duration): TaskBuilder<Args> {
    return this.#with({ deadlineAfter })
  }
  /** Idempotency key, unique in the queue for ever. */
  key(key: string): TaskBuilder<Args> {
    return this.#with({ key })
  }
  /** At most one task with this key at a time: by default until it ended, and the one that is there stays. */
  unique(unique: string | UniqueOptions): TaskBuilder<Args> {
    return this.#with({ unique })
  }
  /** Runs once the key was not pushed for `wait`, with what was pushed last. */
  debounce(key: string, wait: Duration): TaskBuilder<Args> {
    return this.#with({ debounce: { key, wait } })
  }
  /** Stores at most one task of the key per span; the first stands. */
  throttle(key: string, per: Duration): TaskBuilder<Args> {
    return this.#with({ throttle: { key, per } })
  }
  /** Adds small strings that travel with the task. */
  metadata(metadata: Metadata): TaskBuilder<Args> {
    return this.#with({ metadata: { ...this.options.metadata, ...metadata } })
  }

  #with(more: PushOptions): TaskBuilder<Args> {
    return new TaskBuilder(this.args, { ...this.options, ...more })
  }
}

/** Starts a task: `task(42).runAfter('1s').priority(1)`. */
export function task<Args>(args: Args, options: PushOptions = {}): TaskBuilder<Args> {
  return new TaskBuilder(args, options)
}
