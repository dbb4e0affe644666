/** Moments as people give them: a `Date`, or milliseconds since the epoch and never seconds. */
import { QError } from '../error.ts'
import { show } from '../show.ts'

const EPOCH_SECONDS_LIMIT = 100_000_000_000
const LATEST_MS = 8_640_000_000_000_000

/**
 * Milliseconds since the epoch, rounded up.
 * @param span Names the option that takes a span instead, for the message.
 * @throws QError `ERR_OPTION` for what is no moment, and for a number that looks like seconds.
 */
export function checkMoment(where: string, name: string, moment: unknown, span?: string): number {
  const ms = moment instanceof Date ? moment.getTime() : moment
  if (typeof ms !== 'number' || !Number.isFinite(ms) || Math.abs(ms) > LATEST_MS) {
    throw new QError(
      'ERR_OPTION',
      `${where}: ${name} must be a valid Date or milliseconds since the epoch, got ${show(moment)}.${span === undefined ? '' : ` For a span use ${span}.`}`,
    )
  }
  if (typeof moment === 'number' && ms < EPOCH_SECONDS_LIMIT) {
    throw new QError(
      'ERR_OPTION',
      `${where}: ${name} is milliseconds since the epoch, got ${ms}, which lies before March 1973. Are these seconds? Multiply by 1000${span === undefined ? ' or pass a Date' : `, pass a Date, or use ${span} for a span`}.`,
    )
  }
  return Math.ceil(ms)
}
