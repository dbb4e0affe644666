/**
 * The only reader of wall time and the only maker of timers in core.
 *
 * Tests pass a virtual clock and never sleep. The store has a clock of its own which decides
 * what is due; this one only paces the process.
 */

/** Cancels a timer; calling it again does nothing. */
export type CancelTimer = () => void

/** A source of time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls `run` once after `ms` milliseconds. */
  after(ms: number, run: () => void): CancelTimer
}

/** `setTimeout` fires at once above this; longer timers are waited for in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    let timer: ReturnType<typeof setTimeout>
    const arm = (left: number): void => {
      timer = setTimeout(
        () => (left > LONGEST_TIMER_MS ? arm(left - LONGEST_TIMER_MS) : run()),
        Math.min(left, LONGEST_TIMER_MS),
      )
    }
    arm(Math.max(0, ms))
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`, or at once (without rejecting) when the signal aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    signal?.addEventListener('abort', end, { once: true })
  })
}
