/**
 * Knows what is left of each claimed batch, so that its row can be deleted with the last settlement.
 *
 * The row says where to look for the tasks of an instance that died, so it must not go too early. One that
 * stays too long, because its last settlement's reply was lost, costs nothing and goes with the instance.
 */
import type { ClaimToken, TaskId } from '@q/core'

/** What names one claim of one task. */
interface Held {
  readonly id: TaskId
  readonly token: ClaimToken
}

/** Claims of this process by token. */
export class HeldClaims {
  readonly #left = new Map<ClaimToken, Set<TaskId>>()
  /** Claims of which nothing is left, whose last tasks were settled by two statements at once: neither saw the end. */
  readonly #over = new Set<ClaimToken>()

  /** A task was claimed. */
  add({ id, token }: Held): void {
    const left = this.#left.get(token)
    if (left === undefined) this.#left.set(token, new Set([id]))
    else left.add(id)
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
      if (!left?.delete(id) || left.size > 0) continue
      this.#left.delete(token)
      this.#over.add(token)
    }
    for (const token of finished) this.#over.delete(token)
  }
}
