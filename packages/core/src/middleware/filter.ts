/** Lets only some tasks reach the handler, and says what becomes of the others. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import { DeferredError, FilteredError } from '../steer.ts'
import type { TaskContext } from '../worker/context.ts'
import { type Middleware, named } from './middleware.ts'

/** Options of {@link filter}. */
export interface FilterOptions {
  /**
   * What becomes of a task that is refused.
   * - `kill` (default): it is `killed`, with `ERR_FILTERED` as its error
   * - `cancel`: it is `cancelled`, with the same
   * - `defer`: it comes back after `retryAfter`, its attempt not counted
   * - `done`: it is `done`, without a result
   */
  readonly otherwise?: 'kill' | 'cancel' | 'defer' | 'done'
  /** How soon a deferred task comes back. Only with `defer`. Default `'1m'`. */
  readonly retryAfter?: Duration
}

const ENDINGS = ['kill', 'cancel', 'defer', 'done']

/**
 * Asks `predicate`, which may be asynchronous, before each attempt. What it throws fails the attempt like a handler's error.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function filter<Args = unknown, Needs extends object = object>(
  predicate: (args: Args, ctx: TaskContext<Needs, Args>) => boolean | Promise<boolean>,
  options: FilterOptions = {},
): Middleware<Needs, object, Args> {
  checkKnownOptions('filter', options, ['otherwise', 'retryAfter'])
  const { otherwise = 'kill' } = options
  if (typeof predicate !== 'function')
    throw new QError('ERR_OPTION', `filter: takes a function (args, ctx) => boolean, got ${show(predicate)}.`)
  if (!ENDINGS.includes(otherwise))
    throw new QError('ERR_OPTION', `filter: otherwise must be one of ${ENDINGS.join(', ')}, got ${show(otherwise)}.`)
  if (options.retryAfter !== undefined && otherwise !== 'defer')
    throw new QError('ERR_OPTION', `filter: retryAfter goes with otherwise: 'defer', not with '${otherwise}'.`)
  const afterMs = toMs(options.retryAfter ?? '1m', 'filter: retryAfter', { min: 1 })
  return named('filter', async (ctx, next) => {
    if (await predicate(ctx.args, ctx)) return next()
    if (otherwise === 'done') return undefined
    const message = `A filter refused task ${ctx.taskId}.`
    if (otherwise === 'defer') throw new DeferredError(afterMs, message)
    throw new FilteredError(message, otherwise === 'kill' ? 'killed' : 'cancelled')
  })
}
