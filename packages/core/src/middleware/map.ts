/**
 * Changes what goes into a handler and what comes out of it.
 *
 * Errors by which a task is steered (`AbortError`, `RetryAfterError`, `DeferredError`, a filter's refusal) are
 * decisions, not failures: `mapError` and `catchError` let them pass.
 */
import { QError } from '../error.ts'
import { show } from '../show.ts'
import { isSteering } from '../steer.ts'
import type { TaskContext } from '../worker/context.ts'
import { type Middleware, named } from './middleware.ts'

/**
 * Gives the layers below and the handler other args. What `change` throws fails the attempt.
 * @throws QError `ERR_OPTION`
 */
export function mapArgs<Args = unknown, Needs extends object = object>(
  change: (args: Args, ctx: TaskContext<Needs, Args>) => Args | Promise<Args>,
): Middleware<Needs, object, Args> {
  checkFunction('mapArgs', '(args, ctx) => args', change)
  return named('mapArgs', async (ctx, next) => {
    ctx.args = await change(ctx.args, ctx)
    return next()
  })
}

/**
 * Changes what the handler returned. What `change` throws fails the attempt.
 * @throws QError `ERR_OPTION`
 */
export function mapResult<Result = unknown, Needs extends object = object>(
  change: (result: Result, ctx: TaskContext<Needs>) => unknown,
): Middleware<Needs> {
  checkFunction('mapResult', '(result, ctx) => result', change)
  return named('mapResult', async (ctx, next) => change((await next()) as Result, ctx))
}

/**
 * Changes what was thrown: the attempt fails with what `change` returns, or throws.
 * @throws QError `ERR_OPTION`
 */
export function mapError<Needs extends object = object>(
  change: (error: unknown, ctx: TaskContext<Needs>) => unknown,
): Middleware<Needs> {
  checkFunction('mapError', '(error, ctx) => error', change)
  return named('mapError', async (ctx, next) => {
    try {
      return await next()
    } catch (error) {
      throw isSteering(error) ? error : await change(error, ctx)
    }
  })
}

/**
 * Answers what was thrown, a value of any kind: what `answer` returns is the result, what it throws fails the attempt.
 * @throws QError `ERR_OPTION`
 */
export function catchError<Needs extends object = object>(
  answer: (error: unknown, ctx: TaskContext<Needs>) => unknown,
): Middleware<Needs> {
  checkFunction('catchError', '(error, ctx) => result', answer)
  return named('catchError', async (ctx, next) => {
    try {
      return await next()
    } catch (error) {
      if (isSteering(error)) throw error
      return answer(error, ctx)
    }
  })
}

function checkFunction(where: string, shape: string, given: unknown): void {
  if (typeof given !== 'function')
    throw new QError('ERR_OPTION', `${where}: takes a function ${shape}, got ${show(given)}.`)
}
