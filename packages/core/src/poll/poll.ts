/**
 * How often a worker looks when nothing tells it to.
 *
 * Polling alone must be correct; notifications and known due times only make it faster. The worker's
 * wake-up scheduler races the strategy's tick against those.
 */
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions, checkNumber } from '../options.ts'
import { show } from '../show.ts'

/**
 * Decides when an idle worker looks again. Many workers may share one: what it remembers of one it keeps by `worker`.
 * One that rejects, or answers at once, slows the worker down but does not hurt it.
 */
export interface PollStrategy {
  /**
   * Resolves when it is time to look again, or when the signal aborts.
   * @param idle How many looks in a row found nothing; 0 after work or a wake-up.
   * @param worker The same object at each tick of one life of a worker.
   */
  tick(idle: number, clock: Clock, signal: AbortSignal, worker: object): Promise<void>
  /** This worker is over and ticks no more: what was kept for it, such as a stream, can be let go. Must not throw. */
  end?(worker: object): void
}

/** Options of {@link PollEvery.withBackoff}. */
export interface PollBackoffOptions {
  /** The longest pause. Default `'5s'`, or the interval itself if that is longer. */
  readonly max?: Duration
  /** Each empty look multiplies the pause by this, 1 to 10. Default 2. */
  readonly factor?: number
  /** Spreads pauses by this share up and down, 0 to 1. Default 0.1. */
  readonly jitter?: number
}

/** A fixed pause, optionally growing while nothing is found. Made by {@link pollEvery}. */
export class PollEvery implements PollStrategy {
  readonly #intervalMs: number
  readonly #maxMs: number
  readonly #factor: number
  readonly #jitter: number

  constructor(intervalMs: number, maxMs: number, factor: number, jitter: number) {
    this.#intervalMs = intervalMs
    this.#maxMs = maxMs
    this.#factor = factor
    this.#jitter = jitter
  }

  /** The same interval, growing while nothing is found; work and wake-ups reset it. */
  withBackoff(options: PollBackoffOptions = {}): PollEvery {
    checkKnownOptions('withBackoff', options, ['max', 'factor', 'jitter'])
    const maxMs =
      options.max === undefined
        ? Math.max(5_000, this.#intervalMs)
        : toMs(options.max, 'max', { min: this.#intervalMs })
    return new PollEvery(
      this.#intervalMs,
      maxMs,
      checkNumber('withBackoff', 'factor', options.factor ?? 2, 1, 10),
      checkNumber('withBackoff', 'jitter', options.jitter ?? 0.1, 0, 1),
    )
  }

  tick(idle: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const pause = Math.min(this.#maxMs, this.#intervalMs * this.#factor ** Math.min(idle, 64))
    return sleep(clock, pause * (1 + this.#jitter * (2 * Math.random() - 1)), signal)
  }
}

/** Looks again after a fixed pause, at least 1 ms. Add `.withBackoff()` to slow down while idle. */
export function pollEvery(interval: Duration): PollEvery {
  const intervalMs = toMs(interval, 'pollEvery', { min: 1 })
  return new PollEvery(intervalMs, intervalMs, 1, 0)
}

/**
 * The strategy, or an error that says how to make one.
 * @throws QError `ERR_OPTION` for what has no `tick()`, such as a duration.
 */
export function checkPoll(where: string, poll: unknown): PollStrategy {
  if (typeof (poll as Partial<PollStrategy> | null)?.tick === 'function') return poll as PollStrategy
  const use =
    typeof poll === 'string' || typeof poll === 'number'
      ? `pollEvery(${show(poll)})`
      : 'pollEvery("5s"), pollWhen(…), pollOn(…) or pollRace(…)'
  throw new QError('ERR_OPTION', `${where}: poll must be a strategy, got ${show(poll)}. Use ${use}.`)
}
