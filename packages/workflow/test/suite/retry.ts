/** Runs that are run again, and runs that are repaired. */
import { AbortError } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import type { Definition } from '../../src/build/definition.ts'
import { told, type Bench, type TestStore } from './support.ts'
import { list } from '../../src/engine/work/step.ts'
import { WorkerBuilder } from '@q/core'

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index)

async function again<Output>(flow: Definition<never, Output>, store: TestStore, id: string) {
  const run = flow.open(store, id)
  await new WorkerBuilder('again').backend(store).build(flow).runUntil(run.finished)
  return run
}

/** On any backend. */
export function retrySuite({ makeStore, finish }: Bench): void {
  describe('a retry', () => {
    it('goes on from the step that failed, with the same id, and does nothing twice', async () => {
      let broken = true
      const ran: string[] = []
      const flow = new Workflow<number>('retried')
        .andThen('a', async (n) => {
          ran.push('a')
          return n + 1
        })
        .andThen('b', async (n, ctx) => {
          ran.push(`b ${ctx.idempotencyKey}`)
          if (broken) throw new AbortError(new Error('broken'))
          return n * 10
        })
        .andThen('c', async (n) => n + 0.5)
      const { run, store } = await finish(flow, 1)
      expect(await run.retry({ dryRun: true })).toEqual({ resumed: ['b'], forgotten: [] })
      expect(await run.status()).toBe('failed')
      broken = false
      await run.retry()
      const second = await again(flow, store, run.id)
      expect(await second.result()).toBe(20.5)
      expect(ran).toHaveLength(3)
      expect(ran[1]).toBe(ran[2])
      expect((await second.info()).retries).toBe(1)
    })

    it('runs a node and what comes after it anew, and counts what had arrived from elsewhere', async () => {
      let broken = true
      const ran: string[] = []
      const dag = new Dag<number>('from')
        .node('left', async (n) => (ran.push('left'), n + 1))
        .node('right', async (n) => (ran.push('right'), n + 2))
        .node('join', ['left', 'right'], async ({ left, right }) => {
          ran.push('join')
          if (broken) throw new AbortError(new Error('broken'))
          return left * right
        })
      const { run, store } = await finish(dag, 1)
      broken = false
      await run.retry({ scope: { from: 'left' } })
      const second = await again(dag, store, run.id)
      expect(await second.result()).toBe(6)
      expect(ran.sort()).toEqual(['join', 'join', 'left', 'left', 'right'])
    })

    it('runs the elements of a map that failed again, and no others', async () => {
      let broken = true
      const ran: number[] = []
      const flow = (tolerate: number) =>
        new Workflow<number>('elements')
          .andThen('range', async (n) => range(n))
          .map(
            'each',
            async (x) => {
              ran.push(x)
              if (broken && x % 10 === 5) throw new AbortError(new Error(`no ${x}`))
              return x
            },
            { tolerate, isolate: 'slice', sliceSize: 7 },
          )
      const { run, store } = await finish(flow(1), 40)
      expect(await run.status()).toBe('failed')
      broken = false
      ran.length = 0
      await run.retry()
      expect(await (await again(flow(1), store, run.id)).result()).toEqual(range(40))
      expect(ran.length).toBeLessThan(40)
    })

    it('is refused for a run that goes on, was done, or was undone', async () => {
      const done = new Workflow<number>('done').andThen('a', async (n) => n)
      await expect((await finish(done, 1)).run.retry()).rejects.toThrow(/is done/)
      const undone = new Workflow<number>('undone')
        .andThen('a', async (n) => n, { compensate: async () => undefined })
        .andThen('b', async () => {
          throw new AbortError(new Error('b'))
        })
      const { run } = await finish(undone, 1)
      await expect(run.retry()).rejects.toThrow(/was undone/)
      await expect(run.retry({ scope: { from: 'aa' } })).rejects.toThrow(/did you mean "a"/)
      expect(await run.retry({ scope: { from: 'a' }, dryRun: true })).toMatchObject({ resumed: ['a'] })
    })
  })

  describe('a run that stands still', () => {
    it('is found, and goes on once it is repaired', async () => {
      const store = makeStore()
      const dag = new Dag<number>('stuck')
        .node('a', async (n) => n + 1)
        .node('b', ['a'], async ({ a }) => a + 1)
        .node('c', ['a'], async ({ a }) => a + 2)
        .node('d', ['b', 'c'], async ({ b, c }) => b * c)
      const run = await dag.pushStart(store, 1)
      const settle = store.backend.settle.bind(store.backend)
      // A store that loses what follows from "a".
      store.backend.settle = (settlements, options) =>
        settle(
          settlements.map((each) => {
            const { follow, run: part, ...rest } = each
            return follow === undefined && part === undefined ? each : (rest as typeof each)
          }),
          options,
        )
      const worker = new WorkerBuilder('w').backend(store).build(dag)
      await worker.start()
      while ((await dag.stuck(store)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      await worker.stop()
      store.backend.settle = settle
      expect((await dag.stuck(store)).map(({ id }) => id)).toEqual([run.id])
      expect((await dag.repair(store, run.id)).toSorted()).toEqual(['b', 'c'])
      expect(await dag.repair(store, run.id)).toEqual([])
      expect(await dag.stuck(store)).toEqual([])
      expect(await (await again(dag, store, run.id)).result()).toBe(12)
      expect(told(await list(run.steps()))).toEqual(['a done', 'b done', 'c done', 'd done'])
    })

    it('says what it waits for', async () => {
      const store = makeStore()
      const flow = new Workflow<null>('waits').delayFor('1h').andThen('later', async () => 1)
      const run = await flow.pushStart(store, null)
      expect(await run.why()).toMatchObject([{ node: 'later', reason: 'scheduled' }])
    })
  })
}
