/** Maps over collections of all sizes. */
import { AbortError, WorkerBuilder } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { list } from '../../src/engine/work/step.ts'
import { told, type Bench } from './support.ts'

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index)

/** On any backend. */
export function mapSuite({ makeStore, finish }: Bench): void {
  describe('a map', () => {
    it.each([0, 1, 2, 64, 65, 1_001, 6_003])(
      'gives the results of %i elements in order',
      async (n) => {
        const flow = new Workflow<number>('map')
          .andThen('range', async (to) => range(to))
          .map('double', (x) => x * 2)
          .filterMap('some', (x) => (x % 3 === 0 ? x : undefined))
        const { run } = await finish(flow, n)
        expect(await run.result()).toEqual(
          range(n)
            .map((x) => x * 2)
            .filter((x) => x % 3 === 0),
        )
      },
      60_000,
    )

    it('goes over what its own run gave it, when one worker has those of many runs at once', async () => {
      const flow = new Workflow<number>('many-maps')
        .andThen('range', async (from) => range(5).map((n) => from + n))
        .map('same', (n) => n)
        .map('again', (n) => n)
      const store = makeStore()
      const starts = range(20).map((n) => n * 100)
      const runs = await flow.pushStarts(store, starts)
      const finished = Promise.all(runs.map((run) => run.finished))
      await new WorkerBuilder('w').backend(store).build(flow).runUntil(finished)
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual(
        starts.map((from) => range(5).map((n) => from + n)),
      )
    })

    it('takes what a generator gives, without holding all of it', async () => {
      const flow = new Workflow<number>('generated')
        .andThen('range', async function* (to) {
          for (let n = 0; n < to; n++) yield n
        })
        .map('same', (x) => x, { isolate: 'slice', sliceSize: 100 })
        .fold('sum', 0, (total, x) => total + x)
      const { run, steps } = await finish(flow, 2_345)
      expect(await run.result()).toBe((2_345 * 2_344) / 2)
      expect(steps.filter(({ node }) => node === 'same')).toHaveLength(24 + 2)
    })

    it('runs an element that failed in its slice by itself, and keeps the order', async () => {
      const failed = new Set<number>()
      const flow = new Workflow<number>('flaky')
        .andThen('range', async (to) => range(to))
        .map(
          'once',
          async (x) => {
            if (x % 7 === 3 && !failed.has(x)) {
              failed.add(x)
              throw new Error('once')
            }
            return x
          },
          { isolate: 'slice', sliceSize: 10, retry: { retries: 2, backoff: () => 1 } },
        )
      const { run, steps } = await finish(flow, 50)
      expect(await run.result()).toEqual(range(50))
      expect(steps.filter(({ index }) => index < 0)).toHaveLength(7)
    })

    it('fails the run when an element fails for good', async () => {
      const flow = new Workflow<number>('strict')
        .andThen('range', async (to) => range(to))
        .map('no-five', async (x) => {
          if (x === 5) throw new AbortError(new Error('five'))
          return x
        })
      const { run } = await finish(flow, 200)
      await expect(run.result()).rejects.toThrow(/five/)
      expect(await run.status()).toBe('failed')
    })

    it.each(['element', 'slice'] as const)('tolerates as many failures as it is told (%s)', async (isolate) => {
      const flow = (tolerate: number) =>
        new Workflow<number>('tolerant')
          .andThen('range', async (to) => range(to))
          .map(
            'no-fives',
            async (x) => {
              if (x % 10 === 5) throw new AbortError(new Error(`no ${x}`))
              return x
            },
            { isolate, sliceSize: 8, tolerate },
          )
          .collect('tell', async (xs) => ({ kept: await xs.toArray(), failed: await list(xs.failed()) }))
      const { run } = await finish(flow(3), 30)
      const { kept, failed } = await run.result()
      expect(kept).toEqual(range(30).filter((x) => x % 10 !== 5))
      expect(failed.map(({ index }) => index)).toEqual([5, 15, 25])
      expect(failed[0]?.error?.message).toMatch(/no 5/)
      const { run: over } = await finish(flow(2), 30)
      await expect(over.result()).rejects.toThrow(/More than 2 elements/)
    })

    it('never has more slices at once than its window', async () => {
      let now = 0
      let most = 0
      const flow = new Workflow<number>('window')
        .andThen('range', async (to) => range(to))
        .map(
          'slow',
          async (x) => {
            most = Math.max(most, ++now)
            await new Promise((resolve) => setTimeout(resolve, 1))
            now -= 1
            return x
          },
          { concurrency: 3 },
        )
      const { run, steps } = await finish(flow, 40)
      expect(await run.result()).toEqual(range(40))
      expect(most).toBeLessThanOrEqual(3)
      expect(told(steps).filter((step) => step.startsWith('slow'))).toHaveLength(42)
    })
  })
}
