/**
 * Counts what is left of each claimed batch, so that its row can be deleted with the last settlement.
 *
 * The row only says where to look for the tasks of an instance that died; a row that stays a little too
 * long, because its last settlement's reply was lost, costs nothing and goes with the instance.
 */

/** Claims of this process by token. */
export class HeldClaims {
  readonly #left = new Map<string, number>()

  /** A batch was claimed. */
  add(token: string, tasks: number): void {
    this.#left.set(token, tasks)
  }

  /** Which claims would be finished if the given tokens were each settled once more. */
  finishedBy(tokens: readonly string[]): string[] {
    const settled = new Map<string, number>()
    for (const token of tokens) settled.set(token, (settled.get(token) ?? 0) + 1)
    return [...settled]
      .filter(([token, count]) => this.#left.get(token) === count)
      .map(([token]) => token)
  }

  /** The given tokens were each settled once more. */
  settle(tokens: readonly string[]): void {
    for (const token of tokens) {
      const left = this.#left.get(token)
      if (left === undefined) continue
      if (left <= 1) this.#left.delete(token)
      else this.#left.set(token, left - 1)
    }
  }
}
