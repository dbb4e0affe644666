/**
 * Tells listeners what happened, at no cost when there are none and without ever being hurt by one.
 *
 * Trouble that nobody listens for goes to the console instead, once a minute of each kind, so that it
 * is neither silent nor a storm.
 */
import { toErrorRecord } from '../error-record.ts'
import type { WorkerHandle } from './handle.ts'
import type { ErrorPlace, WorkerEvent } from './event.ts'

/** Hears a worker's events. What it throws or rejects with becomes an `error` event for the others. */
export type WorkerListener = (worker: WorkerHandle, event: WorkerEvent) => unknown

const WARN_EVERY_MS = 60_000

/** The listeners of one worker. */
export class Emitter {
  #listeners: readonly WorkerListener[]
  readonly #worker: WorkerHandle
  readonly #warnedAt = new Map<string, number>()

  constructor(worker: WorkerHandle, listeners: readonly WorkerListener[]) {
    this.#worker = worker
    this.#listeners = listeners
  }

  /** Whether anyone listens: ask before building an event on a hot path. */
  get active(): boolean {
    return this.#listeners.length > 0
  }

  /** @returns Removes the listener. */
  add(listener: WorkerListener): () => void {
    this.#listeners = [...this.#listeners, listener]
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== listener)
    }
  }

  emit(event: WorkerEvent): void {
    for (const listener of this.#listeners) this.#call(listener, event)
    if (this.#listeners.length === 0) this.#warn(event)
  }

  #call(listener: WorkerListener, event: WorkerEvent): void {
    const failed = (error: unknown): void => {
      if (event.type === 'error' && event.where === 'listener') return
      const others = this.#listeners.filter((each) => each !== listener)
      const report: WorkerEvent = { type: 'error', where: 'listener', error, retryMs: null }
      for (const other of others) this.#call(other, report)
      if (others.length === 0) this.#warn(report)
    }
    try {
      const returned = listener(this.#worker, event)
      if (returned instanceof Promise) returned.catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  #warn(event: WorkerEvent): void {
    const text = trouble(event)
    if (text === undefined) return
    const kind = event.type === 'error' ? event.where : event.type
    const now = Date.now()
    if (now - (this.#warnedAt.get(kind) ?? -Infinity) < WARN_EVERY_MS) return
    this.#warnedAt.set(kind, now)
    console.warn(`[q] worker "${this.#worker.name}": ${text} Listen with onEvent() to handle this yourself.`)
  }
}

/** What to print of an event nobody hears; undefined for what is not trouble. */
function trouble(event: WorkerEvent): string | undefined {
  if (event.type === 'error') {
    const { name, message } = toErrorRecord(event.error)
    return `${event.where} failed, ${whatNext(event.where, event.retryMs)}: ${name}: ${message.slice(0, 500)}`
  }
  if (event.type === 'stalled') return `nothing was claimed or settled for ${event.sinceMs} ms; looking again.`
  if (event.type === 'still-running')
    return `the handler of task ${event.id} goes on ${event.sinceMs} ms after its attempt ended; it ignores ctx.signal.`
  if (event.type === 'log-dropped') return `${event.lines} lines of ctx.log were not stored.`
  if (event.type === 'lease-lost')
    return event.id === undefined ? 'its lease ended; registering again.' : `task ${event.id} passed to another worker.`
  return undefined
}

function whatNext(where: ErrorPlace, retryMs: number | null): string {
  if (retryMs !== null) return `next try in ${Math.round(retryMs)} ms`
  return where === 'wake' ? 'the backend mends it while polling goes on' : 'not repeated'
}
