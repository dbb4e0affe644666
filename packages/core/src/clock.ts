/**
 * The only reader of wall time and the only maker of timers in core.
 *
 * Tests pass a virtual clock and never sleep. The store has a clock of its own which decides
 * what is due; this one only paces the process.
 */
import { QError } from './error.ts'

/** Cancels a timer; calling it again does nothing. */
export type CancelTimer = () => void

/** A source of time. */
export interface Clock {
  /** Milliseconds since the epoch, for spans: it goes on evenly, and may differ from the wall clock. */
  now(): number
  /**
   * Milliseconds since the epoch by the wall clock, for moments that are stored, shown or asked for. Unlike `now` it is
   * set at times, and goes on while the machine sleeps. Default: `now`. See {@link wallNow}.
   */
  wall?(): number
  /** Calls `run` once after `ms` milliseconds. */
  after(ms: number, run: () => void): CancelTimer
}

/** `setTimeout` fires at once above this; longer timers are waited for in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * The process's own clock. Monotonic: a wall clock that is set forward would end every attempt and lease at once, one that
 * is set back would trust a lease for too long.
 */
export const systemClock: Clock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  wall: () => Date.now(),
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

/** The moment by the wall clock. */
export function wallNow(clock: Clock): number {
  return clock.wall?.() ?? clock.now()
}

/** The same clock with the wall time as its time, for those who keep moments and compare them. */
export function wallClock(clock: Clock): Clock {
  return { now: () => wallNow(clock), after: (ms, run) => clock.after(ms, run) }
}

/**
 * The clock, or an error.
 * @param where Names what it was given to.
 * @throws QError `ERR_OPTION`
 */
export function checkClock(where: string, clock: Clock): Clock {
  const { now, after, wall } = (clock ?? {}) as Partial<Clock>
  if (typeof now === 'function' && typeof after === 'function' && (wall === undefined || typeof wall === 'function'))
    return clock
  throw new QError('ERR_OPTION', `${where}: clock must have now() and after(), and wall() if it has one.`)
}

/**
 * Resolves after `ms`, or at once, without rejecting, when the signal aborts. So in a handler look whether it was the signal:
 * `await sleep(ctx.clock, 5_000, ctx.signal); ctx.signal.throwIfAborted()`.
 */
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
