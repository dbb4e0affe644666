/** Things that middlewares leave for those further in, typed, for one attempt and never stored. */

/** One typed place on the context of an attempt. Made by {@link extension}. */
export interface Extension<T> {
  /** For people. Two extensions of one name are still two. */
  readonly name: string
  /** What was set for this attempt; undefined when nothing was. */
  get(ctx: object): T | undefined
  /** Sets it for this attempt, in the place of what was set before. */
  set(ctx: object, value: T): void
}

/**
 * A place for things that belong to one attempt: a span, a tenant that was looked up.
 *
 * ```ts
 * const span = extension<Span>('span')
 * const traced: Middleware = (ctx, next) => {
 *   span.set(ctx, tracer.start())
 *   return next()
 * }
 * // in the handler: span.get(ctx)
 * ```
 */
export function extension<T>(name: string): Extension<T> {
  const values = new WeakMap<object, { readonly value: T }>()
  return Object.freeze({
    name,
    get: (ctx: object) => values.get(ctx)?.value,
    set(ctx: object, value: T) {
      values.set(ctx, { value })
    },
  })
}
