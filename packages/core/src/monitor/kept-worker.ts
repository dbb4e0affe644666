/**
 * One place of a monitor: makes a worker, runs it, and makes it again when it fails, until it ends for good.
 */
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { QError } from '../error.ts'
import { MAX_DURATION_MS } from '../duration.ts'
import { type Backoff, exponential } from '../middleware/backoff.ts'
import { show } from '../show.ts'
import type { WorkerListener } from '../worker/emitter.ts'
import type { WorkerState } from '../worker/handle.ts'
import type { Worker } from '../worker/worker.ts'
import type { MonitorEvent } from './event.ts'
import type { FailedWorker, WorkerFactory } from './monitor.ts'

/** How a worker under a monitor stands. */
export interface MonitoredWorker {
  /** The label; empty before the worker was first made. */
  readonly name: string
  /** As the worker says; `restarting` while it waits to be made again. */
  readonly state: WorkerState | 'restarting'
  /** How often it was made again. */
  readonly restarts: number
  /** What it last failed with. */
  readonly error: unknown
  readonly instance: string
  /** Attempts under way. */
  readonly taskCount: number
}

/** Pauses before restarts. */
export const DEFAULT_RESTART_BACKOFF: Backoff = exponential({ min: '100ms', max: '30s' })
/** A worker that ran for this long begins its pauses anew. */
const STABLE_MS = 60_000

/** What a place needs of its monitor. */
export interface KeeperHost {
  readonly clock: Clock
  readonly backoff: Backoff
  readonly shouldRestart: (error: unknown, worker: FailedWorker) => boolean
  readonly listeners: readonly WorkerListener[]
  /** Workers that were given the listeners. */
  readonly heard: WeakSet<Worker>
  readonly tell: (event: MonitorEvent) => void
}

/** One worker and those made after it. */
export class KeptWorker implements MonitoredWorker {
  readonly factory: WorkerFactory
  name = ''
  restarts = 0
  error: unknown = undefined
  readonly #host: KeeperHost
  readonly #stopping = new AbortController()
  #worker: Worker | undefined = undefined
  #waiting = false

  constructor(factory: WorkerFactory, host: KeeperHost) {
    this.factory = factory
    this.#host = host
  }

  get state(): WorkerState | 'restarting' {
    return this.#waiting ? 'restarting' : (this.#worker?.state ?? 'idle')
  }
  get instance(): string {
    return this.#worker?.instance ?? ''
  }
  get taskCount(): number {
    return this.#worker?.taskCount ?? 0
  }

  /** Ends when the worker has ended for good; rejects with what ended it, if it was not asked to stop. */
  async run(): Promise<void> {
    const { clock, tell } = this.#host
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      const startedAt = clock.now()
      try {
        await this.#runOne()
        break
      } catch (error) {
        this.error = error
        failures = clock.now() - startedAt >= STABLE_MS ? 1 : failures + 1
        const retryMs = this.#retryMs(error, failures)
        tell({ type: 'worker-failed', name: this.name, restarts: this.restarts, error, retryMs })
        if (retryMs === null) {
          tell({ type: 'worker-exit', name: this.name, restarts: this.restarts, error })
          throw error
        }
        this.#waiting = true
        await sleep(clock, retryMs, this.#stopping.signal)
        this.#waiting = false
        this.restarts += 1
      }
    }
    tell({ type: 'worker-exit', name: this.name, restarts: this.restarts })
  }

  /** Stops it, or brings its deadline forward; it is not made again. What stopping throws, {@link run} rejects with. */
  stop(timeoutMs: number): void {
    this.#stopping.abort()
    this.#worker?.stop({ timeout: timeoutMs }).catch(() => undefined)
  }

  async #runOne(): Promise<void> {
    const { heard, listeners, tell } = this.#host
    const worker = checkWorker(this.factory(this.restarts))
    this.#worker = worker
    this.name = worker.name
    if (!heard.has(worker)) {
      heard.add(worker)
      for (const listener of listeners) worker.onEvent(listener)
    }
    tell({ type: 'worker-start', name: this.name, restarts: this.restarts })
    // A listener may have stopped the monitor.
    if (!this.#stopping.signal.aborted) await worker.run()
  }

  /** @returns `null` when it is not made again. */
  #retryMs(error: unknown, failures: number): number | null {
    const { name, restarts } = this
    if (this.#stopping.signal.aborted) return null
    try {
      if (!this.#host.shouldRestart(error, { name, restarts })) return null
    } catch (thrown) {
      console.warn(`[q] monitor: shouldRestart failed; worker "${name}" is not made again.`, thrown)
      return null
    }
    return this.#pauseMs(failures)
  }

  #pauseMs(failures: number): number {
    try {
      const ms: unknown = this.#host.backoff(failures)
      if (typeof ms === 'number' && ms >= 0) return Math.min(ms, MAX_DURATION_MS)
      console.warn(`[q] monitor: restartBackoff gave ${show(ms)}; the default is used instead.`)
    } catch (thrown) {
      console.warn('[q] monitor: restartBackoff failed; the default is used instead.', thrown)
    }
    return DEFAULT_RESTART_BACKOFF(failures)
  }
}

/** @throws QError `ERR_OPTION`, which ends the monitor: making it again would give the same. */
function checkWorker(made: Worker): Worker {
  if (typeof (made as Partial<Worker> | undefined)?.run === 'function') return made
  throw new QError(
    'ERR_OPTION',
    `Monitor: register() takes a function that returns a worker, such as () => worker; it returned ${show(made)}. What it waits for has to be waited for before.`,
  )
}
