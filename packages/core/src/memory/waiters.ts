/** Who waits for which tasks to finish. Outcomes are handed over, so that forgetting a task later does not hurt. */
import type { WaitOptions } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { QError } from '../error.ts'
import type { Outcome, TaskId } from '../task/task.ts'

/** One wait: what is still open, what has arrived, and why it ended early. */
class Waiter {
  readonly open: Set<TaskId>
  readonly arrived: Outcome[]
  /** Outcomes that arrived before a timeout are still delivered; an abort or a close ends at once. */
  failure: { readonly error: unknown; readonly atOnce: boolean } | undefined
  #wakeUp: (() => void) | undefined

  constructor(open: Set<TaskId>, arrived: Outcome[]) {
    this.open = open
    this.arrived = arrived
  }

  arrive(outcome: Outcome): void {
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

/** All waits of one memory backend. */
export class Waiters {
  readonly #byTask = new Map<TaskId, Set<Waiter>>()
  readonly #all = new Set<Waiter>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Hands an outcome to everybody who waits for it. */
  finished(outcome: Outcome): void {
    const waiters = this.#byTask.get(outcome.id)
    if (waiters === undefined) return
    this.#byTask.delete(outcome.id)
    for (const waiter of waiters) waiter.arrive(outcome)
  }

  /** Ends the waits for a task that will never finish, once they have yielded what they know. */
  gone(id: TaskId, error: unknown): void {
    for (const waiter of this.#byTask.get(id) ?? []) waiter.fail(error, false)
  }

  /** Ends every wait with an error. */
  failAll(error: unknown): void {
    for (const waiter of this.#all) waiter.fail(error, true)
  }

  /**
   * Yields the outcomes that are there already, then the others as they finish.
   *
   * @param open Tasks not finished yet.
   * @param arrived Outcomes known now, in the order they finished.
   */
  async *wait(
    open: Set<TaskId>,
    arrived: Outcome[],
    { signal, timeoutMs }: WaitOptions,
  ): AsyncGenerator<Outcome, void, void> {
    signal?.throwIfAborted()
    const waiter = new Waiter(open, arrived)
    const aborted = (): void => waiter.fail(signal?.reason, true)
    const timedOut = (): void => waiter.fail(waitTimeout(open, timeoutMs), false)
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

  #add(waiter: Waiter): void {
    this.#all.add(waiter)
    for (const id of waiter.open) {
      const others = this.#byTask.get(id)
      if (others === undefined) this.#byTask.set(id, new Set([waiter]))
      else others.add(waiter)
    }
  }

  #remove(waiter: Waiter): void {
    this.#all.delete(waiter)
    for (const id of waiter.open) {
      const others = this.#byTask.get(id)
      others?.delete(waiter)
      if (others?.size === 0) this.#byTask.delete(id)
    }
  }
}

function waitTimeout(open: ReadonlySet<TaskId>, timeoutMs: number | undefined): QError {
  const [first] = open
  return new QError(
    'ERR_WAIT_TIMEOUT',
    open.size === 1
      ? `Task ${first} has not finished within ${timeoutMs} ms. It goes on; wait again or give a longer timeout.`
      : `${open.size} of the tasks waited for have not finished within ${timeoutMs} ms, the first of them ${first}. They go on; wait again or give a longer timeout.`,
  )
}
