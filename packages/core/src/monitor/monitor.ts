/**
 * Runs several workers as one: restarts what fails, stops all together, keeps every error.
 *
 * A worker survives nearly everything by itself, so one that ends with an error is rare: it is made
 * again after a pause when repeating may help. Where it cannot (no tables, a wrong option) or
 * `shouldRestart` says no, all workers are stopped and the error is passed on: a process that does only part
 * of its work should not look healthy.
 */
import type { Clock } from '../clock.ts'
import { checkClock, systemClock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { isQError, QError } from '../error.ts'
import type { Backoff } from '../middleware/backoff.ts'
import { checkKnownOptions } from '../options.ts'
import type { WorkerListener } from '../worker/emitter.ts'
import type { Worker } from '../worker/worker.ts'
import type { MonitorEvent, MonitorListener } from './event.ts'
import { DEFAULT_RESTART_BACKOFF, KeptWorker, type MonitoredWorker } from './kept-worker.ts'
import { Run } from './run.ts'
import { onSignals, type SignalName } from './signals.ts'

/** Makes a worker: with 0 at the start, with 1, 2, … at each restart. It may return the same worker again. */
export type WorkerFactory = (restart: number) => Worker

/** Which worker failed, and how often before. */
export interface FailedWorker {
  readonly name: string
  /** Restarts so far. */
  readonly restarts: number
}

const DEFAULT_SHUTDOWN_MS = 30_000

/** What was registered, and the worker kept there while it runs. */
interface Place {
  readonly factory: WorkerFactory
  kept?: { readonly worker: KeptWorker; readonly ended: Promise<void> }
}

/** Several workers under one roof. */
export class Monitor implements AsyncDisposable {
  readonly #places = new Set<Place>()
  readonly #listeners: WorkerListener[] = []
  readonly #monitorListeners: MonitorListener[] = []
  readonly #heard = new WeakSet<Worker>()
  #shutdownMs = DEFAULT_SHUTDOWN_MS
  #backoff: Backoff = DEFAULT_RESTART_BACKOFF
  #restart: (error: unknown, worker: FailedWorker) => boolean = mayPass
  #clock: Clock = systemClock
  #stayUp = false
  #run: Run | undefined = undefined
  #finished: Promise<void> | undefined = undefined

  /**
   * Adds a worker; while the monitor runs it starts at once. It can be taken away again by {@link Monitor.remove}.
   * @throws QError `ERR_OPTION` when it is not a function; `ERR_WORKER_STATE` while stopping.
   */
  register(factory: WorkerFactory): this {
    if (typeof factory !== 'function')
      throw new QError(
        'ERR_OPTION',
        `Monitor: register() takes a function that makes a worker, such as () => worker, got ${typeof factory}.`,
      )
    if (this.#run?.stopping === true)
      throw new QError('ERR_WORKER_STATE', 'Monitor: it is stopping and takes no more workers.')
    const place: Place = { factory }
    this.#places.add(place)
    if (this.#run !== undefined) this.#keep(place, this.#run)
    return this
  }

  /**
   * Takes a worker away: stops it, gives its tasks until the timeout, and does not make it again. The others go on.
   * @param which The function it was registered with, or the name of the worker; of several such, all.
   * @returns Once it has stopped: whether there was one.
   * @throws what stopping it throws, such as `ERR_SHUTDOWN_TIMEOUT`.
   */
  async remove(which: WorkerFactory | string, options: { readonly timeout?: Duration } = {}): Promise<boolean> {
    checkKnownOptions('Monitor: remove', options, ['timeout'])
    const timeoutMs = this.#timeoutMs('remove', options.timeout)
    const places = [...this.#places].filter(({ factory, kept }) => factory === which || kept?.worker.name === which)
    for (const place of places) {
      this.#places.delete(place)
      place.kept?.worker.stop(timeoutMs)
    }
    await Promise.all(places.flatMap(({ kept }) => kept?.ended ?? []))
    return places.length > 0
  }

  /** How the workers stand, in the order in which they were registered; of those that ended how they ended. */
  workers(): readonly MonitoredWorker[] {
    const kept = [...this.#places].flatMap((place) => place.kept?.worker ?? [])
    return kept.map((worker) => ({
      name: worker.name,
      state: worker.state,
      restarts: worker.restarts,
      error: worker.error,
      instance: worker.instance,
      taskCount: worker.taskCount,
    }))
  }

  /** How long all workers together have to stop. Default `'30s'`. */
  shutdownTimeout(timeout: Duration): this {
    this.#shutdownMs = toMs(timeout, 'Monitor: shutdownTimeout')
    return this
  }

  /** Goes on without workers until it is stopped, for those who add and remove them. Default: ends with the last one. */
  stayUp(): this {
    this.#stayUp = true
    return this
  }

  /**
   * Pauses before restarts. Default: {@link exponential}, 100 ms doubling up to 30 s; it also stands in for one that throws
   * or gives no number of milliseconds.
   */
  restartBackoff(backoff: Backoff): this {
    if (typeof backoff !== 'function')
      throw new QError('ERR_OPTION', 'Monitor: restartBackoff() takes a function of the restart, such as fixed("1s").')
    this.#backoff = backoff
    return this
  }

  /**
   * Decides whether a failed worker is made again; one that was stopped never is. Default: unless the error says
   * that repeating cannot help. When it throws, the worker is not made again, and what it threw goes to `console.warn`.
   */
  shouldRestart(decide: (error: unknown, worker: FailedWorker) => boolean): this {
    if (typeof decide !== 'function')
      throw new QError('ERR_OPTION', 'Monitor: shouldRestart() takes a function (error, worker) => boolean.')
    this.#restart = decide
    return this
  }

  /** Hears the events of all workers that start from now on. Any number. */
  onEvent(listener: WorkerListener): this {
    if (typeof listener !== 'function')
      throw new QError('ERR_OPTION', 'Monitor: onEvent() takes a function (worker, event) => ….')
    this.#listeners.push(listener)
    return this
  }

  /** Hears when workers are made, fail, are made again and end. Any number. */
  onWorker(listener: MonitorListener): this {
    if (typeof listener !== 'function')
      throw new QError('ERR_OPTION', 'Monitor: onWorker() takes a function (event) => ….')
    this.#monitorListeners.push(listener)
    return this
  }

  /**
   * Paces restarts; for tests. Default: the system's.
   * @throws QError `ERR_OPTION` when it is none.
   */
  clock(clock: Clock): this {
    this.#clock = checkClock('Monitor', clock)
    return this
  }

  /**
   * Runs all workers until they have ended, {@link Monitor.stop} is called or the signal aborts.
   * @throws QError `ERR_WORKER_STATE` when it is running already. Otherwise what ended a worker for good: the
   *   error itself, or an `AggregateError` of several.
   */
  async run(signal?: AbortSignal): Promise<void> {
    if (this.#run !== undefined) throw new QError('ERR_WORKER_STATE', 'Monitor: it is running already.')
    if (this.#places.size === 0 && !this.#stayUp)
      throw new QError('ERR_OPTION', 'Monitor: register() a worker before run(), or call stayUp().')
    const run = new Run(this.#stayUp)
    this.#run = run
    const stop = (): void => void this.stop().catch(() => undefined)
    this.#finished = run.finished
    this.#finished.catch(() => undefined)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    for (const place of this.#places) this.#keep(place, run)
    run.started()
    try {
      await this.#finished
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#run = undefined
      this.#finished = undefined
    }
  }

  /**
   * As {@link Monitor.run}, ended by signals of the process: the first stops all workers, a second one skips to
   * aborting what still runs.
   * @throws QError `ERR_NOT_SUPPORTED` where there is no `process`.
   */
  async runWithSignal(signals: readonly SignalName[] = ['SIGINT', 'SIGTERM']): Promise<void> {
    let received = 0
    const off = onSignals(signals, () => {
      received += 1
      this.stop(received === 1 ? {} : { timeout: 0 }).catch(() => undefined)
    })
    try {
      await this.run()
    } finally {
      off()
    }
  }

  /**
   * Stops all workers; again with a shorter timeout to hurry. Settles with what `run()` settles with. One that does not run is left
   * alone.
   */
  stop(options: { readonly timeout?: Duration } = {}): Promise<void> {
    checkKnownOptions('Monitor: stop', options, ['timeout'])
    const timeoutMs = this.#timeoutMs('stop', options.timeout)
    const finished = this.#finished ?? Promise.resolve()
    for (const { kept } of this.#places) kept?.worker.stop(timeoutMs)
    this.#run?.stop()
    return finished
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #keep(place: Place, run: Run): void {
    delete place.kept
    if (run.stopping) return
    const worker = new KeptWorker(place.factory, {
      clock: this.#clock,
      backoff: this.#backoff,
      shouldRestart: this.#restart,
      listeners: this.#listeners,
      heard: this.#heard,
      tell: (event) => this.#tell(event),
    })
    // A moment later: what its listeners do to the monitor, such as taking it away again, finds it in its place.
    const ended = Promise.resolve().then(() => worker.run())
    place.kept = { worker, ended }
    // How one ended that was taken away concerns only those who took it away.
    run.add(ended, () => this.#places.has(place))
    ended.catch(() => {
      if (this.#places.has(place)) this.stop().catch(() => undefined)
    })
  }

  #timeoutMs(what: string, timeout: Duration | undefined): number {
    return timeout === undefined ? this.#shutdownMs : toMs(timeout, `Monitor: ${what} timeout`)
  }

  #tell(event: MonitorEvent): void {
    for (const listener of this.#monitorListeners) {
      try {
        const returned = listener(event)
        if (returned instanceof Promise) returned.catch(warn)
      } catch (error) {
        warn(error)
      }
    }
  }
}

/** Errors that say of themselves that repeating cannot help are final; all others may pass. */
function mayPass(error: unknown): boolean {
  return !isQError(error) || error.retryable
}

function warn(error: unknown): void {
  console.warn('[q] monitor: a listener failed; the workers are not affected.', error)
}
