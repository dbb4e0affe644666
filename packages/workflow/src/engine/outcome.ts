/**
 * How an attempt of a step came out where it is more than a value.
 *
 * Most nodes just return, and the graph says what follows. These are the others. They are marked, so that a middleware
 * that answers in a node's place with an object of its own is taken for a value.
 */
import type { Encoded, NewRun } from '@q/core'
import type { Moves } from './transition.ts'

const MARK: unique symbol = Symbol('q.workflow.outcome')

/** What the work of a node may give back instead of a value. */
export type Outcome = { readonly [MARK]: true } & OutcomeKind

type OutcomeKind =
  /** The step says itself what follows; `result` is its result. */
  | { readonly kind: 'moves'; readonly moves: Moves; readonly result: Encoded | null }
  /** The rule of its join says that the node is not to run. */
  | { readonly kind: 'skip' }
  /** It waits, without holding anything; due again at `until`, in milliseconds by the store's clock. */
  | {
      readonly kind: 'park'
      readonly names: readonly string[]
      readonly until: number | null
      readonly start?: readonly NewRun[]
    }
  /** It looks again after so long. */
  | { readonly kind: 'later'; readonly afterMs: number }
  /** Settled already, in a transaction of its own. */
  | { readonly kind: 'settled' }

/** Marks an outcome. */
export function outcome(kind: OutcomeKind): Outcome {
  return { [MARK]: true, ...kind }
}

/** Whether it is an outcome, and not a value of a user. */
export function isOutcome(returned: unknown): returned is Outcome {
  return typeof returned === 'object' && returned !== null && MARK in returned
}
