/** Runs the layers below and says once how that ended, also when the attempt ends without them. */
import { QError } from '../error.ts'
import type { TaskContext } from '../worker/context.ts'
import type { Next } from './middleware.ts'

/**
 * - `done`: it returned
 * - `failed`: it threw
 * - `left`: the attempt has ended and it has not: it timed out, the worker gave it up, or a middleware outside did not wait
 */
export type RestEnd = 'done' | 'failed' | 'left'

/**
 * Settles as `next()` does. `over` is called exactly once, at the first of: the rest has ended, the attempt has ended.
 * So what a middleware holds for an attempt is given back although its handler never ends; and not before, when the
 * handler was only asked to.
 * @param over Gets what was returned when `done`; otherwise what was thrown, for `left` by the attempt.
 */
export function withRest<Needs extends object, Args>(
  ctx: TaskContext<Needs, Args>,
  next: Next,
  over: (end: RestEnd, value: unknown) => void,
): Promise<unknown> {
  let told = false
  const tell = (end: RestEnd, value: unknown): void => {
    if (told) return
    told = true
    over(end, value)
  }
  const forget = ctx.onEnd((error) => tell('left', reasonOf(ctx, error)))
  const done = (result: unknown): unknown => {
    forget()
    tell('done', result)
    return result
  }
  const failed = (error: unknown): never => {
    forget()
    tell('failed', error)
    throw error
  }
  let rest: Promise<unknown>
  try {
    rest = next()
  } catch (error) {
    return failed(error)
  }
  return rest.then(done, failed)
}

function reasonOf<Needs extends object, Args>(ctx: TaskContext<Needs, Args>, error: unknown): unknown {
  if (ctx.signal.aborted) return ctx.signal.reason
  return (
    error ??
    new QError('ERR_TIMEOUT', `Task ${ctx.taskId} ended: a middleware did not wait for those after it and the handler.`)
  )
}
