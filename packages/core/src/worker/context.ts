/**
 * What a handler sees of its task.
 *
 * `RunningTask` is also the worker's own record of an attempt under way: one object per task, and
 * whatever costs more than a field (signal, controller) is made when it is first asked for.
 */
import type { Clock } from '../clock.ts'
import type { LimitAnswer } from '../backend/control.ts'
import { QError } from '../error.ts'
import { messageOf, show } from '../show.ts'
import { checkMetadata } from '../task/metadata-check.ts'
import type { ClaimedTask, InstanceId, Metadata, NewTask, TaskId } from '../task/task.ts'
import { addCarried, withCarried } from './carried.ts'
import { checkFollow } from './follow.ts'
import type { WorkerHandle } from './handle.ts'
import type { ProgressUpdate } from './progress.ts'
import { type LineSink, makeTaskLog, type TaskLog } from './task-log.ts'

/** What is known of a task besides its args. */
export type TaskInfo = Pick<
  ClaimedTask,
  'id' | 'queue' | 'attempt' | 'maxAttempts' | 'priority' | 'runAt' | 'metadata' | 'crashes'
>

/** A wish for room under a limit that all processes share; see the capability `acquire`. */
export type LimitWish =
  /** One of `limit` places of this key, held until the task is settled. */
  | { readonly kind: 'concurrency'; readonly key: string; readonly limit: number }
  /** One of `limit` tokens of this key; as many are made again in each `periodMs`. */
  | { readonly kind: 'rate'; readonly key: string; readonly limit: number; readonly periodMs: number }

/**
 * Handed to handlers and middlewares, one per attempt.
 * @typeParam Data What the builder's `data()` and `provide()` middlewares put there.
 * @typeParam Args The decoded args.
 */
export interface TaskContext<Data extends object = object, Args = unknown> {
  /** What `data()` of the builder gave to all attempts and `provide()` to this one. */
  readonly data: Data
  /** The task as it was claimed. */
  readonly task: TaskInfo
  /** The decoded args. A middleware may put others in their place before it calls `next()`. */
  args: Args
  /** 1 for the first execution. */
  readonly attempt: number
  /** The same as `task.id`. */
  readonly taskId: TaskId
  /**
   * Aborts when the attempt times out, the task's deadline passes, somebody cancels it, its lease is lost or the stop
   * deadline passes; the reason is a `QError` that says which. Pass it on to whatever takes a signal.
   */
  readonly signal: AbortSignal
  /** The worker that runs it. */
  readonly worker: WorkerHandle
  /** What an earlier attempt left with {@link TaskContext.progress}, if any. */
  readonly checkpoint: Uint8Array | null
  /** The clock of the worker: use it for spans of time, and tests can move them. */
  readonly clock: Clock
  /**
   * Stores bytes that the next attempt finds as `checkpoint`. Durable when it returns.
   * @throws QError `ERR_LEASE_LOST` when the task is no longer this worker's: stop working on it; `ERR_OPTION` for what
   *   is no `Uint8Array`.
   */
  progress(checkpoint: Uint8Array): Promise<void>
  /**
   * Lines about this attempt, kept with the task where the backend can (`report`) and told as `task-log` events. Never
   * throws and waits for nothing; the first 1,000 lines of an attempt are kept.
   */
  readonly log: TaskLog
  /**
   * Says how far the task is, for people who look at it. The last word counts and is stored at most once a second.
   * Never throws and waits for nothing. For what the next attempt must know, use {@link TaskContext.progress}.
   */
  report(progress: ProgressUpdate): void
  /**
   * Stores tasks together with this one's `done`, and only then. Ids decide: the same id is stored once.
   * @param tasks Made by `storage.encode`.
   * @throws QError `ERR_OPTION` for anything else.
   */
  follow(...tasks: readonly NewTask[]): void
  /**
   * Gives the tasks that follow from now on these metadata too, all of them or none: none to a task that brings one of the
   * same name, or has no room for them. For middlewares, such as `tracing()`.
   * @throws QError `ERR_OPTION` for what is no metadata.
   */
  carry(metadata: Metadata): void
  /**
   * Asks for room under a limit that all processes share. For middlewares, such as `rateLimit()`.
   * @throws QError `ERR_NOT_SUPPORTED` where the backend lacks the capability `acquire`; `ERR_BACKEND_UNAVAILABLE`.
   */
  acquire(wish: LimitWish): Promise<LimitAnswer>
  /** Aborts `signal` with this reason and does nothing else. For middlewares. */
  abort(reason: unknown): void
  /**
   * Calls back once when the attempt has ended, with what it failed with, if it did: its outermost middleware has returned or
   * thrown, or it timed out, or its worker gave it up. Layers below and the handler may still be at work then. At once when it has
   * ended already. What the listener throws only leaves a line in `log`. For middlewares that hold something for an attempt.
   * @returns Ends the listening.
   */
  onEnd(listener: (error?: unknown) => void): () => void
}

/** What all attempts of a worker share. */
export interface AttemptHost {
  readonly worker: WorkerHandle
  /** Copied into each attempt's `data`. Default: nothing. */
  readonly data?: object
  /** Asks the backend for room; absent where it has no shared limits. */
  readonly acquire?: (task: ClaimedTask, wish: LimitWish) => Promise<LimitAnswer>
  readonly clock: Clock
  /** Stores a checkpoint under the claim; rejects when it was not. */
  progress(task: ClaimedTask, checkpoint: Uint8Array): Promise<void>
  /** Takes what handlers say; never throws. */
  readonly says: LineSink & { progress(task: ClaimedTask, progress: ProgressUpdate): void }
}

const NOTHING: readonly Metadata[] = []

/** One attempt under way. */
export class RunningTask implements TaskContext {
  readonly task: ClaimedTask
  readonly startedAt: number
  /** The task's deadline by the worker's clock; `Infinity` when it has none. */
  readonly deadlineAt: number
  /** The instance that holds the claim. */
  readonly instance: InstanceId
  args: unknown = undefined
  /** The attempt is decided; whatever the handler still does changes nothing. */
  ended = false
  /** The store said that this claim is no longer ours: there is nothing to settle. */
  lost = false
  /** Somebody asked for the task's end: unless its handler returns a result, it is cancelled. */
  cancelled = false
  /** Ordered to leave because the worker stops: failing now is not the task's fault. */
  evicted = false
  /** What the handler returned, while it may be unfinished. */
  handling: unknown = undefined
  /** Tasks to store with `done`. */
  follows: readonly NewTask[] | undefined = undefined
  /** The last checkpoint on its way; never rejects. */
  saving: Promise<void> | undefined = undefined
  /** It said something that may still have to be written. */
  spoke = false
  /** Its neighbours in `RunningTasks`. */
  before: RunningTask | undefined = undefined
  next: RunningTask | undefined = undefined
  #log: TaskLog | undefined = undefined
  #data: object | undefined = undefined
  #carried: readonly Metadata[] = NOTHING
  #listeners: Set<(error?: unknown) => void> | undefined = undefined
  #failure: unknown = undefined
  #controller: AbortController | undefined = undefined
  #aborted: { readonly reason: unknown } | undefined = undefined
  readonly #host: AttemptHost

  constructor(task: ClaimedTask, host: AttemptHost, now: number, deadlineAt: number = Infinity) {
    this.task = task
    this.startedAt = now
    this.deadlineAt = deadlineAt
    this.instance = host.worker.instance
    this.#host = host
  }

  /** A copy per attempt, made when it is first asked for: what one attempt is given others do not see. */
  get data(): object {
    return (this.#data ??= { ...this.#host.data })
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
    if (!(checkpoint instanceof Uint8Array))
      return Promise.reject(
        new QError(
          'ERR_OPTION',
          `ctx.progress: a checkpoint is a Uint8Array, got ${show(checkpoint)}. For how far the task is use ctx.report().`,
        ),
      )
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

  get log(): TaskLog {
    this.spoke = true
    return (this.#log ??= makeTaskLog(this.task, this.#host.says))
  }

  report(progress: ProgressUpdate): void {
    // The store would not take it any more.
    if (this.ended) return
    this.spoke = true
    this.#host.says.progress(this.task, progress)
  }

  follow(...tasks: readonly NewTask[]): void {
    checkFollow(tasks)
    const given = tasks.map((task) => this.carried(task))
    this.follows = this.follows === undefined ? given : [...this.follows, ...given]
  }

  /** The task with what is carried. */
  carried(task: NewTask): NewTask {
    return this.#carried.length === 0 ? task : withCarried(task, this.#carried)
  }

  carry(metadata: Metadata): void {
    this.#carried = addCarried(this.#carried, checkMetadata('ctx.carry', metadata))
  }

  onEnd(listener: (error?: unknown) => void): () => void {
    if (typeof listener !== 'function')
      throw new QError('ERR_OPTION', `ctx.onEnd: takes a function (error) => …, got ${show(listener)}.`)
    // A function of its own, so that one who listens twice is told twice.
    const each = (error?: unknown): void => listener(error)
    if (this.ended) this.#tell(each, this.#failure)
    else (this.#listeners ??= new Set()).add(each)
    return () => void this.#listeners?.delete(each)
  }

  /** The attempt is decided. @param error What it failed with, if it did. */
  end(error?: unknown): void {
    if (this.ended) return
    this.ended = true
    this.#failure = error
    const listeners = this.#listeners
    if (listeners === undefined) return
    this.#listeners = undefined
    for (const listener of listeners) this.#tell(listener, error)
  }

  #tell(listener: (error?: unknown) => void, error: unknown): void {
    try {
      listener(error)
    } catch (thrown) {
      this.log.warn('ctx.onEnd: a listener failed; the task is not affected.', { error: messageOf(thrown) })
    }
  }

  acquire(wish: LimitWish): Promise<LimitAnswer> {
    const { acquire } = this.#host
    if (acquire !== undefined) return acquire(this.task, wish)
    return Promise.reject(
      new QError('ERR_NOT_SUPPORTED', 'This backend has no limits across processes (capability "acquire").'),
    )
  }
}

function nothing(): void {
  // Only the order matters here; the caller of progress() hears of its failure.
}
