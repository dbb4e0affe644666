/** Who waits for which tasks or runs to end. What they wait for is handed over, so that forgetting it later does not hurt. */
import type { WaitOptions } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { QError } from '../error.ts'

/** What ends is known by its id. */
interface HasId {
  readonly id: string
}

/** One wait: what is still open, what has arrived, and why it ended early. */
class Waiter<Ended extends HasId> {
  readonly open: Set<string>
  readonly arrived: Ended[]
  /** Outcomes that arrived before a timeout are still delivered; an abort or a close ends at once. */
  failure: { readonly error: unknown; readonly atOnce: boolean } | undefined
  #wakeUp: (() => void) | undefined

  constructor(open: Set<string>, arrived: Ended[]) {
    this.open = open
    this.arrived = arrived
  }

  arrive(outcome: Ended): void {
    this.open.delete(outcome.id)
    this.arrived.push(outcome)
    this.#wakeUp?.()
  }

  fail(error: unknown, atOnce: boolean): void {
    this.failure ??= { error, atOnce }
    this.#wakeUp?.()
  }

  /** Resolves at the next arrival or failure. */
  change(): Promise<void> {
    return new Promise((resolve) => (this.#wakeUp = resolve))
  }
}

/** All waits of one memory backend for what is called so. */
export class Waiters<Ended extends HasId> {
  readonly #byId = new Map<string, Set<Waiter<Ended>>>()
  readonly #all = new Set<Waiter<Ended>>()
  readonly #clock: Clock
  readonly #noun: string

  constructor(clock: Clock, noun: 'task' | 'run') {
    this.#clock = clock
    this.#noun = noun
  }

  /** Hands what has ended to everybody who waits for it. */
  finished(outcome: Ended): void {
    const waiters = this.#byId.get(outcome.id)
    if (waiters === undefined) return
    this.#byId.delete(outcome.id)
    for (const waiter of waiters) waiter.arrive(outcome)
  }

  /** Ends the waits for what will never end, once they have yielded what they know. */
  gone(id: string, error: unknown): void {
    for (const waiter of this.#byId.get(id) ?? []) waiter.fail(error, false)
  }

  /** Ends every wait with an error. */
  failAll(error: unknown): void {
    for (const waiter of this.#all) waiter.fail(error, true)
  }

  /**
   * Yields what has ended already, then the others as they end.
   *
   * @param open What has not ended yet.
   * @param arrived What has ended, in the order in which it did.
   */
  async *wait(
    open: Set<string>,
    arrived: Ended[],
    { signal, timeoutMs }: WaitOptions,
  ): AsyncGenerator<Ended, void, void> {
    signal?.throwIfAborted()
    const waiter = new Waiter<Ended>(open, arrived)
    const aborted = (): void => waiter.fail(signal?.reason, true)
    const timedOut = (): void => waiter.fail(waitTimeout(this.#noun, open, timeoutMs), false)
    this.#add(waiter)
    signal?.addEventListener('abort', aborted, { once: true })
    const cancelTimer = timeoutMs === undefined || open.size === 0 ? undefined : this.#clock.after(timeoutMs, timedOut)
    try {
      for (;;) {
        if (waiter.failure?.atOnce) throw waiter.failure.error
        const outcome = waiter.arrived.shift()
        if (outcome !== undefined) yield outcome
        else if (waiter.open.size === 0) return
        else if (waiter.failure !== undefined) throw waiter.failure.error
        else await waiter.change()
      }
    } finally {
      cancelTimer?.()
      signal?.removeEventListener('abort', aborted)
      this.#remove(waiter)
    }
  }

  #add(waiter: Waiter<Ended>): void {
    this.#all.add(waiter)
    for (const id of waiter.open) {
      const others = this.#byId.get(id)
      if (others === undefined) this.#byId.set(id, new Set([waiter]))
      else others.add(waiter)
    }
  }

  #remove(waiter: Waiter<Ended>): void {
    this.#all.delete(waiter)
    for (const id of waiter.open) {
      const others = this.#byId.get(id)
      others?.delete(waiter)
      if (others?.size === 0) this.#byId.delete(id)
    }
  }
}

function waitTimeout(noun: string, open: ReadonlySet<string>, timeoutMs: number | undefined): QError {
  const [first] = open
  return new QError(
    'ERR_WAIT_TIMEOUT',
    open.size === 1
      ? `${noun === 'task' ? 'Task' : 'Run'} ${first} has not finished within ${timeoutMs} ms. It goes on; wait again or give a longer timeout.`
      : `${open.size} of the ${noun}s waited for have not finished within ${timeoutMs} ms, the first of them ${first}. They go on; wait again or give a longer timeout.`,
  )
}
