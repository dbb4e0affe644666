/** Parts of a chain that are written apart from it: branches, and steps of users' own. */
import type { Workflow } from './chain.ts'

/** Continues a chain from where it branches; returns what it is given, with what it adds. */
export type Branch<Value> = (branch: Workflow<Value>) => { readonly '~value': unknown; readonly '~ends': unknown }

/** A step of your own: adds what it likes to a chain. */
export interface Step<Value, NextValue, MoreEnds = never> {
  /** @returns The chain that it is given, with what it adds to it. */
  addTo(chain: Workflow<Value>): Workflow<Value, NextValue, MoreEnds>
}

/** What a branch gives. */
export type ValueOf<B> = B extends (branch: never) => { readonly '~value': infer Value } ? Value : never

/** What runs end with that end in a branch. */
export type EndsOf<B> = B extends (branch: never) => { readonly '~ends': infer Ends } ? Ends : never

/** The type of a name where every branch has its label; otherwise a sentence for the compiler to show. */
export type Covered<Extra extends string> = [Extra] extends [never] ? string : `The label "${Extra}" is never chosen.`
