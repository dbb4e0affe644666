/** The suite must be able to fail: each defect is found, by name, where it was expected. */
import { MemoryBackend } from '@q/core/memory'
import { expect, test } from 'vitest'
import { CASES, runConformance, VirtualClock } from '../src/index.ts'
import type { ConformanceCase } from '../src/index.ts'
import { MUTANTS } from './mutant/index.ts'

const title = ({ section, name }: { readonly section: string; readonly name: string }): string => `${section} › ${name}`

async function failing(
  make: (clock: VirtualClock) => MemoryBackend,
  cases: readonly ConformanceCase[],
  timeoutMs = 300,
): Promise<string[]> {
  const results = await runConformance<never>(
    async () => {
      const clock = new VirtualClock()
      return { backend: make(clock), advance: (ms) => clock.advance(ms) }
    },
    { cases, timeoutMs },
  )
  return results.filter(({ status }) => status === 'failed').map(title)
}

test('no case fails on the backend that the broken ones are made from', { timeout: 60_000 }, async () => {
  const named = new Set(MUTANTS.flatMap(({ red }) => red))
  expect(
    await failing(
      (clock) => new MemoryBackend({ clock }),
      CASES.filter((one) => named.has(title(one))),
      20_000,
    ),
  ).toEqual([])
})

for (const { defect, make, red } of MUTANTS) {
  test(`the suite notices when ${defect}`, async () => {
    const cases = CASES.filter((one) => red.includes(title(one)))
    expect(cases.map(title).sort()).toEqual([...red].sort())
    expect((await failing((clock) => make({ clock }), cases)).sort()).toEqual([...red].sort())
  })
}
