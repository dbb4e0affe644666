/** The type of several middlewares as one: what they need together, and what they leave in `ctx.data`. */
import type { TaskContext } from '../worker/context.ts'
import type { With } from '../worker/builder.ts'
import type { AnyMiddleware, Middleware } from './middleware.ts'

/** What a chain of these is. What one adds the later ones need not find. */
export type Chained<
  Layers extends readonly AnyMiddleware[],
  Needs extends object = object,
  Adds extends object = object,
  Args = unknown,
> = Layers extends readonly [infer First extends AnyMiddleware, ...infer Rest extends readonly AnyMiddleware[]]
  ? Chained<Rest, With<Needs, Missing<NeedsOf<First>, Adds>>, With<Adds, AddsOf<First>>, Args & ArgsOf<First>>
  : number extends Layers['length']
    ? Middleware<With<Needs, NeedsOf<Layers[number]>>, Adds, Args & ArgsOf<Layers[number]>>
    : Middleware<Needs, Adds, Args>

/** What is there only if the middleware was passed. */
export type Perhaps<Adds extends object> = keyof Adds extends never ? object : Partial<Adds>

type ContextOf<Layer extends AnyMiddleware> = Parameters<Layer>[0]

/** `never` is what a function has whose parameter was left untyped. */
type NeedsOf<Layer extends AnyMiddleware> =
  ContextOf<Layer> extends TaskContext<infer Needs, infer _> ? ([Needs] extends [never] ? object : Needs) : object

type ArgsOf<Layer extends AnyMiddleware> =
  ContextOf<Layer> extends TaskContext<infer _, infer Args> ? ([Args] extends [never] ? unknown : Args) : unknown

type AddsOf<Layer extends AnyMiddleware> = Layer extends { readonly '~adds'?: infer Adds extends object }
  ? Adds
  : object

/** The needs that were not met; also those that were met by something else of the same name. */
type Missing<Needs extends object, Adds extends object> = {
  readonly [
    Name in keyof Needs as Name extends keyof Adds ? (Adds[Name] extends Needs[Name] ? never : Name) : Name
  ]: Needs[Name]
}
