/**
 * What a push will change, worked out before anything is changed: a push stores all or nothing.
 *
 * Tasks are handled in order, so that a later one meets the earlier ones of its call as if they were stored.
 */
import { QError } from '../error.ts'
import type { NewTask, Receipt, TaskId } from '../task/task.ts'
import type { KeyEntry } from './keys.ts'
import { keyOf } from './keys.ts'
import type { Row, Wish } from './row.ts'
import { isWaiting, newRow, sameEncoded, wishOf } from './row.ts'
import type { TaskStore } from './task-store.ts'
import type { Holder } from './uniqueness.ts'
import { holderOf, holds } from './uniqueness.ts'

/** A task that can be stored. */
export interface Candidate {
  readonly task: NewTask
  readonly wish: Wish
}

/**
 * Checks and copies tasks.
 * @throws QError `ERR_OPTION`
 */
export function candidates(tasks: readonly NewTask[], now: number): Candidate[] {
  return tasks.map((task) => ({ task, wish: wishOf(task, now) }))
}

/** What is new, what is changed, and what to say of each task. Nothing is stored yet. */
export class PushPlan {
  readonly receipts: readonly Receipt[]
  readonly #rows = new Map<TaskId, Row>()
  readonly #keys = new Map<string, KeyEntry>()
  readonly #holders = new Map<string, Holder>()
  /** Waiting tasks that are given what a later push brought. */
  readonly #replaced = new Map<Row, Wish>()
  /** By which pushes, and whose place they took. */
  readonly #replacements = new Map<TaskId, TaskId>()
  readonly #store: TaskStore
  readonly #now: number

  /**
   * @param onOtherPayload What to do when a key was used before with another payload.
   * @throws QError `ERR_KEY_CONFLICT`
   */
  constructor(store: TaskStore, tasks: readonly Candidate[], now: number, onOtherPayload: 'throw' | 'skip') {
    this.#store = store
    this.#now = now
    this.receipts = tasks.map((candidate) => this.#add(candidate, onOtherPayload))
  }

  /** What was new and will be stored. */
  get created(): Iterable<Row> {
    return this.#rows.values()
  }

  /**
   * Stores what was planned. Cannot fail.
   * @returns The queues whose waiting tasks are others now.
   */
  carryOut(): Set<string> {
    const changed = new Set<string>()
    for (const row of this.#rows.values()) {
      this.#store.insert(row, this.#now)
      changed.add(row.queue)
    }
    for (const [row, wish] of this.#replaced) {
      this.#store.change(row, wish, this.#now)
      changed.add(row.queue)
    }
    for (const [key, entry] of this.#keys) this.#store.keys.set(key, entry)
    for (const [key, holder] of this.#holders) this.#store.uniqueKeys.set(key, holder)
    for (const [push, task] of this.#replacements) this.#store.replacements.add(push, task, this.#now)
    return changed
  }

  /** A known key decides before a known id, and both before a unique key. */
  #add({ task, wish }: Candidate, onOtherPayload: 'throw' | 'skip'): Receipt {
    const key = task.key === null ? undefined : keyOf(task.queue, task.key)
    const known = key === undefined ? undefined : (this.#keys.get(key) ?? this.#store.keys.get(key))
    if (known !== undefined) {
      if (onOtherPayload === 'throw' && !sameEncoded(known.payload, task.payload)) throw keyConflict(task, known.id)
      return { id: known.id, outcome: 'duplicate' }
    }
    if (this.#rows.has(task.id) || this.#store.get(task.id) !== undefined) return { id: task.id, outcome: 'duplicate' }
    const kept = this.#keptOut(task, wish)
    if (kept !== undefined) return kept
    const row = newRow(task, wish, this.#now)
    this.#rows.set(row.id, row)
    if (key !== undefined) this.#keys.set(key, { id: row.id, payload: wish.payload })
    if (task.unique) this.#holders.set(keyOf(row.queue, task.unique.key), holderOf(row, task.unique, this.#now))
    return { id: row.id, outcome: 'created' }
  }

  /** The receipt of a task that meets the holder of its unique key. */
  #keptOut({ id, queue, unique }: NewTask, wish: Wish): Receipt | undefined {
    if (!unique) return undefined
    const before =
      unique.otherwise === 'replace' ? (this.#replacements.get(id) ?? this.#store.replacements.get(id)) : undefined
    if (before !== undefined) return { id: before, outcome: 'replaced' }
    const key = keyOf(queue, unique.key)
    const holder = this.#holders.get(key) ?? this.#store.uniqueKeys.get(key)
    if (holder === undefined || !holds(holder, this.#now)) return undefined
    const { row } = holder
    if (unique.otherwise === 'keep' || !isWaiting(row)) return { id: row.id, outcome: 'duplicate' }
    if (this.#rows.has(row.id)) Object.assign(row, wish)
    else this.#replaced.set(row, wish)
    this.#holders.set(key, holderOf(row, unique, this.#now))
    this.#replacements.set(id, row.id)
    return { id: row.id, outcome: 'replaced' }
  }
}

function keyConflict(task: NewTask, earlier: TaskId): QError {
  return new QError(
    'ERR_KEY_CONFLICT',
    `queue "${task.queue}": the key ${JSON.stringify(task.key)} belongs to task ${earlier}, which has another payload. ` +
      'One key stands for one piece of work: put what makes this one different into the key.',
  )
}
