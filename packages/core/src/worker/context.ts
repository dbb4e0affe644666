/**
 * What a handler sees of its task and its worker.
 *
 * `RunningTask` is also the worker's own record of an attempt under way: one object per task, and
 * whatever costs more than a field (signal, controller) is made when it is first asked for.
 */
import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { QError } from '../error.ts'
import type { ClaimedTask, InstanceId, NewTask, TaskId } from '../task/task.ts'

/** `idle` before the first and `stopped` after each life; both can be run. */
export type WorkerState = 'idle' | 'starting' | 'running' | 'paused' | 'stopping' | 'stopped'

/** A worker as its handlers and listeners see it. */
export interface WorkerHandle {
  /** The label it was built with. */
  readonly name: string
  /** This start of it; a new one each time it registers. Empty before the first. */
  readonly instance: InstanceId
  readonly state: WorkerState
  /** Attempts under way. */
  readonly taskCount: number
  /** Begins to stop. Do not wait for it inside a handler: it waits for the handler. */
  stop(options?: StopOptions): Promise<void>
  pause(): void
  resume(): void
}

/** How to stop. */
export interface StopOptions {
  /** How long running tasks may go on before their signals abort. Default: the worker's `stopTimeout`. 0 aborts now. */
  readonly timeout?: Duration
}

/** What is known of a task besides its args. */
export type TaskInfo = Pick<
  ClaimedTask,
  'id' | 'queue' | 'attempt' | 'maxAttempts' | 'priority' | 'runAt' | 'metadata' | 'crashes'
>

/** Handed to handlers and middlewares, one per attempt. */
export interface TaskContext {
  readonly task: TaskInfo
  /** The decoded args. */
  readonly args: unknown
  /** 1 for the first execution. */
  readonly attempt: number
  readonly taskId: TaskId
  /**
   * Aborts when the attempt times out, its lease is lost or the stop deadline passes; the reason is a
   * `QError` that says which. Pass it on to whatever takes a signal.
   */
  readonly signal: AbortSignal
  readonly worker: WorkerHandle
  /** What an earlier attempt left with {@link TaskContext.progress}, if any. */
  readonly checkpoint: Uint8Array | null
  readonly clock: Clock
  /**
   * Stores bytes that the next attempt finds as `checkpoint`. Durable when it returns.
   * @throws QError `ERR_LEASE_LOST` when the task is no longer this worker's: stop working on it.
   */
  progress(checkpoint: Uint8Array): Promise<void>
  /** Stores tasks together with this one's `done`, and only then. Ids decide: the same id is stored once. */
  follow(...tasks: readonly NewTask[]): void
  /** Aborts `signal` with this reason and does nothing else. For middlewares. */
  abort(reason: unknown): void
}

/** What all attempts of a worker share. */
export interface AttemptHost {
  readonly worker: WorkerHandle
  readonly clock: Clock
  /** Stores a checkpoint under the claim; rejects when it was not. */
  progress(task: ClaimedTask, checkpoint: Uint8Array): Promise<void>
}

/** One attempt under way. */
export class RunningTask implements TaskContext {
  readonly task: ClaimedTask
  readonly startedAt: number
  /** The instance that holds the claim. */
  readonly instance: InstanceId
  args: unknown = undefined
  /** The attempt is decided; whatever the handler still does changes nothing. */
  ended = false
  /** The store said that this claim is no longer ours: there is nothing to settle. */
  lost = false
  /** Ordered to leave because the worker stops: failing now is not the task's fault. */
  evicted = false
  /** What the handler returned, while it may be unfinished. */
  handling: unknown = undefined
  /** Tasks to store with `done`. */
  follows: readonly NewTask[] | undefined = undefined
  /** The last checkpoint on its way; never rejects. */
  saving: Promise<void> | undefined = undefined
  #controller: AbortController | undefined = undefined
  #aborted: { readonly reason: unknown } | undefined = undefined
  readonly #host: AttemptHost

  constructor(task: ClaimedTask, host: AttemptHost, now: number) {
    this.task = task
    this.startedAt = now
    this.instance = host.worker.instance
    this.#host = host
  }

  get attempt(): number {
    return this.task.attempt
  }
  get taskId(): TaskId {
    return this.task.id
  }
  get checkpoint(): Uint8Array | null {
    return this.task.checkpoint
  }
  get worker(): WorkerHandle {
    return this.#host.worker
  }
  get clock(): Clock {
    return this.#host.clock
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    if (this.#aborted !== undefined) return
    this.#aborted = { reason }
    // A listener of the signal that throws is reported by the runtime, not to us.
    this.#controller?.abort(reason)
  }

  progress(checkpoint: Uint8Array): Promise<void> {
    if (this.ended)
      return Promise.reject(
        new QError('ERR_LEASE_LOST', `Task ${this.task.id} is over; its progress cannot be stored any more.`),
      )
    // One after the other: a row is updated once per statement.
    const before = this.saving
    const saved =
      before === undefined
        ? this.#host.progress(this.task, checkpoint)
        : before.then(() => this.#host.progress(this.task, checkpoint))
    this.saving = saved.then(nothing, nothing)
    return saved
  }

  follow(...tasks: readonly NewTask[]): void {
    this.follows = this.follows === undefined ? tasks : [...this.follows, ...tasks]
  }
}

function nothing(): void {
  // Only the order matters here; the caller of progress() hears of its failure.
}
