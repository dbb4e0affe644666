/**
 * What a backend's author hands to the suite: the backend, and the few things that only its author
 * can do with the store behind it.
 */
import type { Backend, Capabilities, InstanceId } from '@q/core'
import { CAPABILITIES, supports } from '@q/core'

/**
 * One store, seen through one backend. Everything but `backend` is optional: what is missing is
 * replaced by real time or skipped by name.
 */
export interface BackendUnderTest<Tx = unknown> {
  /** Connected and empty, or holding only what earlier cases left: every case uses queues of its own. */
  readonly backend: Backend<Tx>

  /** Removes what `setUp` made, after the backend was closed. */
  close?(): Promise<void>

  /**
   * Moves the store's clock. With it no case waits: they move minutes. Without it they wait for a few
   * hundred real milliseconds each.
   */
  advance?(ms: number): Promise<void>

  /**
   * Makes one instance's lease end now, as if it had not been heard of for too long. It is not swept by
   * this. Without it the instance is registered again with the shortest lease, and time passes.
   */
  expireLease?(instance: InstanceId): Promise<void>

  /** The same store as another process sees it: a backend with connections of its own, closed by the suite. */
  second?(): Promise<Backend<Tx>>

  /** Runs something inside a new transaction of the store's own client, then commits it or rolls it back. */
  transaction?(run: (tx: Tx) => Promise<void>, commit: boolean): Promise<void>
}

/** Makes a store to test. Called once for the suite, and again for cases that close a backend when there is no `second`. */
export type SetUp<Tx = unknown> = () => Promise<BackendUnderTest<Tx>>

/**
 * What a case can need beyond the contract itself: a capability of the backend, or a hook of its author. `transaction` is
 * the hook; the capability of that name is called `transactional`.
 */
export type Need = Exclude<keyof Capabilities, 'transaction'> | 'transactional' | 'advance' | 'second' | 'transaction'

/** All needs, in the order of the feature table. */
export const NEEDS: readonly Need[] = [...CAPABILITIES, 'transactional', 'second', 'advance']

/** Which of the needs the backend under test does not meet. */
export function unmet(under: BackendUnderTest, needs: readonly Need[]): Need[] {
  return needs.filter((need) => {
    switch (need) {
      case 'advance':
      case 'second':
      case 'transaction':
        return under[need] === undefined
      case 'transactional':
        return !supports(under.backend, 'transaction')
      default:
        return !supports(under.backend, need)
    }
  })
}
