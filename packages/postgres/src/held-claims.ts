/**
 * Knows what is left of each claimed batch, so that its row can be deleted with the last settlement.
 *
 * The row says where to look for the tasks of an instance that died, so it must not go too early. One that stays,
 * because the last settlement's reply was lost or it was in a user's transaction, costs little: `tidy` finds it.
 */
import type { ClaimToken, TaskId } from '@q/core'

/** What names one claim of one task. */
interface Held {
  readonly id: TaskId
  readonly token: ClaimToken
}

/** So many tasks are remembered; the oldest claims are forgotten first. */
const MOST_TASKS = 100_000

/** Claims of this process by token. */
export class HeldClaims {
  readonly #most: number
  /** Tasks that are remembered. */
  #size = 0
  #left = new Map<ClaimToken, Set<TaskId>>()
  /** Claims that were forgotten since the map was made. */
  #forgotten = 0
  /** Claims of which nothing is left, whose last tasks were settled by two statements at once: neither saw the end. */
  readonly #over = new Set<ClaimToken>()

  /** @param most How many tasks are remembered at most. */
  constructor(most: number = MOST_TASKS) {
    this.#most = most
  }

  /** A task was claimed. */
  add({ id, token }: Held): void {
    const left = this.#left.get(token)
    if (left === undefined) this.#left.set(token, new Set([id]))
    else left.add(id)
    this.#size += 1
    if (this.#size > this.#most) this.#forgetBefore(token)
  }

  /** Which claims are finished, or would be if the given tasks, each named once, were settled. */
  finishedBy(tasks: readonly Held[]): ClaimToken[] {
    const settled = new Map<ClaimToken, number>()
    for (const { id, token } of tasks)
      if (this.#left.get(token)?.has(id)) settled.set(token, (settled.get(token) ?? 0) + 1)
    const ended = [...settled].filter(([token, count]) => this.#left.get(token)?.size === count)
    return [...this.#over, ...ended.map(([token]) => token)]
  }

  /**
   * The given tasks were settled.
   * @param finished The claims that were told to be finished with them, and are deleted.
   */
  settle(tasks: readonly Held[], finished: readonly ClaimToken[]): void {
    for (const { id, token } of tasks) {
      const left = this.#left.get(token)
      if (!left?.delete(id)) continue
      this.#size -= 1
      if (left.size > 0) continue
      this.#forget(token)
      this.#over.add(token)
    }
    for (const token of finished) this.#over.delete(token)
  }

  /** The oldest, until there is room or only this one is left. */
  #forgetBefore(token: ClaimToken): void {
    for (const [oldest, { size }] of this.#left) {
      if (this.#size <= this.#most || oldest === token) return
      this.#left.delete(oldest)
      this.#size -= size
    }
  }

  /**
   * A map that is rebuilt leaves a discarded table that knows the next. Once one of them is old, what later ones held stays
   * until a full collection, so now and then a new map is begun.
   */
  #forget(token: ClaimToken): void {
    this.#left.delete(token)
    if (++this.#forgotten <= this.#left.size) return
    this.#left = new Map(this.#left)
    this.#forgotten = 0
  }
}
