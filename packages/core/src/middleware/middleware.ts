/**
 * What wraps a handler: the type and the whole engine.
 *
 * The first middleware added is the outermost. Storage is not a layer: settling happens outside of
 * all of them, so that whatever a middleware does, throws or forgets, the task is settled.
 */
import type { Capabilities } from '../backend/capability.ts'
import { QError } from '../error.ts'
import type { TaskContext } from '../worker/context.ts'
import type { Gate } from './gate.ts'
import type { RetryPolicy } from './retry.ts'

/**
 * Runs the rest: the middlewares added after this one, then the handler.
 * @returns What they return; rejects with what they throw.
 * @throws QError `ERR_NEXT_TWICE` at once when called again.
 */
export type Next = () => Promise<unknown>

/**
 * Wraps every attempt. What it returns is the task's result; what it throws fails the attempt.
 * One that returns without calling `next` answers in the handler's place.
 *
 * ```ts
 * const timed: Middleware = async (ctx, next) => {
 *   const start = performance.now()
 *   try {
 *     return await next()
 *   } finally {
 *     histogram.record(performance.now() - start, { queue: ctx.task.queue })
 *   }
 * }
 * ```
 * @typeParam Needs What it finds in `ctx.data`; a builder whose data lacks it does not take it.
 * @typeParam Adds What it puts there for those after it and the handler; see `provide()`.
 * @typeParam Args What the queue must hold.
 */
export interface Middleware<Needs extends object = object, Adds extends object = object, Args = unknown> {
  (ctx: TaskContext<Needs, Args>, next: Next): unknown
  /** A policy for the worker; set by `retry()`. A worker takes at most one. */
  readonly retry?: RetryPolicy
  /** Hold tasks back before they are claimed. */
  readonly gates?: readonly Gate[]
  /** What the backend must offer; checked when the worker is built. */
  readonly requires?: readonly (keyof Capabilities)[]
  /** Only for the type. */
  readonly '~adds'?: Adds
}

/** Any middleware, whatever it needs: what it finds has been checked where it was added. */
export type AnyMiddleware = Middleware<never, object, never>

/** What a middleware may be besides a function. */
export type MiddlewareExtras = Pick<Middleware, 'retry' | 'gates' | 'requires'>

/** A middleware under a name, by which messages and lists of workers call it. */
export function named<Needs extends object = object, Adds extends object = object, Args = unknown>(
  name: string,
  run: (ctx: TaskContext<Needs, Args>, next: Next) => unknown,
  extras: MiddlewareExtras = {},
): Middleware<Needs, Adds, Args> {
  return Object.assign(
    Object.defineProperty((ctx: TaskContext<Needs, Args>, next: Next) => run(ctx, next), 'name', { value: name }),
    extras,
  )
}

/** One function out of the layers and the handler at their centre. */
export function compose<Ctx extends TaskContext>(
  layers: readonly AnyMiddleware[],
  handler: (ctx: Ctx) => unknown,
): (ctx: Ctx) => unknown {
  if (layers.length === 0) return handler
  const enter = (ctx: Ctx, depth: number): unknown => {
    const layer = layers[depth]
    if (layer === undefined) return handler(ctx)
    let called = false
    return layer(ctx as TaskContext as TaskContext<never, never>, () => {
      // Thrown, not rejected: a second call is rarely awaited, and a rejection nobody awaits ends the process.
      if (called)
        throw new QError(
          'ERR_NEXT_TWICE',
          `Middleware "${layer.name || 'anonymous'}" called next() more than once. To run a task again throw an error and let the retry policy decide.`,
        )
      called = true
      const rest = settle(() => enter(ctx, depth + 1))
      rest.catch(ignore)
      return rest
    })
  }
  return (ctx) => enter(ctx, 0)
}

function settle(run: () => unknown): Promise<unknown> {
  try {
    return Promise.resolve(run())
  } catch (error) {
    return Promise.reject(error)
  }
}

function ignore(): void {
  // The middleware sees the rejection if it waits for next(); one that does not must not end the process.
}
