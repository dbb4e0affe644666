/** Sends tasks back while something is overloaded, instead of running or failing them. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import { DeferredError } from '../steer.ts'
import type { TaskContext } from '../worker/context.ts'
import { spread } from './limit-options.ts'
import { type Middleware, named } from './middleware.ts'

/** Options of {@link loadShed}. */
export interface LoadShedOptions {
  /** Whether it is too much right now. Asked before each attempt; may be asynchronous. */
  readonly when: (ctx: TaskContext) => boolean | Promise<boolean>
  /** The shortest pause. Default `'1s'`. */
  readonly min?: Duration
  /** The longest pause. Default `'1m'`, or `min` if that is longer. */
  readonly max?: Duration
}

/**
 * Puts tasks off while `when` says so; their slots are free and their attempts not counted. The pause is about as long as
 * the overload has lasted, so that a short one costs little and a long one is not asked about all the time.
 * Give the same middleware to several workers and they judge together.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function loadShed(options: LoadShedOptions): Middleware {
  checkKnownOptions('loadShed', options, ['when', 'min', 'max'])
  const { when } = options
  if (typeof when !== 'function')
    throw new QError('ERR_OPTION', 'loadShed: when must be a function that says whether it is too much right now.')
  const min = toMs(options.min ?? '1s', 'loadShed: min', { min: 1 })
  const max = options.max === undefined ? Math.max(60_000, min) : toMs(options.max, 'loadShed: max', { min })
  let since: number | undefined
  return named('loadShed', async (ctx, next) => {
    if (!(await when(ctx))) {
      since = undefined
      return next()
    }
    const now = ctx.clock.now()
    since ??= now
    throw new DeferredError(spread(Math.min(max, Math.max(min, now - since))))
  })
}
