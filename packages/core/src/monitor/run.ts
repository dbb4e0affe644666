/** One run of a monitor: when it ends, and with which errors. */

/** One run: ends when nothing in it runs any more. */
export class Run {
  readonly finished: Promise<void>
  stopping = false
  readonly #errors: unknown[] = []
  /** 1 for those that keep it open without workers: its beginning, and `stayUp()` until it is stopped. */
  #open = 1
  #held: boolean
  #end: (() => void) | undefined = undefined
  #fail: ((error: unknown) => void) | undefined = undefined

  constructor(stayUp: boolean) {
    this.#held = stayUp
    this.finished = new Promise((resolve, reject) => {
      this.#end = resolve
      this.#fail = reject
    })
  }

  /** @param counts Asked when it failed: whether its error is one of this run. */
  add(ended: Promise<void>, counts: () => boolean): void {
    this.#open += 1
    ended.then(
      () => this.#leave(),
      (error: unknown) => {
        if (counts()) this.#errors.push(error)
        this.#leave()
      },
    )
  }

  /** All workers of the beginning were added. */
  started(): void {
    this.#leave()
  }

  stop(): void {
    this.stopping = true
    this.#held = false
    this.#settle()
  }

  #leave(): void {
    this.#open -= 1
    this.#settle()
  }

  #settle(): void {
    if (this.#open > 0 || this.#held) return
    const errors = this.#errors
    if (errors.length === 0) this.#end?.()
    else this.#fail?.(errors.length === 1 ? errors[0] : new AggregateError(errors, `${errors.length} workers failed.`))
  }
}
