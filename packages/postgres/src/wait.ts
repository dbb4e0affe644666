/**
 * Waits for tasks by looking, quickly at first and then ever more slowly: one look for all that wait in this process.
 *
 * Ten thousand waits are then ten statements a look, not ten thousand, and a look that takes long is made more rarely.
 * A database that goes away for a while only makes them wait.
 */
import type { Outcome, TaskId, WaitOptions } from '@q/core'
import { isQError, QError, sleep, systemClock } from '@q/core'
import type { Run } from './connection/run.ts'
import { outcomesQuery } from './query/read.ts'
import { toOutcome } from './row.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500
const PAUSE_GROWTH = 1.5
/** A pause is at least this many times as long as the look before it, up to two seconds. */
const PAUSE_PER_LOOK = 4
const LONGEST_PAUSE_PER_LOOK_MS = 2_000
/** Ids looked up by one statement. */
const LOOK_BATCH = 1_000

/** One wait: what is still open, what has arrived, and why it ended early. */
class Waiter {
  readonly open: Set<TaskId>
  readonly arrived: Outcome[] = []
  /** What arrived before is told before a failure, unless it is to end the wait at once. */
  failure: { readonly error: unknown; readonly atOnce: boolean } | undefined = undefined
  #looked = false
  #late: QError | undefined = undefined
  #wake: () => void = nothing

  constructor(ids: readonly TaskId[]) {
    this.open = new Set(ids)
  }

  arrive(outcome: Outcome): void {
    this.open.delete(outcome.id)
    this.arrived.push(outcome)
    this.#wake()
  }

  fail(error: unknown, atOnce: boolean): void {
    this.failure ??= { error, atOnce }
    this.#wake()
  }

  /** Its time is up; what had ended before is told all the same, so it waits for the first look. */
  timeOut(error: QError): void {
    this.#late = error
    if (this.#looked) this.fail(error, false)
  }

  /** A look for it is over. */
  looked(): void {
    this.#looked = true
    if (this.#late !== undefined) this.fail(this.#late, false)
  }

  /** Resolves at the next arrival or failure. */
  change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}

/** All waits of one backend. */
export class Lookout {
  readonly #run: Run
  readonly #schema: string
  readonly #closing: AbortSignal
  readonly #waiters = new Map<TaskId, Set<Waiter>>()
  /** Interrupts the pause between two looks. */
  #hurry = new AbortController()
  #looking = false

  constructor(run: Run, schema: string, closing: AbortSignal) {
    this.#run = run
    this.#schema = schema
    this.#closing = closing
    closing.addEventListener('abort', () => this.#failAll(closing.reason))
  }

  /** See `Backend.wait`. */
  async *wait(ids: readonly TaskId[], { signal, timeoutMs }: WaitOptions): AsyncGenerator<Outcome, void, void> {
    signal?.throwIfAborted()
    this.#closing.throwIfAborted()
    const waiter = new Waiter(ids)
    const aborted = (): void => waiter.fail(signal?.reason, true)
    signal?.addEventListener('abort', aborted, { once: true })
    const cancel =
      timeoutMs === undefined
        ? nothing
        : systemClock.after(timeoutMs, () => waiter.timeOut(waitTimeout(waiter.open, timeoutMs)))
    try {
      this.#add(waiter)
      for (;;) {
        if (waiter.failure?.atOnce) throw waiter.failure.error
        const outcome = waiter.arrived.shift()
        if (outcome !== undefined) yield outcome
        else if (waiter.open.size === 0) return
        else if (waiter.failure !== undefined) throw waiter.failure.error
        else await waiter.change()
      }
    } finally {
      cancel()
      signal?.removeEventListener('abort', aborted)
      this.#remove(waiter)
    }
  }

  #add(waiter: Waiter): void {
    for (const id of waiter.open) {
      const others = this.#waiters.get(id)
      if (others === undefined) this.#waiters.set(id, new Set([waiter]))
      else others.add(waiter)
    }
    this.#hurry.abort()
    if (!this.#looking && this.#waiters.size > 0) void this.#look()
  }

  #remove(waiter: Waiter): void {
    for (const id of waiter.open) {
      const others = this.#waiters.get(id)
      if (others?.delete(waiter) && others.size === 0) this.#waiters.delete(id)
    }
  }

  #failAll(error: unknown): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.fail(error, true)
    this.#hurry.abort()
  }

  /** Looks for as long as somebody waits. Never rejects. */
  async #look(): Promise<void> {
    this.#looking = true
    let pause = FIRST_PAUSE_MS
    while (this.#waiters.size > 0 && !this.#closing.aborted) {
      this.#hurry = new AbortController()
      const startedAt = performance.now()
      const waiters = new Set([...this.#waiters.values()].flatMap((some) => [...some]))
      let found = 0
      try {
        for (const batch of batches([...this.#waiters.keys()])) found += await this.#lookFor(batch)
      } catch (error) {
        if (!isQError(error, 'ERR_BACKEND_UNAVAILABLE')) this.#failAll(error)
      }
      for (const waiter of waiters) waiter.looked()
      const tookMs = performance.now() - startedAt
      pause = found > 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pause * PAUSE_GROWTH)
      await sleep(
        systemClock,
        Math.max(pause, Math.min(tookMs * PAUSE_PER_LOOK, LONGEST_PAUSE_PER_LOOK_MS)),
        this.#hurry.signal,
      )
      // Whoever came meanwhile is looked for at once, and often.
      if (this.#hurry.signal.aborted) pause = FIRST_PAUSE_MS
    }
    this.#looking = false
    // Somebody may have come between the last look and this line.
    if (this.#waiters.size > 0 && !this.#closing.aborted) void this.#look()
  }

  async #lookFor(ids: readonly TaskId[]): Promise<number> {
    const rows = await this.#run(outcomesQuery(this.#schema, ids), 'read outcomes')
    for (const row of rows) {
      const waiters = this.#waiters.get(row.id) ?? []
      this.#waiters.delete(row.id)
      for (const waiter of waiters) {
        if (row.status === null) waiter.fail(notFound(row.id, this.#schema), true)
        else waiter.arrive(toOutcome(row))
      }
    }
    return rows.length
  }
}

function notFound(id: TaskId, schema: string): QError {
  return new QError(
    'ERR_TASK_NOT_FOUND',
    `No task ${id} in schema "${schema}", or it was removed. If it was pushed in a transaction, wait for it after the commit.`,
  )
}

function waitTimeout(open: ReadonlySet<TaskId>, timeoutMs: number): QError {
  const [first] = open
  return new QError(
    'ERR_WAIT_TIMEOUT',
    open.size === 1
      ? `Task ${first} has not finished within ${timeoutMs} ms. It goes on; wait again or give a longer timeout.`
      : `${open.size} of the tasks waited for have not finished within ${timeoutMs} ms, the first of them ${first}. They go on; wait again or give a longer timeout.`,
  )
}

function* batches(ids: readonly TaskId[]): Generator<readonly TaskId[]> {
  for (let at = 0; at < ids.length; at += LOOK_BATCH) yield ids.slice(at, at + LOOK_BATCH)
}

function nothing(): void {
  // There is nobody to wake, or no timer to cancel.
}
