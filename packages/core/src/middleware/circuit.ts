/**
 * The state of a circuit breaker: closed, open, half-open; pure but for the clock it is handed.
 *
 * Whether it is still open is computed from the time at each look, so that no timer has to fire for it to let tasks
 * through again; a timer only tells those who watch.
 */
import type { CancelTimer, Clock } from '../clock.ts'
import { type Gate, Watchers } from './gate.ts'

/** `closed` lets all through, `open` none, `half-open` a few to try. */
export type CircuitState = 'closed' | 'open' | 'half-open'

/** When a circuit opens and closes; spans in milliseconds. */
export interface CircuitRules {
  readonly failureThreshold: number
  readonly windowMs: number
  readonly recoveryMs: number
  readonly successThreshold: number
  readonly halfOpenMaxCalls: number
}

/** What became of a call that was let through. `neither`: it says nothing about what is protected. */
export type CallEnd = 'success' | 'failure' | 'neither'

/** Told of every change. */
export type CircuitListener = (to: CircuitState, from: CircuitState) => void

/** One circuit; may be shared by workers on the same clock. */
export class Circuit implements Gate {
  readonly #rules: CircuitRules
  readonly #listener: CircuitListener
  readonly #watchers = new Watchers()
  #state: CircuitState = 'closed'
  /** Times of failures in a row. */
  #failures: number[] = []
  #openUntil = 0
  /** Grows with every change: a call that was let through before a change no longer counts. */
  #epoch = 0
  #trying = 0
  #successes = 0
  #mistakes = 0
  #cancel: CancelTimer | undefined = undefined

  constructor(rules: CircuitRules, listener: CircuitListener) {
    this.#rules = rules
    this.#listener = listener
  }

  state(clock: Clock): CircuitState {
    if (this.#state === 'open' && clock.now() >= this.#openUntil) this.#become('half-open', clock)
    return this.#state
  }

  /** Milliseconds until it lets a call through to try; 0 unless it is open. */
  waitMs(clock: Clock): number {
    return this.state(clock) === 'open' ? this.#openUntil - clock.now() : 0
  }

  /** @returns Ends the call; undefined when it is not let through. */
  enter(clock: Clock): ((end: CallEnd) => void) | undefined {
    if (this.room(clock) <= 0) return undefined
    const epoch = this.#epoch
    if (this.#state === 'half-open') this.#trying += 1
    return (end) => {
      if (epoch !== this.#epoch) return
      if (this.#state === 'half-open') this.#tried(end, clock)
      else if (end !== 'neither') this.#called(end, clock)
    }
  }

  room(clock: Clock): number {
    const state = this.state(clock)
    if (state === 'closed') return Infinity
    if (state === 'open') return 0
    return this.#rules.halfOpenMaxCalls - this.#trying - this.#successes - this.#mistakes
  }

  watch(changed: () => void, clock: Clock): () => void {
    const end = this.#watchers.add(changed)
    this.#arm(clock)
    return () => {
      end()
      if (this.#watchers.size > 0) return
      this.#cancel?.()
      this.#cancel = undefined
    }
  }

  #called(end: 'success' | 'failure', clock: Clock): void {
    if (end === 'success') {
      this.#failures = []
      return
    }
    const now = clock.now()
    this.#failures = this.#failures.filter((at) => at > now - this.#rules.windowMs)
    this.#failures.push(now)
    if (this.#failures.length >= this.#rules.failureThreshold) this.#become('open', clock)
  }

  #tried(end: CallEnd, clock: Clock): void {
    const { halfOpenMaxCalls, successThreshold } = this.#rules
    this.#trying -= 1
    if (end === 'neither') return this.#watchers.tell()
    if (end === 'success') this.#successes += 1
    else this.#mistakes += 1
    const needed = Math.max(1, Math.ceil(halfOpenMaxCalls * successThreshold))
    if (this.#successes >= needed) this.#become('closed', clock)
    else if (this.#mistakes > halfOpenMaxCalls - needed) this.#become('open', clock)
  }

  #become(to: CircuitState, clock: Clock): void {
    const from = this.#state
    this.#state = to
    this.#epoch += 1
    this.#failures = []
    this.#trying = 0
    this.#successes = 0
    this.#mistakes = 0
    if (to === 'open') this.#openUntil = clock.now() + this.#rules.recoveryMs
    this.#arm(clock)
    this.#listener(to, from)
    this.#watchers.tell()
  }

  #arm(clock: Clock): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#state !== 'open' || this.#watchers.size === 0) return
    this.#cancel = clock.after(Math.max(1, this.#openUntil - clock.now()), () => {
      this.#cancel = undefined
      // A clock may be early; then the time is not up yet and is waited for again.
      if (this.state(clock) === 'open') this.#arm(clock)
    })
  }
}
