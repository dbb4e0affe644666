/** The suite as vitest tests. The only file that knows vitest. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { ConformanceCase } from './case.ts'
import { CASES } from './cases.ts'
import { runCase } from './run.ts'
import type { BackendUnderTest, Need, SetUp } from './under-test.ts'
import { unmet } from './under-test.ts'

/** How {@link describeBackend} runs. All optional. */
export interface DescribeOptions {
  /**
   * What the backend must offer. Cases whose needs are listed here fail instead of being skipped when the
   * backend does not meet them: name what you have, so that losing it is noticed.
   */
  readonly requires?: readonly Need[]
}

/**
 * Proves that a backend keeps the contract. Call it at the top of a vitest file.
 *
 * Cases run one after the other on one store, each in queues of its own. What the backend lacks is
 * skipped by name.
 *
 * ```ts
 * describeBackend('memory', async () => {
 *   const clock = new VirtualClock()
 *   return { backend: new MemoryBackend({ clock }), advance: (ms) => clock.advance(ms) }
 * })
 * ```
 *
 * @param name Names the backend in the report.
 * @param setUp Makes an empty store; see {@link BackendUnderTest} for what to return.
 */
export function describeBackend<Tx>(name: string, setUp: SetUp<Tx>, options: DescribeOptions = {}): void {
  const { requires = [] } = options
  const make: SetUp = setUp
  describe(`${name} backend`, () => {
    let under: BackendUnderTest
    beforeAll(async () => {
      under = await make()
    })
    afterAll(async () => {
      await under.backend.close()
      await under.close?.()
    })
    for (const [section, cases] of bySection(CASES)) {
      describe(section, () => {
        for (const one of cases) {
          test(one.name, async ({ skip }) => {
            const missing = unmet(under, one.needs)
            const lost = missing.filter((need) => requires.includes(need))
            if (lost.length > 0) throw new Error(`The ${name} backend must offer ${lost.join(', ')}, but does not.`)
            skip(missing.length > 0, `The ${name} backend does not offer ${missing.join(', ')}.`)
            await runCase(one, under, make)
          })
        }
      })
    }
  })
}

function bySection(cases: readonly ConformanceCase[]): Map<string, ConformanceCase[]> {
  const sections = new Map<string, ConformanceCase[]>()
  for (const one of cases) {
    const section = sections.get(one.section)
    if (section === undefined) sections.set(one.section, [one])
    else section.push(one)
  }
  return sections
}
