/**
 * Who keeps others with the same unique key out.
 *
 * Nothing is written when a holder starts or ends: a push looks at how it stands now. A key that is not held
 * any more goes to the next task that asks for it.
 */
import type { TaskId, Uniqueness, UniqueWhile } from '../task/task.ts'
import type { Row } from './row.ts'
import { isFinished, isWaiting } from './row.ts'

/** The last task that took a key. */
export interface Holder {
  readonly row: Row
  readonly while: UniqueWhile
  /** It holds the key at least until then. */
  readonly until: number
}

/** A row as the holder of a key, from now on. */
export function holderOf(row: Row, unique: Uniqueness, now: number): Holder {
  return { row, while: unique.while, until: now + unique.windowMs }
}

/** Whether a holder still keeps others out. */
export function holds({ row, while: span, until }: Holder, now: number): boolean {
  return now < until || (span === 'waiting' ? isWaiting(row) : !isFinished(row))
}

/** The unique keys of one memory backend. */
export class UniqueKeys {
  readonly #holders = new Map<string, Holder>()

  /** The last holder, whether it still holds the key or not. */
  get(key: string): Holder | undefined {
    return this.#holders.get(key)
  }

  set(key: string, holder: Holder): void {
    this.#holders.set(key, holder)
  }

  /** Frees a key if the row was the last to take it: the row is gone. */
  forget(key: string, row: Row): void {
    if (this.#holders.get(key)?.row === row) this.#holders.delete(key)
  }
}

/** How long it is known that a push put its work in the place of a waiting task's. */
const REMEMBER_MS = 86_400_000

/** Pushes that replaced, by id: sent again they change nothing more. Kept for a day. */
export class Replacements {
  readonly #tasks = new Map<TaskId, { readonly task: TaskId; readonly at: number }>()

  /** The task that was given what this push brought. */
  get(push: TaskId): TaskId | undefined {
    return this.#tasks.get(push)?.task
  }

  add(push: TaskId, task: TaskId, now: number): void {
    for (const [old, { at }] of this.#tasks) {
      if (at > now - REMEMBER_MS) break
      this.#tasks.delete(old)
    }
    this.#tasks.set(push, { task, at: now })
  }
}
