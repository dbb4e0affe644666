/** Chains on the memory backend, run by a real worker. */
import { AbortError, WorkerBuilder } from '@q/core'
import { describe, expect, it } from 'vitest'
import { again } from '../../src/build/again.ts'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import { goto } from '../../src/build/goto.ts'
import { told, type Bench } from './support.ts'

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** On any backend. */
export function chainSuite({ makeStore, finish }: Bench): void {
  describe('a chain', () => {
    it('runs one step after the other and ends with the last output', async () => {
      const flow = new Workflow<number>('double-and-say')
        .andThen('double', async (n) => n * 2)
        .andThen('say', (n) => `it is ${n}`)
      const { run, steps } = await finish(flow, 21)
      expect(await run.result()).toBe('it is 42')
      expect(await run.status()).toBe('done')
      expect(told(steps)).toEqual(['double done', 'say done'])
    })

    it('sums the odd numbers that three and five do not divide', async () => {
      const flow = new Workflow<number>('odd-numbers-workflow')
        .andThen('range', async (n) => range(0, n))
        .filterMap('not-2', async (x) => (x % 2 !== 0 ? x : undefined))
        .filterMap('not-3', async (x) => (x % 3 !== 0 ? x : undefined))
        .filterMap('not-5', async (x) => (x % 5 !== 0 ? x : undefined))
        .delayFor('10ms')
        .andThen('sum', async (xs) => sum(xs))
      const { run } = await finish(flow, 100)
      expect(await run.result()).toBe(sum(range(0, 100).filter((x) => x % 2 !== 0 && x % 3 !== 0 && x % 5 !== 0)))
    })

    it('hands on nothing, large values and texts as they are', async () => {
      const flow = new Workflow<string>('values')
        .andThen('nothing', async () => undefined)
        .andThen('large', async (nothing) => (nothing === undefined ? 'x'.repeat(5_000) : 'wrong'))
        .andThen('length', async (text) => text.length)
      expect(await (await finish(flow, '')).run.result()).toBe(5_000)
    })

    it('tries a step again by itself, with the same key', async () => {
      const keys: string[] = []
      const flow = new Workflow<number>('again')
        .andThen('first', async (n) => n + 1)
        .andThen('second', async (n, ctx) => {
          keys.push(ctx.idempotencyKey)
          if (ctx.attempt < 3) throw new Error('not yet')
          return n + ctx.attempt
        })
      const { run } = await finish(flow, 1, { retries: 4 })
      expect(await run.result()).toBe(5)
      expect(new Set(keys).size).toBe(1)
      expect(keys).toHaveLength(3)
    })

    it('fails with the error of the step that failed for good', async () => {
      const flow = new Workflow<number>('fails')
        .andThen('first', async (n) => n + 1)
        .andThen('broken', async () => {
          throw new AbortError(new Error('no such thing'))
        })
        .andThen('never', async () => 'reached')
      const { run, steps } = await finish(flow, 1)
      await expect(run.result()).rejects.toMatchObject({
        code: 'ERR_TASK_FAILED',
        message: expect.stringContaining('no such thing'),
      })
      expect(await run.info()).toMatchObject({
        status: 'failed',
        error: { message: expect.stringContaining('no such thing') },
      })
      expect(told(steps)).toEqual(['broken killed', 'first done'])
    })

    it('kills a step whose output cannot be stored, and the run fails', async () => {
      const flow = new Workflow<number>('bad-output').andThen('bad', async () => Number.NaN)
      const { run } = await finish(flow, 1, { retries: 5 })
      await expect(run.result()).rejects.toThrow(/NaN/)
    })

    it('ends early, waits, and fails where a step says so', async () => {
      const flow = new Workflow<number>('goto')
        .andThen('choose', async (n) =>
          n === 0 ? goto.end('early') : n === 1 ? goto.fail(new Error('one')) : goto.delay(n, '20ms'),
        )
        .andThen('on', async (n) => `late ${n}`)
      expect(await (await finish(flow, 0)).run.result()).toBe('early')
      await expect((await finish(flow, 1)).run.result()).rejects.toThrow(/one/)
      expect(await (await finish(flow, 2)).run.result()).toBe('late 2')
    })

    it('takes one branch, and goes on behind them', async () => {
      const flow = new Workflow<number>('branches')
        .switch('size', (n) => (n > 100 ? 'large' : n > 10 ? 'middle' : 'small'), {
          large: (branch) => branch.andThen('halve', async (n) => n / 2).andThen('more', async (n) => n + 1),
          middle: (branch) => branch.andThen('same', async (n) => n),
          small: (branch) => branch,
        })
        .when(
          'odd',
          (n) => n % 2 === 1,
          (branch) => branch.andThen('even', async (n) => n + 1),
        )
        .andThen('end', async (n) => `=${n}`)
      expect(await (await finish(flow, 200)).run.result()).toBe('=102')
      expect(await (await finish(flow, 50)).run.result()).toBe('=50')
      expect(await (await finish(flow, 3)).run.result()).toBe('=4')
    })

    it('repeats until a value comes, each iteration with attempts of its own', async () => {
      const seen: [number, number][] = []
      const flow = new Workflow<number>('loop')
        .repeatUntil(
          'count',
          async (n: number, ctx) => {
            seen.push([ctx.index, ctx.attempt])
            if (ctx.index === 1 && ctx.attempt === 1) throw new Error('once')
            return n < 3 ? again(n + 1) : `done at ${n}`
          },
          { max: 10 },
        )
        .andThen('shout', async (text) => `${text}!`)
      const { run } = await finish(flow, 0, { retries: 3 })
      expect(await run.result()).toBe('done at 3!')
      expect(seen).toEqual([
        [0, 1],
        [1, 1],
        [1, 2],
        [2, 1],
        [3, 1],
      ])
    })

    it('fails a loop that goes round too often', async () => {
      const flow = new Workflow<number>('endless').repeatUntil(
        'round',
        async (n: number) => (n < 0 ? 'never' : again(n)),
        { max: 3 },
      )
      await expect((await finish(flow, 1)).run.result()).rejects.toThrow(/3 iterations/)
    })

    it('folds from the initial value, also over nothing', async () => {
      const flow = new Workflow<number>('fold')
        .andThen('range', async (n) => range(0, n))
        .fold('sum', 10, (total, n) => total + n)
      expect(await (await finish(flow, 250)).run.result()).toBe(10 + sum(range(0, 250)))
      expect(await (await finish(flow, 0)).run.result()).toBe(10)
    })

    it('gives the run that exists for a key that was used', async () => {
      const store = makeStore()
      const flow = new Workflow<number>('keyed').andThen('one', async (n) => n)
      const first = await flow.pushStart(store, 1, { key: 'order 7' })
      const second = await flow.pushStart(store, 2, { key: 'order 7' })
      expect(second.id).toBe(first.id)
      expect([first.created, second.created]).toEqual([true, false])
    })
  })

  describe('what a step inherits', () => {
    it('is the priority of its run, not that of the node before it', async () => {
      const flow = new Workflow<number>('priority')
        .andThen('a', async (n) => n, { priority: 50 })
        .andThen('range', async (n, ctx) => [n, ctx.task.priority])
        .map('each', async (x, ctx) => [x, ctx.task.priority], { priority: 60 })
        .andThen('b', async (all, ctx) => [...all.flat(), ctx.task.priority])
      const { run } = await finish(flow, 1, { start: { priority: 7 } })
      expect(await run.result()).toEqual([1, 60, 7, 60, 7])
    })

    it('is what an attempt before it carries', async () => {
      const flow = new Workflow<number>('carried')
        .andThen('a', async (n, ctx) => {
          ctx.carry({ trace: 'x' })
          return n
        })
        .andThen('b', async (_n, ctx) => ctx.task.metadata)
      expect(await (await finish(flow, 1)).run.result()).toEqual({ trace: 'x' })
    })

    it('is the input that a middleware puts in the place of its own', async () => {
      const store = makeStore()
      const flow = new Workflow<number>('args').andThen('a', async (n) => n + 1)
      const run = await flow.pushStart(store, 1)
      const worker = new WorkerBuilder('w')
        .backend(store)
        .use((ctx, next) => {
          ctx.args = 42
          return next()
        })
        .build(flow)
      await worker.runUntil(run.finished)
      expect(await run.result()).toBe(43)
    })
  })

  describe('a start in the middle', () => {
    const flow = new Workflow<number>('middle').andThen('one', async (n) => n + 1).andThen('two', async (n) => n * 10)

    it('gives the input to the node', async () => {
      const store = makeStore()
      const run = await flow.pushStep(store, 'two', 5)
      await new WorkerBuilder('w').backend(store).build(flow).runUntil(run.finished)
      expect(await run.result()).toBe(50)
    })

    it('is refused where the run would never end', async () => {
      const store = makeStore()
      await expect(flow.pushStep(store, 'tow', 5)).rejects.toThrow(/did you mean "two"/)
      const dag = new Dag<number>('dag')
        .node('a', async (n) => n)
        .node('b', async (n) => n)
        .node('c', ['a', 'b'], async ({ a, b }) => a + b)
      await expect(dag.pushStep(store, 'a', 1)).rejects.toThrow(/would wait for "b" for ever/)
      await expect(dag.pushStep(store, 'c', 1)).rejects.toThrow(/outputs of 2 others/)
    })
  })
}
