/** How many attempts may be under way at once, over several workers or by key. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { DeferredError } from '../steer.ts'
import { type Gate, Watchers } from './gate.ts'
import {
  acquire,
  checkKey,
  checkScope,
  keyOf,
  type LimitKey,
  type LimitScope,
  MAX_LIMIT,
  spread,
} from './limit-options.ts'
import { type Middleware, named } from './middleware.ts'
import { withRest } from './rest.ts'

/** Options of {@link concurrencyLimit}. */
export interface ConcurrencyLimitOptions<Args = unknown> {
  /** Attempts at once, 1 to 1,000,000. */
  readonly limit: number
  /** Counts tasks with the same key apart from others. Default: all together, across the cluster those of one queue. */
  readonly key?: LimitKey<Args>
  /** Where to count. Default `'process'`. */
  readonly across?: LimitScope
  /** How soon a task comes back that found no room, about. Default `'1s'`, or what the store proposes. */
  readonly retryAfter?: Duration
}

const OPTIONS = ['limit', 'key', 'across', 'retryAfter'] as const
const DEFAULT_RETRY_MS = 1_000

/**
 * Lets at most `limit` attempts through at once. A task that finds no room is put off, its slot is free and its attempt
 * not counted. Give the same middleware to several workers and they share the limit. Without a key, in one
 * process, no more is claimed than there is room for. A place is free again when what the middleware wraps, or the
 * attempt, has ended; across the cluster when its outcome is stored or its worker is dead.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`; building a worker throws `ERR_NOT_SUPPORTED` when `across: 'cluster'` meets a
 *   backend without the capability `acquire`.
 */
export function concurrencyLimit<Args = unknown>(
  options: ConcurrencyLimitOptions<Args>,
): Middleware<object, object, Args> {
  const where = 'concurrencyLimit'
  checkKnownOptions(where, options, OPTIONS)
  const limit = checkInteger(where, 'limit', options.limit, 1, MAX_LIMIT)
  const key = checkKey(where, options.key)
  const across = checkScope(where, options.across ?? 'process')
  const askedMs =
    options.retryAfter === undefined ? undefined : toMs(options.retryAfter, `${where}: retryAfter`, { min: 1 })
  if (across === 'cluster')
    return named(
      where,
      async (ctx, next) => {
        const wish = { kind: 'concurrency', key: keyOf(where, key, ctx), limit } as const
        const { granted, retryAfterMs } = await acquire(ctx, wish)
        if (!granted) throw new DeferredError(spread(askedMs ?? (retryAfterMs > 0 ? retryAfterMs : DEFAULT_RETRY_MS)))
        return next()
      },
      { requires: ['acquire'] },
    )
  const places = new Places(limit)
  return named(
    where,
    (ctx, next) => {
      const name = key === undefined ? '' : keyOf(where, key, ctx)
      if (!places.take(name)) throw new DeferredError(spread(askedMs ?? DEFAULT_RETRY_MS))
      return withRest(ctx, next, () => places.give(name))
    },
    key === undefined ? { gates: [places] } : {},
  )
}

/** Places taken, by key. */
class Places implements Gate {
  readonly #limit: number
  readonly #taken = new Map<string, number>()
  readonly #watchers = new Watchers()

  constructor(limit: number) {
    this.#limit = limit
  }

  take(key: string): boolean {
    const taken = this.#taken.get(key) ?? 0
    if (taken >= this.#limit) return false
    this.#taken.set(key, taken + 1)
    return true
  }

  give(key: string): void {
    const taken = this.#taken.get(key) ?? 0
    if (taken <= 1) this.#taken.delete(key)
    else this.#taken.set(key, taken - 1)
    this.#watchers.tell()
  }

  room(): number {
    return this.#limit - (this.#taken.get('') ?? 0)
  }

  watch(changed: () => void): () => void {
    return this.#watchers.add(changed)
  }
}
