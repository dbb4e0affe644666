/** What users hold: starts, stops and watches one life after another. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import type { InstanceId } from '../task/task.ts'
import type { AttemptPlan } from './attempt.ts'
import { Emitter, type WorkerListener } from './emitter.ts'
import type { StopOptions, WorkerHandle, WorkerState } from './handle.ts'
import { NEVER_RAN, type WorkerHealth } from './health.ts'
import type { TaskSource, WorkerSettings } from './options.ts'
import { Session } from './session.ts'

/** Runs the tasks of one queue. Made by {@link WorkerBuilder}; can be run again after it stopped. */
export class Worker implements WorkerHandle, AsyncDisposable {
  readonly name: string
  readonly #source: TaskSource
  readonly #settings: WorkerSettings
  readonly #plan: Pick<AttemptPlan, 'run' | 'policy' | 'program'>
  readonly #events: Emitter
  #session: Session | undefined = undefined
  /** The life that nobody waits for: its end is told by `stop()`. */
  #started: Session | undefined = undefined

  constructor(source: TaskSource, settings: WorkerSettings, plan: Pick<AttemptPlan, 'run' | 'policy' | 'program'>) {
    this.name = settings.name
    this.#source = source
    this.#settings = settings
    this.#plan = plan
    this.#events = new Emitter(this, settings.listeners)
  }

  get instance(): InstanceId {
    return this.#session?.instance ?? ''
  }
  get state(): WorkerState {
    return this.#session?.state ?? 'idle'
  }
  get taskCount(): number {
    return this.#session?.taskCount ?? 0
  }
  get hasPendingTasks(): boolean {
    return !this.isStopped && this.#session?.hasPendingTasks === true
  }
  get isStarting(): boolean {
    return this.state === 'starting'
  }
  get isRunning(): boolean {
    return this.state === 'running'
  }
  get isPaused(): boolean {
    return this.state === 'paused'
  }
  get isStopping(): boolean {
    return this.state === 'stopping'
  }
  /** True before the first and after each life. */
  get isStopped(): boolean {
    return this.state === 'stopped' || this.state === 'idle'
  }

  /** How it is doing right now, for health checks. */
  health(): WorkerHealth {
    return this.#session?.health ?? NEVER_RAN
  }

  /**
   * Hears everything this worker says.
   * @returns Ends the listening.
   */
  onEvent(listener: WorkerListener): () => void {
    return this.#events.add(listener)
  }

  /**
   * Registers and begins to work; resolves when registered. While the store cannot be reached it keeps trying. What ends the
   * worker later is told by a `stop` event and by {@link Worker.stop}.
   * @throws QError `ERR_WORKER_STATE` when it is running already; `ERR_CLOSED`, `ERR_SCHEMA_MISSING`,
   *   `ERR_SCHEMA_NEWER` and whatever else the store refuses for good.
   */
  async start(): Promise<void> {
    const session = this.#begin()
    await session.start()
    this.#started = session
  }

  /**
   * Works until it is stopped.
   * @throws QError as {@link Worker.start}; `ERR_SHUTDOWN_TIMEOUT` when stopping left tasks behind;
   *   `ERR_CLOSED` when the backend was closed under it.
   */
  async run(): Promise<void> {
    const session = this.#begin()
    await session.start()
    await session.finished
  }

  /**
   * Works until the signal aborts or the promise settles, then stops. A rejection is passed on once it stopped.
   * @throws QError as {@link Worker.run}; `ERR_OPTION` for what is neither.
   */
  async runUntil(end: AbortSignal | PromiseLike<unknown>): Promise<void> {
    if (!isSignal(end) && typeof end?.then !== 'function')
      throw new QError('ERR_OPTION', `runUntil: takes an AbortSignal or a promise, got ${show(end)}.`)
    const session = this.#begin()
    const stop = (): void => void session.stop(this.#settings.stopTimeoutMs)
    let rejected: { readonly error: unknown } | undefined
    if (isSignal(end)) {
      if (end.aborted) stop()
      else end.addEventListener('abort', stop, { once: true })
    } else {
      end.then(stop, (error: unknown) => {
        rejected = { error }
        stop()
      })
    }
    try {
      await session.start()
      await session.finished
    } finally {
      if (isSignal(end)) end.removeEventListener('abort', stop)
    }
    if (rejected !== undefined) throw rejected.error
  }

  /**
   * Stops: claims nothing more, gives back what has not started, waits for running tasks until the deadline,
   * then aborts their signals. Calling it again can only bring the deadline forward. A worker that does not
   * run is left alone; when it was begun with {@link Worker.start} this says how its last life ended.
   * @throws QError `ERR_SHUTDOWN_TIMEOUT` naming the tasks that did not end; `ERR_CLOSED` when the backend was closed
   *   under it. Safe to leave unhandled.
   */
  stop(options: StopOptions = {}): Promise<void> {
    checkKnownOptions('stop', options, ['timeout'])
    const timeoutMs = stopTimeout(options.timeout, this.#settings.stopTimeoutMs)
    if (this.#session === undefined) return Promise.resolve()
    if (this.isStopped) return this.#started === this.#session ? this.#session.finished : Promise.resolve()
    return this.#session.stop(timeoutMs)
  }

  /**
   * Claims and starts nothing until {@link Worker.resume}; running tasks go on and the lease is kept.
   * @throws QError `ERR_WORKER_STATE` when it does not run.
   */
  pause(): void {
    this.#living('pause').pause()
  }

  /**
   * Ends what `pause()` began. A pause of its queue or by a command to this worker goes on.
   * @throws QError `ERR_WORKER_STATE` when it does not run.
   */
  resume(): void {
    this.#living('resume').resume()
  }

  track<T>(work: Promise<T>, abort?: (reason: QError) => void): Promise<T> {
    if (typeof work?.then !== 'function') throw new QError('ERR_OPTION', `track: takes a promise, got ${show(work)}.`)
    if (abort !== undefined && typeof abort !== 'function')
      throw new QError('ERR_OPTION', `track: abort must be a function (reason) => …, got ${show(abort)}.`)
    return this.#session === undefined || this.isStopped ? work : this.#session.track(work, abort)
  }

  emit(name: string, data?: unknown): void {
    this.#events.emit({ type: 'custom', name, data })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #begin(): Session {
    if (!this.isStopped)
      throw new QError(
        'ERR_WORKER_STATE',
        `Worker "${this.name}" is ${this.state} already. Build a second worker to run two.`,
      )
    this.#session = new Session({
      handle: this,
      source: this.#source,
      settings: this.#settings,
      events: this.#events,
      plan: this.#plan,
    })
    return this.#session
  }

  #living(what: string): Session {
    if (this.#session !== undefined && !this.isStopped) return this.#session
    throw new QError(
      'ERR_WORKER_STATE',
      `Worker "${this.name}" cannot ${what}: it is ${this.state}. Start it with run() or start() first.`,
    )
  }
}

function stopTimeout(timeout: Duration | undefined, defaultMs: number): number {
  return timeout === undefined ? defaultMs : toMs(timeout, 'stop timeout')
}

function isSignal(end: AbortSignal | PromiseLike<unknown>): end is AbortSignal {
  return typeof end === 'object' && end !== null && 'aborted' in end
}
