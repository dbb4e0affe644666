/**
 * All rows of a memory backend: by id, by key, and in the order of their queues.
 *
 * Finished rows are kept for readers and for repeated calls, up to a bound; the oldest go first, and
 * with them their ids and keys. Steps of runs leave with their run only.
 */
import type { ClaimToken, TaskId } from '../task/task.ts'
import type { KeyEntry } from './keys.ts'
import { keyOf } from './keys.ts'
import { QueueOrder } from './queue-order.ts'
import type { FinishedRow, Row, Wish } from './row.ts'
import { isFinished } from './row.ts'
import { Replacements, UniqueKeys } from './uniqueness.ts'

/** The rows of one memory backend. */
export class TaskStore {
  readonly keys: Map<string, KeyEntry> = new Map()
  readonly uniqueKeys: UniqueKeys = new UniqueKeys()
  readonly replacements: Replacements = new Replacements()
  readonly #rows = new Map<TaskId, Row>()
  readonly #orders = new Map<string, QueueOrder>()
  readonly #queues = new Set<string>()
  /** A ring of `#keepFinished` places, filled in the order they finish. A row that left by itself leaves a gap. */
  readonly #finished: (Row | undefined)[] = []
  readonly #keepFinished: number
  #finishes = 0
  #claims = 0

  constructor(keepFinished: number) {
    this.#keepFinished = keepFinished
  }

  get(id: TaskId): Row | undefined {
    return this.#rows.get(id)
  }

  /** Every row, in no order that means anything. */
  rows(): Iterable<Row> {
    return this.#rows.values()
  }

  /** The waiting tasks of a queue. */
  order(queue: string): QueueOrder {
    let order = this.#orders.get(queue)
    if (order === undefined) {
      order = new QueueOrder()
      this.#orders.set(queue, order)
    }
    return order
  }

  /** The token of a claim: never issued twice. */
  nextToken(): ClaimToken {
    this.#claims += 1
    return String(this.#claims)
  }

  /** Queues that ever had a task, or were made known. */
  get queues(): ReadonlySet<string> {
    return this.#queues
  }

  /** Makes a queue known that may have no task. */
  know(queue: string): void {
    this.#queues.add(queue)
  }

  /** Stores a new row. */
  insert(row: Row, now: number): void {
    this.#rows.set(row.id, row)
    this.know(row.queue)
    this.order(row.queue).add(row, now)
  }

  /** Changes a waiting row and gives it its new place. */
  change(row: Row, wish: Partial<Wish>, now: number): void {
    const order = this.order(row.queue)
    order.remove(row)
    Object.assign(row, wish)
    order.add(row, now)
  }

  /** Keeps a row among the finished, and forgets the oldest beyond the bound. */
  finished(row: Row): void {
    const kept = row.run === null ? row : undefined
    const place = this.#finishes % this.#keepFinished
    this.#finishes += 1
    row.finishOrder = this.#finishes
    if (this.#keepFinished === 0) return kept && this.#forget(kept)
    const oldest = this.#finished[place]
    this.#finished[place] = kept
    if (oldest !== undefined) this.#forget(oldest)
  }

  /** The finished rows, the first to finish first. */
  *finishedRows(): Generator<FinishedRow, void, void> {
    const end = this.#finishes
    for (let n = Math.max(0, end - this.#keepFinished); n < end; n++) {
      const row = this.#finished[n % this.#keepFinished]
      if (row !== undefined && isFinished(row)) yield row
    }
  }

  /** Takes a row from among the finished: it lives again. */
  unfinish(row: Row): void {
    const place = (row.finishOrder - 1) % this.#keepFinished
    if (this.#finished[place] === row) this.#finished[place] = undefined
    row.finishOrder = 0
  }

  /** Forgets a row that nobody holds. */
  remove(row: Row): void {
    if (isFinished(row)) this.unfinish(row)
    else this.order(row.queue).remove(row)
    this.#forget(row)
  }

  #forget(row: Row): void {
    this.#rows.delete(row.id)
    if (row.key !== null) this.keys.delete(keyOf(row.queue, row.key))
    if (row.uniqueKey !== null) this.uniqueKeys.forget(keyOf(row.queue, row.uniqueKey), row)
  }
}
