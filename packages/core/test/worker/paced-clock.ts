/** Time that tests move by hand, giving promises and the event loop their turn at each step. */
import { ManualClock } from '../manual-clock.ts'

/** Stands still until `pass`. */
export class PacedClock extends ManualClock {
  /** Lets everything happen that is due within `ms`, in order, and what follows from it. */
  async pass(ms: number): Promise<void> {
    const end = this.now() + ms
    await settled()
    for (;;) {
      const step = this.nextMs
      if (step === undefined || this.now() + step > end) break
      this.advance(Math.max(0, step))
      await settled()
    }
    this.advance(Math.max(0, end - this.now()))
    await settled()
  }

  /** Lets time pass until something is so; fails after a virtual minute. */
  async until(so: () => boolean): Promise<void> {
    for (let ms = 0; !so(); ms += 10) {
      if (ms > 60_000) throw new Error(`It did not become so: ${String(so)}`)
      await this.pass(10)
    }
  }
}

/** Lets promises and the event loop come to rest. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}
