/**
 * Spans of time as people write them: `'250ms'`, `'1s'`, `'5m'`, `'2h'`, `'7d'`, or milliseconds.
 *
 * Everything that takes a time span takes a `Duration` and turns it into milliseconds here.
 */
import { QError } from './error.ts'
import { show } from './show.ts'

/** Milliseconds, or a number with a unit: `ms`, `s`, `m`, `h`, `d`. `'1.5s'` is allowed. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** The longest span accepted, 100 years: what is longer is a mistake in the unit. */
export const MAX_DURATION_MS: number = 36_525 * UNIT_MS.d

/** Bounds, in milliseconds and inclusive, for one use of a duration. */
export interface DurationBounds {
  readonly min?: number
  readonly max?: number
}

/**
 * Turns a duration into whole milliseconds (rounded up, so that a delay is never shorter than asked).
 *
 * @param name Names the option in the error.
 * @throws QError `ERR_DURATION` for anything that is not a duration or lies outside the bounds
 *   (default 0 to 100 years).
 */
export function toMs(duration: Duration, name: string, bounds: DurationBounds = {}): number {
  const ms = parse(duration)
  const { min = 0, max = MAX_DURATION_MS } = bounds
  if (ms === undefined) {
    throw new QError(
      'ERR_DURATION',
      `${name} must be milliseconds or a string like "250ms", "1s", "5m", "2h" or "7d", got ${show(duration)}.`,
    )
  }
  if (ms < min || ms > max) {
    const hint =
      typeof duration === 'number' && duration > 0 && duration < min
        ? ` A plain number is milliseconds: did you mean "${duration}s"?`
        : ''
    throw new QError(
      'ERR_DURATION',
      `${name} must be between ${min} and ${max} milliseconds, got ${show(duration)}.${hint}`,
    )
  }
  return ms
}

function parse(duration: unknown): number | undefined {
  if (typeof duration === 'number') return Number.isFinite(duration) ? Math.ceil(duration) : undefined
  if (typeof duration !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration)
  if (!match) return undefined
  return Math.ceil(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS])
}
