/** Where steps say themselves how a run goes on, and folds that remember how far they are. */
import { describe, expect, it } from 'vitest'
import { retry, systemClock, WorkerBuilder } from '@q/core'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import { goto } from '../../src/build/goto.ts'
import { type Bench } from './support.ts'

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index)

/** On any backend. */
export function steerSuite({ makeStore, finish }: Bench): void {
  describe('goto.delay', () => {
    it('takes the place of the delay that follows, of a step and of a loop', async () => {
      const flow = new Workflow<number>('instead')
        .andThen('a', async (n) => goto.delay(n, 1))
        .delayFor('1h')
        .repeatUntil('loop', async (n) => goto.delay({ n }, 1))
        .delayFor('1h')
        .andThen('b', async ({ n }) => n)
      expect(await (await finish(flow, 7)).run.result()).toBe(7)
    })

    it('puts off what follows a loop', async () => {
      let left = 0
      const flow = new Workflow<number>('late')
        .repeatUntil('loop', async (n) => {
          left = performance.now()
          return goto.delay(n, 80)
        })
        .andThen('after', async () => performance.now() - left)
      expect(await (await finish(flow, 1)).run.result()).toBeGreaterThanOrEqual(75)
    })

    it('is refused before a node that waits for others as well', async () => {
      const flow = new Dag<number>('join')
        .node('a', async (n) => goto.delay(n, 1))
        .node('b', async (n) => n)
        .node('both', ['a', 'b'], async (given) => given)
      await expect((await finish(flow, 1)).run.result()).rejects.toThrow(/"both", which follows, waits for others/)
    })
  })

  describe('a fold', () => {
    it('is ended by an element that ends or fails the run', async () => {
      const flow = (last: unknown) =>
        new Workflow<number>('steered')
          .andThen('range', async (to) => range(to))
          .fold('sum', 0, (sum, x) => (x === 3 ? (last as number) : (goto.next(sum + x) as unknown as number)))
          .andThen('on', async (sum) => sum)
      expect(await (await finish(flow(goto.end('early')), 9)).run.result()).toBe('early')
      expect(await (await finish(flow(10), 5)).run.result()).toBe(14)
      await expect((await finish(flow(goto.fail(new Error('three'))), 9)).run.result()).rejects.toThrow(/three/)
    })

    it('goes on within a page, from where it was saved', async () => {
      let skipped = 0
      const seen: number[] = []
      const flow = new Workflow<number>('saved')
        .andThen('range', async (to) => range(to))
        .fold('sum', 0, (sum, x, ctx) => {
          seen.push(x)
          if (x === 4) skipped += 2_000
          if (x === 6 && ctx.attempt === 1) throw new Error('once')
          return sum + x
        })
      const store = makeStore()
      const run = await flow.pushStart(store, 9)
      const worker = new WorkerBuilder('w')
        .backend(store)
        .clock({ ...systemClock, now: () => systemClock.now() + skipped })
        .use(retry({ retries: 1, backoff: () => 1 }))
        .build(flow)
      await worker.runUntil(run.finished)
      expect(await run.result()).toBe(36)
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 5, 6, 7, 8])
    })
  })

  it('a short collection that is only handed on stays a list', async () => {
    const flow = new Workflow<number>('identity')
      .andThen('range', async (to) => range(to))
      .collect('same', async (xs) => xs)
    expect(await (await finish(flow, 3)).run.result()).toEqual([0, 1, 2])
  })

  it('a delay after an empty branch is told what the branch was given, however long', async () => {
    const flow = new Workflow<number>('branch')
      .andThen('long', async (ms) => ({ ms, text: 'x'.repeat(2_000) }))
      .switch('which', () => 'same' as const, { same: (branch) => branch })
      .delayWith(({ ms }) => ms)
      .andThen('end', async ({ ms }) => ms)
    expect(await (await finish(flow, 2)).run.result()).toBe(2)
  })
}
