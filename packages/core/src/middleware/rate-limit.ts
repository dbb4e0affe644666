/** How many attempts may start in a span of time, over several workers or by key. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { DeferredError } from '../steer.ts'
import { acquire, checkKey, checkScope, keyOf, type LimitKey, type LimitScope, MAX_LIMIT } from './limit-options.ts'
import { type Middleware, named } from './middleware.ts'
import { TokenBuckets } from './token-bucket.ts'

/** Options of {@link rateLimit}. */
export interface RateLimitOptions<Args = unknown> {
  /** Attempts per span, 1 to 1,000,000; also how many may start at once after a quiet time. */
  readonly limit: number
  /** The span, 1 ms to 366 days. */
  readonly per: Duration
  /** Counts tasks with the same key apart from others. Default: all together, across the cluster those of one queue. */
  readonly key?: LimitKey<Args>
  /** Where to count. Default `'process'`. */
  readonly across?: LimitScope
}

const LONGEST_MS = 366 * 86_400_000
const OPTIONS = ['limit', 'per', 'key', 'across'] as const

/**
 * Lets `limit` attempts start in each span `per`, by a token bucket: after a quiet time that many may start at once, then
 * they are spread evenly. A task that comes too early is put off for as long as it takes, its slot is free and its
 * attempt not counted. Give the same middleware to several workers and they share the limit. Without a key, in one
 * process, no more is claimed than may start.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`; building a worker throws `ERR_NOT_SUPPORTED` when `across: 'cluster'` meets a
 *   backend without the capability `acquire`.
 */
export function rateLimit<Args = unknown>(options: RateLimitOptions<Args>): Middleware<object, object, Args> {
  const where = 'rateLimit'
  checkKnownOptions(where, options, OPTIONS)
  const limit = checkInteger(where, 'limit', options.limit, 1, MAX_LIMIT)
  const periodMs = toMs(options.per, `${where}: per`, { min: 1, max: LONGEST_MS })
  const key = checkKey(where, options.key)
  const across = checkScope(where, options.across ?? 'process')
  if (across === 'cluster')
    return named(
      where,
      async (ctx, next) => {
        const wish = { kind: 'rate', key: keyOf(where, key, ctx), limit, periodMs } as const
        const { granted, retryAfterMs } = await acquire(ctx, wish)
        if (!granted) throw new DeferredError(Math.max(1, retryAfterMs))
        return next()
      },
      { requires: ['acquire'] },
    )
  const buckets = new TokenBuckets(limit, periodMs)
  return named(
    where,
    (ctx, next) => {
      const waitMs = buckets.take(key === undefined ? '' : keyOf(where, key, ctx), ctx.clock)
      if (waitMs > 0) throw new DeferredError(waitMs)
      return next()
    },
    key === undefined ? { gates: [buckets] } : {},
  )
}
