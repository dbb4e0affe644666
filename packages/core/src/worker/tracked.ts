/** Promises that a stop waits for. */
import type { QError } from '../error.ts'

type Abort = (reason: QError) => void

/** A set of promises under way. */
export class Tracked {
  readonly #open = new Map<symbol, Abort | undefined>()
  #emptied: (() => void)[] = []
  #reason: QError | undefined = undefined

  get size(): number {
    return this.#open.size
  }

  /**
   * @param abort Called by {@link Tracked.abort} while it is under way; at once when that was called before.
   * @returns The same promise; its failure stays the caller's to handle.
   */
  add<T>(work: Promise<T>, abort?: Abort): Promise<T> {
    const key = Symbol()
    const over = (): void => {
      this.#open.delete(key)
      if (this.#open.size > 0) return
      const emptied = this.#emptied
      this.#emptied = []
      for (const resolve of emptied) resolve()
    }
    this.#open.set(key, abort)
    // Whatever has a `then` may be given; a promise is resolved to itself.
    Promise.resolve(work).then(over, over)
    if (this.#reason !== undefined) tell(abort, this.#reason)
    return work
  }

  /** Asks all that is under way, and what comes later, to end. */
  abort(reason: QError): void {
    this.#reason = reason
    for (const abort of this.#open.values()) tell(abort, reason)
  }

  /** Resolves when none is under way. */
  whenEmpty(): Promise<void> {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#emptied.push(resolve))
  }
}

function tell(abort: Abort | undefined, reason: QError): void {
  try {
    abort?.(reason)
  } catch {
    // A stop goes on whatever happens here; the promise will be named as one that did not settle.
  }
}
