/**
 * When to look again: the one place that weighs nudges, known due times and the poll strategy.
 *
 * A nudge that arrives while a claim is under way is kept for its end, and many are one. Polling
 * alone is correct; the others only make it sooner.
 */
import { type NudgeReason, supports } from '../backend/capability.ts'
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import type { PollStrategy } from '../poll/poll.ts'
import type { Emitter } from './emitter.ts'
import type { TaskSource } from './options.ts'
import { isClosed, troubleBackoff } from './trouble.ts'

/** Pause after a poll strategy that failed. */
const BROKEN_POLL_MS = 1_000
/** Shortest rest: a strategy that answers at once must not keep the process busy. */
const MIN_REST_MS = 1

/** Why a rest ended. */
export type Wakened = 'nudge' | 'due' | 'poll' | 'stopped'

/** The alarm clock of one loop. */
export class Wakeup {
  readonly #clock: Clock
  readonly #poll: PollStrategy
  /** Who asks: a strategy that many workers share tells them apart by it. */
  readonly #worker: object = {}
  #nudged = false
  #dueAt = Infinity
  #interrupt: (() => void) | undefined = undefined
  #rearm: (() => void) | undefined = undefined

  constructor(clock: Clock, poll: PollStrategy) {
    this.#clock = clock
    this.#poll = poll
  }

  /** There may be work now. */
  nudge(): void {
    this.#nudged = true
    this.#interrupt?.()
  }

  /** There will be work after `ms`. */
  dueIn(ms: number): void {
    const at = this.#clock.now() + ms
    if (at >= this.#dueAt) return
    this.#dueAt = at
    this.#rearm?.()
  }

  /** A look begins: it sees everything that was announced before. */
  looking(): void {
    this.#nudged = false
    if (this.#dueAt <= this.#clock.now()) this.#dueAt = Infinity
  }

  /**
   * Waits until it is time to look again.
   * @param idle How many looks in a row found nothing.
   */
  rest(idle: number, signal: AbortSignal): Promise<Wakened> {
    if (signal.aborted) return Promise.resolve('stopped')
    if (this.#nudged) return Promise.resolve('nudge')
    const clock = this.#clock
    const startedAt = clock.now()
    return new Promise((resolve) => {
      const over = new AbortController()
      let cancelDue = (): void => undefined
      let ended = false
      const end = (why: Wakened): void => {
        if (ended) return
        ended = true
        cancelDue()
        this.#interrupt = undefined
        this.#rearm = undefined
        signal.removeEventListener('abort', stopped)
        // With a reason of ours: the one made without would be an exception with a stack, at every wake-up.
        over.abort(why)
        resolve(why)
      }
      const stopped = (): void => end('stopped')
      const polled = (): void => {
        if (clock.now() > startedAt) end('poll')
        else void sleep(clock, MIN_REST_MS, over.signal).then(() => end('poll'))
      }
      signal.addEventListener('abort', stopped, { once: true })
      this.#interrupt = () => end('nudge')
      this.#rearm = () => {
        cancelDue()
        if (this.#dueAt < Infinity)
          cancelDue = clock.after(Math.max(MIN_REST_MS, this.#dueAt - clock.now()), () => end('due'))
      }
      this.#rearm()
      this.#tick(idle, over.signal).then(polled, () => void sleep(clock, BROKEN_POLL_MS, over.signal).then(polled))
    })
  }

  /** The worker is over: nobody rests any more. */
  end(): void {
    try {
      this.#poll.end?.(this.#worker)
    } catch {
      // A strategy that fails must not keep a worker from its end.
    }
  }

  async #tick(idle: number, signal: AbortSignal): Promise<void> {
    await this.#poll.tick(idle, this.#clock, signal, this.#worker)
  }
}

/** Subscribes to the backend's nudges where it has them, again and again until it works; polling goes on meanwhile. */
export async function subscribe(
  source: TaskSource,
  nudge: (reason: NudgeReason) => void,
  events: Emitter,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { backend, queue } = source
  if (!supports(backend, 'wake')) return
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      const deaf = (error: unknown): void => {
        if (!signal.aborted) events.emit({ type: 'error', where: 'wake', error, retryMs: null })
      }
      const end = await backend.wake([queue], (_queue, reason) => nudge(reason), deaf)
      if (signal.aborted) end()
      else signal.addEventListener('abort', () => quietly(end), { once: true })
      // What came before the subscription stood was not announced.
      return nudge('work')
    } catch (error) {
      if (signal.aborted || isClosed(error)) return
      const retryMs = troubleBackoff(failures)
      events.emit({ type: 'error', where: 'wake', error, retryMs })
      await sleep(clock, retryMs, signal)
    }
  }
}

function quietly(end: () => void): void {
  try {
    end()
  } catch {
    // The subscription belongs to a backend that may be closed by now.
  }
}
