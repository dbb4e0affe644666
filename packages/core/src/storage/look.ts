/** How often readers look again when nothing tells them to: quickly after a change, ever more rarely without one. */
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'

const FIRST_MS = 50
const LONGEST_MS = 1_000

/** The pauses of one reader. */
export class Looks {
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  #pause = FIRST_MS

  constructor(clock: Clock, signal: AbortSignal | undefined) {
    this.#clock = clock
    this.#signal = signal
  }

  /** Whether the reader was told to stop. */
  get over(): boolean {
    return this.#signal?.aborted === true
  }

  /** Waits for the next look, or for the abort; short after news, up to a second without. */
  async next(news: boolean): Promise<void> {
    this.#pause = news ? FIRST_MS : Math.min(LONGEST_MS, this.#pause * 2)
    await sleep(this.#clock, this.#pause, this.#signal)
  }
}
