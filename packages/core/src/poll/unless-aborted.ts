/**
 * Waits for a promise, but no longer than a signal allows.
 *
 * A promise keeps every reaction that was ever added to it until it settles, and one that polls wait for may never
 * do so. So each promise gets one reaction, and those who wait a place in a set, which they leave again.
 */

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Those who wait for one promise. */
class Waiters {
  readonly #waiting = new Set<Waiter>()
  #tell: ((waiter: Waiter) => void) | undefined = undefined

  constructor(promise: Promise<unknown>) {
    promise.then(
      () => this.#settled(({ resolve }) => resolve()),
      (error: unknown) => this.#settled(({ reject }) => reject(error)),
    )
  }

  add(waiter: Waiter): void {
    if (this.#tell === undefined) this.#waiting.add(waiter)
    else this.#tell(waiter)
  }

  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter)
  }

  #settled(tell: (waiter: Waiter) => void): void {
    this.#tell = tell
    for (const waiter of this.#waiting) tell(waiter)
    this.#waiting.clear()
  }
}

const waitersOf = new WeakMap<Promise<unknown>, Waiters>()

/** Settles as the promise does, or resolves when the signal aborts. What the promise comes to later is ignored. */
export function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve()
    const waiters = waitersOf.get(promise) ?? new Waiters(promise)
    waitersOf.set(promise, waiters)
    const aborted = (): void => {
      waiters.leave(waiter)
      resolve()
    }
    const waiter: Waiter = {
      resolve() {
        signal.removeEventListener('abort', aborted)
        resolve()
      },
      reject(error) {
        signal.removeEventListener('abort', aborted)
        reject(error)
      },
    }
    signal.addEventListener('abort', aborted, { once: true })
    waiters.add(waiter)
  })
}
