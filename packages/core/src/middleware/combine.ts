/** Makes one middleware out of several, or of one and a condition. */
import { QError } from '../error.ts'
import { show } from '../show.ts'
import type { TaskContext } from '../worker/context.ts'
import type { Chained, Perhaps } from './chained.ts'
import { type AnyMiddleware, compose, type Middleware, type MiddlewareExtras, named } from './middleware.ts'
import { isPolicyOnly } from './retry.ts'

/**
 * Several as one, the first outermost. Holds at most one `retry()`. Needs what they need and do not find from each other; what
 * they add to `ctx.data` is there for those after it and for the handler.
 * @throws QError `ERR_OPTION`
 */
export function chain<const Layers extends readonly AnyMiddleware[]>(...layers: Layers): Chained<Layers> {
  for (const layer of layers) checkMiddleware('chain', layer)
  const policies = layers.flatMap((layer) => layer.retry ?? [])
  if (policies.length > 1)
    throw new QError('ERR_OPTION', 'chain: retry() was added twice; a worker has one retry policy.')
  const [retry] = policies
  const extras: MiddlewareExtras = {
    gates: layers.flatMap((layer) => layer.gates ?? []),
    requires: layers.flatMap((layer) => layer.requires ?? []),
    ...(retry === undefined ? {} : { retry }),
  }
  const around = layers.filter((layer) => !isPolicyOnly(layer))
  const made: Middleware = named('chain', (ctx, next) => compose(around, () => next())(ctx), extras)
  return made as Chained<Layers>
}

/**
 * Wraps only the attempts for which `condition`, which may be asynchronous, holds; the others go straight on, without what it
 * adds to `ctx.data`.
 * @throws QError `ERR_OPTION`; also for `retry()`, which is the policy of a worker and not of an attempt: use its `retryIf`.
 */
export function when<Needs extends object = object, Args = unknown, Adds extends object = object>(
  condition: (ctx: TaskContext<Needs, Args>) => boolean | Promise<boolean>,
  middleware: Middleware<Needs, Adds, Args>,
): Middleware<Needs, Perhaps<Adds>, Args> {
  if (typeof condition !== 'function')
    throw new QError('ERR_OPTION', `when: takes a condition (ctx) => boolean, got ${show(condition)}.`)
  checkMiddleware('when', middleware)
  if (middleware.retry !== undefined)
    throw new QError('ERR_OPTION', 'when: retry() is the policy of a whole worker; decide per attempt in its retryIf.')
  const { requires } = middleware
  // No gates: they would hold back tasks that do not pass through it.
  return named(
    `when(${middleware.name})`,
    async (ctx, next) => ((await condition(ctx)) ? middleware(ctx, next) : next()),
    requires === undefined ? {} : { requires },
  )
}

/**
 * The middleware, or none: `use(optional(debug && log()))`.
 * @throws QError `ERR_OPTION`
 */
export function optional<Needs extends object = object, Args = unknown, Adds extends object = object>(
  middleware: Middleware<Needs, Adds, Args> | false | null | undefined,
): Middleware<Needs, Perhaps<Adds>, Args> {
  if (middleware === undefined || middleware === null || middleware === false)
    return named('none', (_ctx, next) => next())
  checkMiddleware('optional', middleware)
  return middleware as Middleware<Needs, Perhaps<Adds>, Args>
}

function checkMiddleware(where: string, given: unknown): void {
  if (typeof given !== 'function')
    throw new QError('ERR_OPTION', `${where}: takes middlewares (ctx, next) => …, got ${show(given)}.`)
}
