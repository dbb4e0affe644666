/** Looks on without changing anything: for counters, audits, notifications. */
import { QError } from '../error.ts'
import { messageOf } from '../show.ts'
import { checkKnownOptions } from '../options.ts'
import type { TaskContext } from '../worker/context.ts'
import { type Middleware, named } from './middleware.ts'
import { withRest } from './rest.ts'

/** Called at the moments of an attempt; not waited for. All optional. */
export interface Observer<Needs extends object = object, Args = unknown> {
  /** Before the layers below. */
  readonly started?: (ctx: TaskContext<Needs, Args>) => unknown
  /** They returned. */
  readonly done?: (result: unknown, ctx: TaskContext<Needs, Args>) => unknown
  /** They threw; or the attempt ended without them, by timeout for one. */
  readonly failed?: (error: unknown, ctx: TaskContext<Needs, Args>) => unknown
}

const MOMENTS = ['started', 'done', 'failed'] as const

/**
 * Tells an observer. What it throws or rejects with hurts nobody and becomes a line of `ctx.log`; what it returns is ignored.
 * @throws QError `ERR_OPTION`
 */
export function tap<Needs extends object = object, Args = unknown>(
  observer: Observer<Needs, Args>,
): Middleware<Needs, object, Args> {
  checkKnownOptions('tap', observer, MOMENTS)
  for (const moment of MOMENTS)
    if (observer[moment] !== undefined && typeof observer[moment] !== 'function')
      throw new QError('ERR_OPTION', `tap: ${moment} must be a function.`)
  return named('tap', (ctx, next) => {
    quietly(ctx, () => observer.started?.(ctx))
    return withRest(ctx, next, (how, value) =>
      quietly(ctx, () => (how === 'done' ? observer.done?.(value, ctx) : observer.failed?.(value, ctx))),
    )
  })
}

function quietly<Needs extends object, Args>(ctx: TaskContext<Needs, Args>, tell: () => unknown): void {
  const failed = (error: unknown): void =>
    ctx.log.warn('tap: an observer failed; the task is not affected.', { error: messageOf(error) })
  try {
    const told = tell()
    if (told instanceof Promise) told.catch(failed)
  } catch (error) {
    failed(error)
  }
}
