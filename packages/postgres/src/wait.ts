/**
 * Waits for tasks, and for runs, by looking, quickly at first and then ever more slowly: one look for all that wait in this process.
 *
 * Ten thousand waits are then ten statements a look, not ten thousand, and a look that takes long is made more rarely.
 * A database that goes away for a while only makes them wait.
 */
import type { Outcome, RunInfo, TaskId, WaitOptions } from '@q/core'
import { isQError, QError, sleep, systemClock } from '@q/core'
import type { Run } from './connection/run.ts'
import { isUuid } from './cursor.ts'
import { outcomesQuery } from './query/read.ts'
import { endedRunsQuery } from './query/runs.ts'
import { toOutcome } from './row.ts'
import { toRunInfo } from './run-row.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500
const PAUSE_GROWTH = 1.5
/** A pause is at least this many times as long as the look before it, up to two seconds. */
const PAUSE_PER_LOOK = 4
const LONGEST_PAUSE_PER_LOOK_MS = 2_000
/** Ids looked up by one statement. */
const LOOK_BATCH = 1_000

/** What is waited for, and how it is looked for. */
export interface Sight<Item> {
  /** Of some ids those that have ended, in the order in which they did, and (null) those that do not exist. */
  look(ids: readonly string[]): Promise<readonly { readonly id: string; readonly ended: Item | null }[]>
  /** The error for an id that does not exist. */
  unknown(id: string): QError
  /** The error for ids that have not ended in time. */
  late(open: ReadonlySet<string>, timeoutMs: number): QError
}

/** One wait: what is still open, what has arrived, and why it ended early. */
class Waiter<Item> {
  readonly open: Set<string>
  readonly arrived: Item[] = []
  /** What arrived before is told before a failure, unless it is to end the wait at once. */
  failure: { readonly error: unknown; readonly atOnce: boolean } | undefined = undefined
  #looked = false
  #late: QError | undefined = undefined
  #wake: () => void = nothing

  constructor(ids: readonly string[]) {
    this.open = new Set(ids)
  }

  arrive(id: string, item: Item): void {
    this.open.delete(id)
    this.arrived.push(item)
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

/** All waits of one backend for one kind of thing. */
export class Lookout<Item> {
  readonly #sight: Sight<Item>
  readonly #closing: AbortSignal
  readonly #waiters = new Map<string, Set<Waiter<Item>>>()
  /** Interrupts the pause between two looks. */
  #hurry = new AbortController()
  #looking = false

  constructor(sight: Sight<Item>, closing: AbortSignal) {
    this.#sight = sight
    this.#closing = closing
    closing.addEventListener('abort', () => this.#failAll(closing.reason))
  }

  /** See `Backend.wait`. */
  async *wait(ids: readonly string[], { signal, timeoutMs }: WaitOptions): AsyncGenerator<Item, void, void> {
    signal?.throwIfAborted()
    this.#closing.throwIfAborted()
    // In a look for all, what is no id at all would spoil it for the others.
    const wrong = ids.find((id) => !isUuid(id))
    if (wrong !== undefined) throw this.#sight.unknown(wrong)
    const waiter = new Waiter<Item>(ids)
    const aborted = (): void => waiter.fail(signal?.reason, true)
    signal?.addEventListener('abort', aborted, { once: true })
    const cancel =
      timeoutMs === undefined
        ? nothing
        : systemClock.after(timeoutMs, () => waiter.timeOut(this.#sight.late(waiter.open, timeoutMs)))
    try {
      this.#add(waiter)
      for (;;) {
        if (waiter.failure?.atOnce) throw waiter.failure.error
        const item = waiter.arrived.shift()
        if (item !== undefined) yield item
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

  #add(waiter: Waiter<Item>): void {
    for (const id of waiter.open) {
      const others = this.#waiters.get(id)
      if (others === undefined) this.#waiters.set(id, new Set([waiter]))
      else others.add(waiter)
    }
    this.#hurry.abort()
    if (!this.#looking && this.#waiters.size > 0) void this.#look()
  }

  #remove(waiter: Waiter<Item>): void {
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

  async #lookFor(ids: readonly string[]): Promise<number> {
    const found = await this.#sight.look(ids)
    for (const { id, ended } of found) {
      const waiters = this.#waiters.get(id) ?? []
      this.#waiters.delete(id)
      for (const waiter of waiters) {
        if (ended === null) waiter.fail(this.#sight.unknown(id), true)
        else waiter.arrive(id, ended)
      }
    }
    return found.length
  }
}

/** Waits for tasks. */
export function tasksInSight(run: Run, schema: string): Sight<Outcome> {
  return {
    async look(ids) {
      const rows = await run(outcomesQuery(schema, ids), 'read outcomes')
      return rows.map((row) => ({ id: row.id, ended: row.status === null ? null : toOutcome(row) }))
    },
    unknown: (id) => notFound(id, schema),
    late: waitTimeout,
  }
}

/** Waits for runs. */
export function runsInSight(run: Run, schema: string): Sight<RunInfo> {
  return {
    async look(ids) {
      const rows = await run(endedRunsQuery(schema, ids), 'look for runs that have ended')
      return rows.map((row) => ({ id: row.named, ended: row.id === null ? null : toRunInfo(row) }))
    },
    unknown: (id) =>
      new QError(
        'ERR_RUN_NOT_FOUND',
        `No run ${String(id).slice(0, 60)} in schema "${schema}", or it was forgotten. If it was started in a transaction, wait for it after the commit.`,
      ),
    late: (open, timeoutMs) =>
      new QError(
        'ERR_WAIT_TIMEOUT',
        `${open.size} of the runs waited for have not ended within ${timeoutMs} ms, among them ${[...open][0]}. They go on; wait again or give a longer timeout.`,
      ),
  }
}

function notFound(id: TaskId, schema: string): QError {
  return new QError(
    'ERR_TASK_NOT_FOUND',
    `No task ${String(id).slice(0, 60)} in schema "${schema}", or it was removed. If it was pushed in a transaction, wait for it after the commit.`,
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

function* batches(ids: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < ids.length; at += LOOK_BATCH) yield ids.slice(at, at + LOOK_BATCH)
}

function nothing(): void {
  // There is nobody to wake, or no timer to cancel.
}
