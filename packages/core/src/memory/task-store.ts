/**
 * All rows of a memory backend: by id, by idempotency key, and in the order of their queues.
 *
 * Finished rows are kept for readers and for repeated calls, up to a bound; the oldest go first, and
 * with them their ids and keys.
 */
import { QError } from '../error.ts'
import type { NewTask, Receipt, TaskId } from '../task/task.ts'
import { QueueOrder } from './queue-order.ts'
import type { Row } from './row.ts'
import { newRow, sameEncoded } from './row.ts'

/** Rows to be stored, and what to say of each task. Nothing is stored yet. */
export interface PushPlan {
  readonly rows: readonly Row[]
  readonly receipts: readonly Receipt[]
}

/** The rows of one memory backend. */
export class TaskStore {
  readonly #rows = new Map<TaskId, Row>()
  readonly #idsByKey = new Map<string, TaskId>()
  readonly #queues = new Map<string, QueueOrder>()
  /** A ring of `#keepFinished` places, filled in the order they finish. */
  readonly #finished: Row[] = []
  readonly #keepFinished: number
  #finishes = 0

  constructor(keepFinished: number) {
    this.#keepFinished = keepFinished
  }

  get(id: TaskId): Row | undefined {
    return this.#rows.get(id)
  }

  /** The waiting tasks of a queue. */
  order(queue: string): QueueOrder {
    let order = this.#queues.get(queue)
    if (order === undefined) {
      order = new QueueOrder()
      this.#queues.set(queue, order)
    }
    return order
  }

  /**
   * Works out which tasks are new. A known key decides before a known id.
   *
   * @param onOtherPayload What to do when a key was used before with another payload.
   * @throws QError `ERR_KEY_CONFLICT`, `ERR_OPTION`
   */
  plan(tasks: readonly NewTask[], now: number, onOtherPayload: 'throw' | 'skip'): PushPlan {
    const planned = new Map<TaskId, Row>()
    const plannedKeys = new Map<string, Row>()
    const receipts = tasks.map((task): Receipt => {
      const key = task.key === null ? undefined : keyOf(task.queue, task.key)
      const keyed = key === undefined ? undefined : (plannedKeys.get(key) ?? this.#rowOfKey(key))
      if (keyed !== undefined) {
        if (onOtherPayload === 'throw' && !sameEncoded(keyed.payload, task.payload)) throw keyConflict(task, keyed)
        return { id: keyed.id, outcome: 'duplicate' }
      }
      if (planned.has(task.id) || this.#rows.has(task.id)) return { id: task.id, outcome: 'duplicate' }
      const row = newRow(task, now)
      planned.set(row.id, row)
      if (key !== undefined) plannedKeys.set(key, row)
      return { id: row.id, outcome: 'created' }
    })
    return { rows: [...planned.values()], receipts }
  }

  /** Stores planned rows. Cannot fail. */
  insert(rows: readonly Row[], now: number): void {
    for (const row of rows) {
      this.#rows.set(row.id, row)
      if (row.key !== null) this.#idsByKey.set(keyOf(row.queue, row.key), row.id)
      this.order(row.queue).add(row, now)
    }
  }

  /** Keeps a row among the finished, and forgets the oldest beyond the bound. */
  finished(row: Row): void {
    if (this.#keepFinished === 0) return this.#forget(row)
    const place = this.#finishes % this.#keepFinished
    const oldest = this.#finished[place]
    this.#finished[place] = row
    this.#finishes += 1
    row.finishOrder = this.#finishes
    if (oldest !== undefined) this.#forget(oldest)
  }

  #forget(row: Row): void {
    this.#rows.delete(row.id)
    if (row.key !== null) this.#idsByKey.delete(keyOf(row.queue, row.key))
  }

  #rowOfKey(key: string): Row | undefined {
    const id = this.#idsByKey.get(key)
    return id === undefined ? undefined : this.#rows.get(id)
  }
}

/** No queue name contains a space, so no two pairs give the same text. */
function keyOf(queue: string, key: string): string {
  return `${queue} ${key}`
}

function keyConflict(task: NewTask, earlier: Row): QError {
  return new QError(
    'ERR_KEY_CONFLICT',
    `queue "${task.queue}": the key ${JSON.stringify(task.key)} belongs to task ${earlier.id}, which has another payload. ` +
      'One key stands for one piece of work: put what makes this one different into the key.',
  )
}
