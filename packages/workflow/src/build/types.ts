/** How the types of values flow from node to node. */
import type { Again } from './again.ts'
import type { GotoDelay, GotoEnd, GotoFail, GotoNext } from './goto.ts'

/** A value, or a promise of it. */
export type Awaitable<Value> = Value | PromiseLike<Value>

/** What the next node is given of what a handler returns. Collections that are streamed come as arrays. */
export type NextOf<Returned> =
  Returned extends GotoNext<infer Value>
    ? Stored<Value>
    : Returned extends GotoDelay<infer Value>
      ? Stored<Value>
      : Returned extends GotoEnd<unknown> | GotoFail
        ? never
        : Stored<Returned>

/** What a run ends with where a handler returns `goto.end(…)`. */
export type EndOf<Returned> = Returned extends GotoEnd<infer Value> ? Stored<Value> : never

/** What a loop gives once it does not go round again. */
export type LoopEnd<Returned> = Exclude<Returned, Again<unknown>>

/** What becomes of a value between two nodes. */
type Stored<Value> =
  Value extends AsyncIterable<infer Element>
    ? readonly Element[]
    : Value extends Iterator<infer Element, unknown, unknown> & Iterable<unknown>
      ? readonly Element[]
      : Value

/** What a collection is made of. */
export type ElementOf<Value> = Value extends string
  ? never
  : Value extends Iterable<infer Element> | AsyncIterable<infer Element>
    ? Element
    : never

/** What is left of what a `filterMap` returns. */
export type Kept<Returned> = Exclude<Returned, undefined | null>

/** `Self` where the value is a collection; otherwise a sentence for the compiler to show. */
export type WhereCollection<Value, Self> = [Value] extends [string]
  ? NoCollection
  : [Value] extends [Iterable<unknown> | AsyncIterable<unknown>]
    ? Self
    : NoCollection

type NoCollection = 'The node before gives no collection: return an array, an iterable or an async iterable there.'
