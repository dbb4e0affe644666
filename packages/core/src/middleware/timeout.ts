/** A time limit for what it wraps, shorter than the worker's own. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { type Middleware, named } from './middleware.ts'

/**
 * Fails the attempt with `ERR_TIMEOUT` when the middlewares after it and the handler take longer,
 * and aborts `ctx.signal`. Middlewares before it see the error. For one limit over the whole attempt
 * set `.timeout()` of the builder, which costs nothing per task.
 * @throws QError `ERR_DURATION`
 */
export function timeout(limit: Duration): Middleware {
  const ms = toMs(limit, 'timeout', { min: 1 })
  return named(
    'timeout',
    (ctx, next) =>
      new Promise((resolve, reject) => {
        const cancel = ctx.clock.after(ms, () => {
          const error = timeoutError(ctx.taskId, ms)
          ctx.abort(error)
          reject(error)
        })
        ctx.onEnd(cancel)
        next().finally(cancel).then(resolve, reject)
      }),
  )
}

/** Limits below this are rarely meant: seconds were given where milliseconds are taken. */
const SUSPECT_MS = 1_000

/** Says which task ran for how long, and what may have been meant by a very short limit. */
export function timeoutError(id: string, ms: number): QError {
  const hint = ms < SUSPECT_MS ? ` If seconds were meant, write "${ms}s": a plain number is milliseconds.` : ''
  return new QError(
    'ERR_TIMEOUT',
    `Task ${id} did not end within ${ms} ms. Raise the timeout, or split the task; pass ctx.signal on so that it can stop.${hint}`,
  )
}
