/**
 * A case of the suite is a value: it can be run by vitest, run by hand against a broken backend, or
 * listed in the docs.
 */
import type { CaseContext } from './context.ts'
import type { Need } from './under-test.ts'

/** One fact about a backend, and how to prove it. */
export interface ConformanceCase {
  /** The concept, such as `push` or `claim order`. */
  readonly section: string
  /** A fact in the present tense. Unique within its section. */
  readonly name: string
  /** What the backend must offer beyond the contract; the case is skipped when it does not. */
  readonly needs: readonly Need[]
  /** Rejects when the fact does not hold. */
  run(context: CaseContext): Promise<void>
}

/** A case that does not know its section yet. */
export type Fact = Omit<ConformanceCase, 'section'>

/** Writes down one fact. */
export function fact(name: string, run: (context: CaseContext) => Promise<void>, ...needs: Need[]): Fact {
  return { name, needs, run }
}

/** Gathers the facts about one concept. `needs` apply to all of them. */
export function section(name: string, facts: readonly Fact[], ...needs: Need[]): readonly ConformanceCase[] {
  return facts.map((one) => ({ ...one, section: name, needs: [...needs, ...one.needs] }))
}
