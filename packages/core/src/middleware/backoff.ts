/** How long to wait after the n-th failure: pure functions of the attempt. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions, checkNumber } from '../options.ts'
import { show } from '../show.ts'

/** Milliseconds to wait after attempt number `attempt` (1 for the first) failed. */
export type Backoff = (attempt: number) => number

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** The first pause. Default `'1s'`. A plain number is milliseconds: `{ min: 1, max: 300 }` retries within a second. */
  readonly min?: Duration
  /** The longest pause. Default `'5m'`, or `min` if that is longer. */
  readonly max?: Duration
  /** Each pause is the one before times this, 1 to 10. Default 2. */
  readonly factor?: number
  /** Spreads pauses by this share up and down, 0 to 1; 0 turns it off. Default 0.2. */
  readonly jitter?: number
}

const DEFAULT_MAX_MS = 300_000
/** Beyond this the power is far above any `max` and would overflow. */
const LARGEST_EXPONENT = 200

/**
 * Pauses that grow: `min`, `min × factor`, … up to `max`, spread by `jitter`.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function exponential(options: ExponentialOptions = {}): Backoff {
  checkKnownOptions('exponential', options, ['min', 'max', 'factor', 'jitter'])
  const min = toMs(options.min ?? '1s', 'exponential: min')
  const max = options.max === undefined ? Math.max(DEFAULT_MAX_MS, min) : toMs(options.max, 'exponential: max')
  if (max < min)
    throw new QError(
      'ERR_OPTION',
      `exponential: max must not be below min, got max ${show(options.max)} and min ${show(options.min ?? '1s')}.${typeof options.max === 'number' ? ' A plain number is milliseconds.' : ''}`,
    )
  const factor = checkNumber('exponential', 'factor', options.factor ?? 2, 1, 10)
  const spread = checkNumber('exponential', 'jitter', options.jitter ?? 0.2, 0, 1)
  return (attempt) => {
    const pause = Math.min(max, min * factor ** Math.min(Math.max(0, attempt - 1), LARGEST_EXPONENT))
    return Math.round(pause * (1 + spread * (2 * Math.random() - 1)))
  }
}

/**
 * The same pause every time.
 * @throws QError `ERR_DURATION`
 */
export function fixed(pause: Duration): Backoff {
  const ms = toMs(pause, 'fixed')
  return () => ms
}

/**
 * Spreads the pauses of another backoff, also one of your own, by `share` up and down: 0 to 1, default 0.2.
 * @throws QError `ERR_OPTION`
 */
export function jitter(backoff: Backoff, share: number = 0.2): Backoff {
  if (typeof backoff !== 'function')
    throw new QError('ERR_OPTION', `jitter: takes a backoff, such as fixed("10s"), got ${show(backoff)}.`)
  const checked = checkNumber('jitter', 'share', share, 0, 1)
  return (attempt) => Math.round(backoff(attempt) * (1 + checked * (2 * Math.random() - 1)))
}
