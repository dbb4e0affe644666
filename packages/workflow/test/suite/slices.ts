/** What holds inside of slices: how many elements are at work, how often and when, and how much is stored at once. */
import { AbortError, WorkerBuilder } from '@q/core'
import { describe, expect, it, vi } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { goto } from '../../src/build/goto.ts'
import { type Bench } from './support.ts'

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index)
const numbers = new Workflow<number>('slices').andThen('range', async (to) => range(to))
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** On any backend. */
export function slicesSuite({ makeStore, finish }: Bench): void {
  describe('a slice', () => {
    it('starts nothing more once one of its elements has failed for good, and ends after those under way', async () => {
      let started = 0
      let ended = 0
      const flow = numbers.map(
        'each',
        async (x) => {
          started += 1
          if (x === 0) throw new AbortError(new Error('zero'))
          await pause(5)
          ended += 1
        },
        { isolate: 'slice', concurrency: 4 },
      )
      const { run } = await finish(flow, 100)
      await expect(run.result()).rejects.toThrow(/zero/)
      expect(started).toBeLessThanOrEqual(4)
      expect(ended).toBe(started - 1)
    })

    it.each([
      [0, [1]],
      [1, [1, 2]],
    ])('counts as the first attempt of an element: retries: %i', async (retries, attempts) => {
      const seen: number[] = []
      const flow = numbers.map(
        'each',
        async (x, ctx) => {
          if (x !== 3) return x
          seen.push(ctx.attempt)
          throw new Error('three')
        },
        { isolate: 'slice', retry: { retries, backoff: () => 1 } },
      )
      await expect((await finish(flow, 5, { retries: 7 })).run.result()).rejects.toThrow(/three/)
      expect(seen).toEqual(attempts)
    })

    it('does not try again what retryIf refuses', async () => {
      let ran = 0
      const flow = numbers.map(
        'each',
        async () => {
          ran += 1
          throw new Error('hopeless')
        },
        { isolate: 'slice', concurrency: 1, retry: { retries: 3, retryIf: () => false } },
      )
      await expect((await finish(flow, 5)).run.result()).rejects.toThrow(/hopeless/)
      expect(ran).toBe(1)
    })

    it('has its share of the concurrency, and so have its elements that are tried again', async () => {
      let now = 0
      let most = 0
      const failed = new Set<number>()
      const flow = numbers.map(
        'each',
        async (x) => {
          most = Math.max(most, ++now)
          await pause(1)
          now -= 1
          if (x % 3 > 0 || failed.has(x)) return x
          failed.add(x)
          throw new Error('once')
        },
        { isolate: 'slice', sliceSize: 10, concurrency: 9, retry: { retries: 1, backoff: () => 1 } },
      )
      const { run } = await finish(flow, 120)
      expect(await run.result()).toEqual(range(120))
      expect(failed.size).toBe(40)
      expect(most).toBeLessThanOrEqual(9)
    })

    it('starts its elements at the rate, over all slices', async () => {
      const starts: number[] = []
      const flow = numbers.map('each', () => void starts.push(performance.now()), {
        isolate: 'slice',
        rate: { limit: 200, per: '1s' },
      })
      await finish(flow, 60)
      expect(starts).toHaveLength(60)
      const since = Math.min(...starts)
      // 25 a lane and second: all are out after 300 ms, and half of them not before half of that.
      expect(starts.filter((at) => at - since < 120).length).toBeLessThanOrEqual(40)
      expect(Math.max(...starts) - since).toBeGreaterThan(200)
    })

    it('lets timers run while its elements take the thread', async () => {
      let ticks = 0
      const seen: number[] = []
      const flow = numbers.map(
        'each',
        () => {
          for (const end = performance.now() + 1; performance.now() < end;);
          seen.push(ticks)
        },
        { isolate: 'slice' },
      )
      const timer = setInterval(() => (ticks += 1), 1)
      await finish(flow, 100)
      clearInterval(timer)
      expect(seen.at(-1)! - seen[0]!).toBeGreaterThan(5)
    })

    it('may keep more than fits into one value', async () => {
      const flow = numbers
        .filterMap('long', (x) => (x % 2 === 0 ? `${x} ${'x'.repeat(9_000)}` : null), { isolate: 'slice' })
        .map('length', (text) => Number(text.split(' ')[0]), { isolate: 'slice' })
      expect(await (await finish(flow, 400)).run.result()).toEqual(range(200).map((x) => 2 * x))
    })

    it('cannot be led on, or checkpointed, by one of its elements', async () => {
      const leads = numbers.map('each', (x) => (x === 1 ? goto.end('x') : goto.next(x)), { isolate: 'slice' })
      await expect((await finish(leads, 3)).run.result()).rejects.toThrow(/goto\.end/)
      const saves = numbers.map('each', (_x, ctx) => ctx.progress(new Uint8Array(1)), { isolate: 'slice' })
      await expect((await finish(saves, 3)).run.result()).rejects.toThrow(/ctx\.progress\(\) is not for elements/)
    })
  })

  describe('a collection', () => {
    it('has pages of any size, whatever the first elements were like', async () => {
      const flow = new Workflow<number>('uneven')
        .andThen('texts', async (to) => range(to).map((x) => `${x}${' '.repeat(x > 600 && x < 900 ? 6_000 : 0)}`))
        .map('number', (text) => Number(text), { isolate: 'slice' })
      expect(await (await finish(flow, 1_100)).run.result()).toEqual(range(1_100))
    })

    it('can be what a loop gives', async () => {
      const flow = new Workflow<number>('looped')
        .repeatUntil('loop', async (to) => range(to).map((x) => `${x}${' '.repeat(1_000)}`))
        .map('number', (text) => Number(text), { isolate: 'slice' })
      expect(await (await finish(flow, 1_200)).run.result()).toEqual(range(1_200))
    })

    it('is read anew when the step that made it was run again', async () => {
      let factor = 1
      let broken = true
      const flow = new Workflow<number>('again')
        .andThen('range', async (to) => range(to).map((x) => x * factor))
        .map('same', (x) => x, { isolate: 'slice' })
        .fold('sum', 0, (sum, x) => sum + x)
        .andThen('check', async (sum) => {
          if (broken) throw new AbortError(new Error('broken'))
          return sum
        })
      const store = makeStore()
      const run = await flow.pushStart(store, 1_200)
      const worker = new WorkerBuilder('w').backend(store).build(flow)
      await worker.start()
      await run.finished
      factor = 2
      broken = false
      await run.retry({ scope: { from: 'range' } })
      expect(await flow.open(store, run.id).result()).toBe(1_200 * 1_199)
      await worker.stop()
    })

    it('of a map by elements is cut into slices by the next', async () => {
      const flow = numbers
        .map(
          'alone',
          (x) => {
            if (x === 7) throw new AbortError(new Error('seven'))
            return x
          },
          { isolate: 'element', tolerate: 1 },
        )
        .map('together', (x) => x, { isolate: 'slice' })
      const { run, steps } = await finish(flow, 30)
      expect(await run.result()).toEqual(range(30).filter((x) => x !== 7))
      expect(steps.filter(({ node }) => node === 'together')).toHaveLength(3)
    })
  })

  it('no settlement of a map stores more than 500 steps', async () => {
    const store = makeStore()
    const settle = vi.spyOn(store.backend, 'settle')
    const { run } = await finish(
      numbers.map('each', (x) => x, { isolate: 'element', concurrency: 9_000 }),
      700,
      { store },
    )
    expect(await run.result()).toHaveLength(700)
    const most = settle.mock.calls.flatMap(([settlements]) => settlements.map(({ follow = [] }) => follow.length))
    expect(Math.max(...most)).toBe(500)
  }, 30_000)
}
