/** How long to wait after the n-th failure: pure functions of the attempt. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'

/** Milliseconds to wait after attempt number `attempt` (1 for the first) failed. */
export type Backoff = (attempt: number) => number

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** The first pause. Default `'1s'`. */
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
  const min = toMs(options.min ?? '1s', 'min')
  const max = options.max === undefined ? Math.max(DEFAULT_MAX_MS, min) : toMs(options.max, 'max', { min })
  const factor = ratio('factor', options.factor ?? 2, 1, 10)
  const jitter = ratio('jitter', options.jitter ?? 0.2, 0, 1)
  return (attempt) => {
    const pause = Math.min(max, min * factor ** Math.min(Math.max(0, attempt - 1), LARGEST_EXPONENT))
    return Math.round(pause * (1 + jitter * (2 * Math.random() - 1)))
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

function ratio(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw new QError('ERR_OPTION', `exponential: ${name} must be a number from ${min} to ${max}, got ${String(value)}.`)
}
