/** Runs the suite without a test runner: for docs that list what was proven, and for proving the suite itself. */
import type { ConformanceCase } from './case.ts'
import { CASES } from './cases.ts'
import { CaseContext } from './context.ts'
import type { BackendUnderTest, Need, SetUp } from './under-test.ts'
import { unmet } from './under-test.ts'

/** What became of one case. */
export interface CaseResult {
  readonly section: string
  readonly name: string
  readonly needs: readonly Need[]
  readonly status: 'passed' | 'failed' | 'skipped'
  /** What the case threw, when it failed. */
  readonly error?: unknown
  /** What the backend does not offer, when it was skipped. */
  readonly missing?: readonly Need[]
  /** Milliseconds. */
  readonly durationMs: number
}

/** Runs one case and cleans up after it; rejects with what the case threw. */
export async function runCase(one: ConformanceCase, under: BackendUnderTest, setUp: SetUp): Promise<void> {
  const context = new CaseContext(under, setUp)
  try {
    await one.run(context)
  } catch (error) {
    // What went wrong first is what is told.
    await context.end().catch(() => undefined)
    throw error
  }
  await context.end()
}

/** How {@link runConformance} runs. All optional. */
export interface RunOptions {
  /** Default: all of {@link CASES}. */
  readonly cases?: readonly ConformanceCase[]
  /** How long one case may take, in milliseconds. Default 20,000. A case that takes longer has failed. */
  readonly timeoutMs?: number
}

/** Runs cases one after the other against one store, and reports on each. Rejects only when the store cannot be set up. */
export async function runConformance<Tx>(setUp: SetUp<Tx>, options: RunOptions = {}): Promise<CaseResult[]> {
  const { cases = CASES, timeoutMs = 20_000 } = options
  const make: SetUp = setUp
  const under = await make()
  const results: CaseResult[] = []
  try {
    for (const one of cases) {
      const { section, name, needs } = one
      const missing = unmet(under, needs)
      const began = performance.now()
      const result = await (missing.length > 0
        ? { status: 'skipped' as const, missing }
        : within(timeoutMs, runCase(one, under, make)).then(
            () => ({ status: 'passed' as const }),
            (error: unknown) => ({ status: 'failed' as const, error }),
          ))
      results.push({ section, name, needs, ...result, durationMs: performance.now() - began })
    }
  } finally {
    await under.backend.close()
    await under.close?.()
  }
  return results
}

async function within(ms: number, promise: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the case took longer than ${ms} ms`)), ms)
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
