/**
 * Runs several workers as one: restarts what fails, stops all together, keeps every error.
 *
 * A worker survives nearly everything by itself, so one that ends with an error is rare: it is made
 * again after a pause when repeating may help. Where it cannot (no tables, a wrong option) or
 * `shouldRestart` says no, all workers are stopped and the error is passed on: a process that does only part
 * of its work should not look healthy.
 */
import type { Clock } from '../clock.ts'
import { sleep, systemClock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { isQError, QError } from '../error.ts'
import { type Backoff, exponential } from '../middleware/backoff.ts'
import type { WorkerListener } from '../worker/emitter.ts'
import type { Worker } from '../worker/worker.ts'
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
/** A worker that ran for this long begins its pauses anew. */
const STABLE_MS = 60_000

/** Several workers under one roof. */
export class Monitor implements AsyncDisposable {
  readonly #factories: WorkerFactory[] = []
  readonly #listeners: WorkerListener[] = []
  readonly #heard = new WeakSet<Worker>()
  readonly #living = new Set<Worker>()
  #shutdownMs = DEFAULT_SHUTDOWN_MS
  #backoff: Backoff = exponential({ min: '100ms', max: '30s' })
  #restart: (error: unknown, worker: FailedWorker) => boolean = mayPass
  #clock: Clock = systemClock
  #stopping: AbortController | undefined = undefined
  #finished: Promise<void> | undefined = undefined

  /**
   * Adds a worker.
   * @throws QError `ERR_OPTION` when it is not a function; `ERR_WORKER_STATE` while running.
   */
  register(factory: WorkerFactory): this {
    if (typeof factory !== 'function')
      throw new QError(
        'ERR_OPTION',
        `Monitor: register() takes a function that makes a worker, such as () => worker, got ${typeof factory}.`,
      )
    if (this.#finished !== undefined) throw new QError('ERR_WORKER_STATE', 'Monitor: register workers before run().')
    this.#factories.push(factory)
    return this
  }

  /** How long all workers together have to stop. Default `'30s'`. */
  shutdownTimeout(timeout: Duration): this {
    this.#shutdownMs = toMs(timeout, 'Monitor: shutdownTimeout')
    return this
  }

  /** Pauses before restarts. Default: {@link exponential}, 100 ms doubling up to 30 s. */
  restartBackoff(backoff: Backoff): this {
    if (typeof backoff !== 'function')
      throw new QError('ERR_OPTION', 'Monitor: restartBackoff() takes a function of the restart, such as fixed("1s").')
    this.#backoff = backoff
    return this
  }

  /** Decides whether a failed worker is made again. Default: unless the error says that repeating cannot help. */
  shouldRestart(decide: (error: unknown, worker: FailedWorker) => boolean): this {
    if (typeof decide !== 'function')
      throw new QError('ERR_OPTION', 'Monitor: shouldRestart() takes a function (error, worker) => boolean.')
    this.#restart = decide
    return this
  }

  /** Hears the events of all workers. */
  onEvent(listener: WorkerListener): this {
    if (typeof listener !== 'function')
      throw new QError('ERR_OPTION', 'Monitor: onEvent() takes a function (worker, event) => ….')
    this.#listeners.push(listener)
    return this
  }

  /** Paces restarts; for tests. Default: the system's. */
  clock(clock: Clock): this {
    this.#clock = clock
    return this
  }

  /**
   * Runs all workers until they have ended, {@link Monitor.stop} is called or the signal aborts.
   * @throws QError `ERR_WORKER_STATE` when it is running already. Otherwise what ended a worker for good: the
   *   error itself, or an `AggregateError` of several.
   */
  async run(signal?: AbortSignal): Promise<void> {
    if (this.#finished !== undefined) throw new QError('ERR_WORKER_STATE', 'Monitor: it is running already.')
    if (this.#factories.length === 0) throw new QError('ERR_OPTION', 'Monitor: register() a worker before run().')
    this.#stopping = new AbortController()
    const stop = (): void => void this.stop()
    this.#finished = this.#runAll(this.#stopping.signal)
    this.#finished.catch(() => undefined)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    try {
      await this.#finished
    } finally {
      signal?.removeEventListener('abort', stop)
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
      void this.stop(received === 1 ? undefined : { timeout: 0 })
    })
    try {
      await this.run()
    } finally {
      off()
    }
  }

  /** Stops all workers; again with a shorter timeout to hurry. Settles with what `run()` settles with. */
  stop(options: { readonly timeout?: Duration } = {}): Promise<void> {
    const finished = this.#finished ?? Promise.resolve()
    const timeoutMs = options.timeout === undefined ? this.#shutdownMs : toMs(options.timeout, 'Monitor: stop timeout')
    this.#stopping?.abort()
    // What stopping throws, the worker's run() rejects with too, and there it is kept.
    for (const worker of this.#living) worker.stop({ timeout: timeoutMs }).catch(() => undefined)
    return finished
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #runAll(stopping: AbortSignal): Promise<void> {
    const errors: unknown[] = []
    await Promise.all(
      this.#factories.map(async (factory) => {
        try {
          await this.#keepRunning(factory, stopping)
        } catch (error) {
          errors.push(error)
          void this.stop()
        }
      }),
    )
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} workers failed.`)
  }

  async #keepRunning(factory: WorkerFactory, stopping: AbortSignal): Promise<void> {
    let failures = 0
    for (let restarts = 0; !stopping.aborted; restarts++) {
      const startedAt = this.#clock.now()
      let name = ''
      try {
        const worker = factory(restarts)
        name = worker.name
        return await this.#runOne(worker)
      } catch (error) {
        failures = this.#clock.now() - startedAt >= STABLE_MS ? 1 : failures + 1
        if (stopping.aborted || !this.#restart(error, { name, restarts })) throw error
        await sleep(this.#clock, this.#backoff(failures), stopping)
      }
    }
  }

  async #runOne(worker: Worker): Promise<void> {
    if (!this.#heard.has(worker)) {
      this.#heard.add(worker)
      for (const listener of this.#listeners) worker.onEvent(listener)
    }
    this.#living.add(worker)
    try {
      await worker.run()
    } finally {
      this.#living.delete(worker)
    }
  }
}

/** Errors that say of themselves that repeating cannot help are final; all others may pass. */
function mayPass(error: unknown): boolean {
  return !isQError(error) || error.retryable
}
