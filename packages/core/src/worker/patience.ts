/**
 * Calls to a backend that can be given up.
 *
 * A connection that died silently may leave a call without an answer for ever. Every call goes through
 * here, so that the watchdog can end the waiting; what the call brings later goes to `late`.
 */
import type { Clock } from '../clock.ts'
import { QError } from '../error.ts'

interface OpenCall {
  readonly since: number
  readonly giveUp: () => void
}

/** The open calls of one worker. */
export class Patience {
  /** Few. Not a set, whose discarded tables would keep old calls, and what they brought, until a full collection. */
  readonly #open: OpenCall[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls, and turns what is thrown at once into a rejection.
   * @param late Takes the answer of a call that was given up.
   * @param limitMs Gives up by itself after this; without it the watchdog decides.
   * @throws QError `ERR_BACKEND_UNAVAILABLE` when it was given up.
   */
  call<T>(name: string, run: () => Promise<T>, late?: (value: T) => void, limitMs?: number): Promise<T> {
    return new Promise((resolve, reject) => {
      let over = false
      const since = this.#clock.now()
      const open: OpenCall = {
        since,
        giveUp: () => {
          end()
          reject(
            new QError(
              'ERR_BACKEND_UNAVAILABLE',
              `The backend has not answered ${name} for ${this.#clock.now() - since} ms.`,
            ),
          )
        },
      }
      const cancel = limitMs === undefined ? undefined : this.#clock.after(limitMs, open.giveUp)
      const end = (): void => {
        over = true
        cancel?.()
        this.#open.splice(this.#open.indexOf(open), 1)
      }
      this.#open.push(open)
      started(run).then(
        (value) => {
          if (over) return late?.(value)
          end()
          resolve(value)
        },
        (error: unknown) => {
          if (over) return
          end()
          reject(error)
        },
      )
    })
  }

  /** Gives up the calls that were made before this moment. */
  giveUp(before: number): void {
    for (const open of this.#open.filter(({ since }) => since <= before)) open.giveUp()
  }
}

async function started<T>(run: () => Promise<T>): Promise<T> {
  return await run()
}
