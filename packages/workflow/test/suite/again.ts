/** What a retry counts anew, and what it leaves as it is. */
import { AbortError } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import { signal } from '../../src/build/wait.ts'
import { list } from '../../src/engine/work/step.ts'
import { type Bench, pastWait, told, workOn } from './support.ts'

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index)
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const fail = (message: string): never => {
  throw new AbortError(new Error(message))
}

/** On any backend. */
export function againSuite({ makeStore, finish }: Bench): void {
  describe('a retry of a run with joins', () => {
    it('waits for all ends again, though some had been reached before', async () => {
      let broken = true
      const dag = new Dag<number>('ends')
        .node('a', async (n) => n)
        .node('x', ['a'], async () => 'x')
        .node('y', ['a'], async () => {
          await sleep(20)
          return broken ? fail('y') : 'y'
        })
      const { run, store } = await finish(dag, 1)
      broken = false
      await run.retry({ scope: { from: 'a' } })
      expect(await (await workOn(dag, store, run.id)).result()).toEqual({ x: 'x', y: 'y' })
    })

    it('runs what tolerated a failure only once that was tried again', async () => {
      let broken = true
      const dag = new Dag<number>('tolerant')
        .node('f', async () => (broken ? fail('f') : 'f'), { onFailure: 'continue' })
        .node('g', async () => {
          await sleep(20)
          return broken ? fail('g') : 'g'
        })
        .node('j', ['f', 'g'], async (given) => given, { join: 'allDone' })
      const { run, store } = await finish(dag, 1)
      broken = false
      await run.retry()
      expect(await (await workOn(dag, store, run.id)).result()).toEqual({ f: 'f', g: 'g' })
    })

    it('runs a node that was skipped for want of what now succeeds', async () => {
      let broken = true
      const dag = new Dag<number>('skipped')
        .node('p', async () => 'p')
        .node('f', async () => (broken ? fail('f') : 'f'), { onFailure: 'continue' })
        .node('j', ['p', 'f'], async () => 'j')
        .node('g', async () => {
          await sleep(30)
          return broken ? fail('g') : 'g'
        })
      const { run, store } = await finish(dag, 1)
      broken = false
      await run.retry()
      expect(await (await workOn(dag, store, run.id)).result()).toEqual({ j: 'j', g: 'g' })
    })

    it('ends a run that was cancelled when all of it was done', async () => {
      let cancel: (() => Promise<unknown>) | undefined
      const dag = new Dag<number>('all-done')
        .node('a', async () => 1)
        .node('b', async (n) => {
          await cancel?.()
          return n
        })
      const chain = new Workflow<number>('all-done-chain').andThen('a', async (n) => {
        await cancel?.()
        return n
      })
      for (const [flow, output] of [
        [dag, { a: 1, b: 7 }],
        [chain, 7],
      ] as const) {
        const store = makeStore()
        const run = await flow.pushStart(store, 7)
        cancel = () => run.cancel()
        await workOn<unknown>(flow, store, run.id)
        expect(await run.status()).toBe('cancelled')
        cancel = undefined
        await run.retry()
        expect(await (await workOn<unknown>(flow, store, run.id)).result()).toEqual(output)
      }
    })

    it('tries again to put the outputs together where that was what failed', async () => {
      const half = 'x'.repeat(700_000)
      const dag = new Dag<number>('too-much').node('a', async () => half).node('b', async () => half)
      const { run, store } = await finish(dag, 1)
      await run.retry()
      expect(await (await workOn(dag, store, run.id)).status()).toBe('failed')
      expect((await dag.stuck(store)).filter(({ id }) => id === run.id)).toEqual([])
    })
  })

  describe('a retry of a run with maps', () => {
    it('counts the elements anew', async () => {
      let broken = true
      const flow = new Workflow<number>('counted')
        .andThen('range', async (n) => range(n))
        .map(
          'each',
          async (x) => {
            if (broken && x === 7) {
              await sleep(20)
              fail('7')
            }
            if (!broken && x > 3) await sleep(20)
            return x
          },
          { concurrency: 20 },
        )
      const { run, store } = await finish(flow, 8)
      broken = false
      await run.retry({ scope: { from: 'range' } })
      expect(await (await workOn(flow, store, run.id)).result()).toEqual(range(8))
    })

    it('ends a map whose end had failed', async () => {
      const flow = new Workflow<number>('end-failed').andThen('range', async (n) => range(n)).map('each', (x) => x)
      const store = makeStore()
      const read = store.backend.readSteps.bind(store.backend)
      store.backend.readSteps = () => Promise.reject(new Error('hiccup'))
      const { run } = await finish(flow, 5, { store })
      expect(await run.status()).toBe('failed')
      store.backend.readSteps = read
      await run.retry()
      expect(await (await workOn(flow, store, run.id)).result()).toEqual(range(5))
    })

    it('leaves elements alone that failed and were tolerated by a map that has ended', async () => {
      let broken = true
      let ran = 0
      const flow = new Workflow<number>('tolerated')
        .andThen('range', async (n) => range(n))
        .map('m', async (x) => (x === 1 ? (ran++, fail('1')) : x), { tolerate: 1 })
        .collect('c', async (all) => (broken ? fail('c') : [all.count, (await all.toArray()).length]))
      const { run, store } = await finish(flow, 3)
      broken = false
      await run.retry()
      expect(await (await workOn(flow, store, run.id)).result()).toEqual([2, 2])
      expect(ran).toBe(1)
    })
  })

  describe('a retry of a run with children', () => {
    it('starts a new child in the place of one that failed', async () => {
      let broken = true
      const child = new Workflow<number>('child-again').andThen('k', async (n) => (broken ? fail('k') : n))
      const flow = new Workflow<number>('parent-again').child('run', child)
      const { run, store } = await finish(flow, 1)
      expect(await run.status()).toBe('failed')
      broken = false
      await run.retry()
      expect(await (await workOn(flow, store, run.id)).result()).toBe(1)
    })

    it('starts a new child where what it is given is made anew', async () => {
      let n = 0
      let broken = true
      const child = new Workflow<number>('child-anew').andThen('k', async (v) => v * 10)
      const flow = new Workflow<number>('parent-anew')
        .andThen('a', async () => ++n)
        .child('run', child)
        .andThen('b', async (v) => (broken ? fail('b') : v))
      const { run, store } = await finish(flow, 1)
      broken = false
      await run.retry({ scope: { from: 'a' } })
      expect(await (await workOn(flow, store, run.id)).result()).toBe(20)
    })
  })

  describe('a retry', () => {
    it('is refused where something before it was undone', async () => {
      const flow = new Workflow<number>('undone-before')
        .andThen('a', async (n) => n, { compensate: async () => undefined })
        .andThen('b', async () => fail('b'))
      const { run } = await finish(flow, 1)
      await expect(run.retry({ scope: { from: 'b' } })).rejects.toThrow(/"a" had done was undone/)
    })

    it('gives the run its time again', async () => {
      let broken = true
      const flow = new Workflow<number>('timed', { deadline: '1h' })
        .andThen('a', async () => (broken ? fail('a') : 1))
        .waitFor('w', signal('s'))
      const { run, store } = await finish(flow, 1)
      broken = false
      await run.retry()
      const work = workOn(flow, store, run.id)
      await pastWait(run, 'w')
      expect(told(await list(run.steps()))).toContain('$deadline pending')
      await run.signal('s', 1)
      expect(await (await work).status()).toBe('done')
    })

    it('waits after a branch as long as what went through it says', async () => {
      let broken = true
      const flow = new Workflow<number>('branch')
        .andThen('a', async () => ({ ms: 1, pad: 'x'.repeat(2_000) }))
        .switch('s', () => 'l' as const, { l: (branch) => branch })
        .delayWith(({ ms }) => ms)
        .andThen('b', async ({ ms }) => (broken ? fail('b') : ms))
      const { run, store } = await finish(flow, 1)
      broken = false
      await run.retry()
      expect(await (await workOn(flow, store, run.id)).result()).toBe(1)
    })
  })

  describe('a run whose last settlement was lost', () => {
    it('ends once it is repaired, as it should have', async () => {
      for (const broken of [false, true]) {
        const flow = new Workflow<number>('lost-end').andThen('a', async (n) => (broken ? fail('a') : n))
        const store = makeStore()
        const settle = store.backend.settle.bind(store.backend)
        store.backend.settle = (settlements, options) =>
          settle(
            settlements.map((each) => {
              const told = Object.entries(each).filter(([name]) => name !== 'follow' && name !== 'run')
              return Object.fromEntries(told) as typeof each
            }),
            options,
          )
        const run = await flow.pushStart(store, 1)
        const work = workOn(flow, store, run.id)
        while (!(await flow.stuck(store)).some(({ id }) => id === run.id)) await sleep(5)
        store.backend.settle = settle
        expect(await flow.repair(store, run.id)).toEqual(['$done'])
        expect(await flow.repair(store, run.id)).toEqual([])
        expect(await (await work).status()).toBe(broken ? 'failed' : 'done')
      }
    })
  })
}
