/** What the limiting middlewares have in common: their key, where they count, and how they wait for a shared store. */
import { isQError, QError } from '../error.ts'
import { show } from '../show.ts'
import { DeferredError } from '../steer.ts'
import type { LimitAnswer } from '../backend/control.ts'
import { checkKey as checkStoredKey } from '../task/unique.ts'
import type { LimitWish, TaskContext } from '../worker/context.ts'

/**
 * Where a limit counts.
 * - `process`: over all workers of this process that were given the same middleware
 * - `cluster`: over all processes, in the store; needs a backend with the capability `acquire`
 */
export type LimitScope = 'process' | 'cluster'

/** What tasks have in common that share a limit: one text, or one per task. 1 to 200 characters. */
export type LimitKey<Args = unknown> = string | ((args: Args, ctx: TaskContext<object, Args>) => string)

/** Limits go from 1 to this. */
export const MAX_LIMIT = 1_000_000

/** How soon a task comes back when the store could not be asked. */
const UNAVAILABLE_MS = 1_000
/** Waiting tasks come back spread by this share, so that they do not all ask at once. */
const SPREAD = 0.2

/** @throws QError `ERR_OPTION` */
export function checkScope(where: string, across: unknown): LimitScope {
  if (across === 'process' || across === 'cluster') return across
  throw new QError('ERR_OPTION', `${where}: across must be "process" or "cluster", got ${show(across)}.`)
}

/** @throws QError `ERR_OPTION` when it is neither text nor a function. */
export function checkKey<Args>(where: string, key: LimitKey<Args> | undefined): LimitKey<Args> | undefined {
  if (key === undefined || typeof key === 'function') return key
  return checkStoredKey(`${where}: key`, key)
}

/**
 * The key of one task. Without one all tasks share the limit of the middleware, or across the cluster that of their queue.
 * @throws QError `ERR_OPTION` when the function gives no text.
 */
export function keyOf<Args>(where: string, key: LimitKey<Args> | undefined, ctx: TaskContext<object, Args>): string {
  if (key === undefined) return `queue:${ctx.task.queue}`
  return typeof key === 'string' ? key : checkStoredKey(`${where}: what key() returned`, key(ctx.args, ctx))
}

/** Asks the store; a store that is away for now is no reason to fail an attempt. */
export async function acquire(ctx: TaskContext, wish: LimitWish): Promise<LimitAnswer> {
  try {
    return await ctx.acquire(wish)
  } catch (error) {
    if (isQError(error) && error.retryable) throw new DeferredError(UNAVAILABLE_MS, error)
    throw error
  }
}

/** About as long, at least a millisecond: a little more for some, a little less for others. */
export function spread(ms: number): number {
  return Math.max(1, Math.round(ms * (1 + SPREAD * (2 * Math.random() - 1))))
}
