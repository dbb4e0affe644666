/**
 * Waiting for a thread, first come first served.
 *
 * Not left to the pool: when one of its threads dies it does not start another for tasks that wait (the next call does),
 * and a task that waits here can leave at once when its signal aborts.
 */

/** At most `places` inside at once. */
export class Line {
  readonly #places: number
  readonly #waiting = new Set<() => void>()
  #inside = 0

  constructor(places: number) {
    this.#places = places
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** How many are inside. */
  get inside(): number {
    return this.#inside
  }

  /** Resolves inside; rejects with the signal's reason when it aborts first. Whoever comes in must {@link leave}. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#inside < this.#places) {
      this.#inside += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const admit = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.delete(admit)
        reject(signal.reason as Error)
      }
      this.#waiting.add(admit)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** Gives the place to whoever waits longest. */
  leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#inside -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
