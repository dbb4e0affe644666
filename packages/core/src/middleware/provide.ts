/** Puts something made for one attempt into `ctx.data`: a user, a transaction, a tenant's settings. */
import { QError } from '../error.ts'
import { show } from '../show.ts'
import type { TaskContext } from '../worker/context.ts'
import { type Middleware, named } from './middleware.ts'

/**
 * Adds `ctx.data[name]` for the layers below and the handler, typed by what `make` returns. What it throws fails
 * the attempt. For what all attempts share use `data()` of the builder.
 *
 * ```ts
 * new WorkerBuilder('mailer')
 *   .backend(emails)
 *   .data({ db })
 *   .use(provide('tenant', (ctx) => ctx.task.metadata?.tenant ?? 'none'))
 *   .build((email, ctx) => ctx.data.tenant)
 * ```
 * @throws QError `ERR_OPTION`
 */
export function provide<Name extends string, Value, Needs extends object = object, Args = unknown>(
  name: Name,
  make: (ctx: TaskContext<Needs, Args>) => Value | Promise<Value>,
): Middleware<Needs, { readonly [Key in Name]: Value }, Args> {
  if (typeof name !== 'string' || name === '')
    throw new QError('ERR_OPTION', `provide: the name must be a string of at least one character, got ${show(name)}.`)
  if (typeof make !== 'function')
    throw new QError('ERR_OPTION', `provide: takes a name and a function (ctx) => value, got ${show(make)}.`)
  return named(`provide(${name})`, async (ctx, next) => {
    const value = await make(ctx)
    Object.defineProperty(ctx.data, name, { value, enumerable: true, configurable: true, writable: true })
    return next()
  })
}
