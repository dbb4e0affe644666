/** What happens to runs under way when another build works on them. */
import { AbortError, DeferredError, WorkerBuilder } from '@q/core'
import { describe, expect, it } from 'vitest'
import { again } from '../../src/build/again.ts'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import { signal } from '../../src/build/wait.ts'
import { list } from '../../src/engine/work/step.ts'
import { findStranded } from '../../src/run/check.ts'
import type { Run } from '../../src/run/handle.ts'
import { told, type Bench } from './support.ts'

const before = new Workflow<number>('flow', { version: '1' })
  .waitFor('go', signal<number>('go'))
  .andThen('double', async (n) => n * 2)

/** On any backend. */
export function deploySuite({ makeStore }: Bench): void {
  describe('another build', () => {
    const after = new Workflow<number>('flow', { version: '2' })
      .waitFor('wait', signal<number>('go'), { aliases: ['go'] })
      .andThen('twice', async (cents) => `${cents * 2}`, {
        aliases: ['double'],
        migrate: (input, from) => (from.version === '1' ? Number(input) * 100 : Number(input)),
      })

    it('goes on with a node that has another name now', async () => {
      const store = makeStore()
      const run = await before.pushStart(store, 1)
      expect(await list(findStranded(store, [after]))).toEqual([])
      await run.signal('go', 5)
      await new WorkerBuilder('w').backend(store).build(after).runUntil(run.finished)
      expect(await run.result()).toBe('10')
      expect(told(await list(run.steps()))).toEqual(['double done', 'go done'])
    })

    it('makes the input of a node that an earlier build left into one of its own, and only that', async () => {
      const store = makeStore()
      const left = await before.pushStep(store, 'double', 5)
      const own = await before.pushStart(store, 1)
      await own.signal('go', 5)
      const work = new WorkerBuilder('w').backend(store).build(after)
      await work.runUntil(Promise.all([left.finished, own.finished]))
      expect(await left.result()).toBe('1000')
      expect(await own.result()).toBe('10')
    })

    it('makes the input of a loop into one of its own once, and not what the loop makes', async () => {
      const store = makeStore()
      const loop = new Workflow<number>('loop').repeatUntil('l', async (n) => n)
      const next = new Workflow<number>('loop')
        .repeatUntil('l', async (n: number, ctx) => (ctx.index < 3 ? again(n + 1) : n), {
          migrate: (v) => Number(v) + 100,
        })
        .andThen('c', async (n) => n)
      const run = await loop.pushStart(store, 1)
      await new WorkerBuilder('w').backend(store).build(next).runUntil(run.finished)
      expect(await run.result()).toBe(104)
    })

    it('joins what arrived under an earlier name, and undoes it', async () => {
      const store = makeStore()
      const undone: string[] = []
      let broken = true
      const dag = (a: string, j: string, old = false) =>
        new Dag<number>('renamed')
          .node(a, async () => 1, { aliases: old ? [] : ['a'], compensate: async () => void undone.push(a) })
          .node('b', async () => {
            // The earlier build does not get to it.
            if (old) throw new DeferredError(5)
            return 2
          })
          .node(j, [a, 'b'], async (given) => Object.keys(given).sort(), { aliases: old ? [] : ['j'] })
          .node('end', [j], async (keys) => {
            if (broken) throw new AbortError(new Error('end'))
            return keys
          })
      const run = await dag('a', 'j', true).pushStart(store, 1)
      await new WorkerBuilder('w')
        .backend(store)
        .concurrency(1)
        .build(dag('a', 'j', true))
        .runUntil(ranOne(run))
      const renamed = dag('aa', 'jj')
      await new WorkerBuilder('w').backend(store).build(renamed).runUntil(run.finished)
      expect(undone).toEqual(['aa'])
      expect((await run.info()).compensation).toBe('complete')
      broken = false
      const second = renamed.open(store, run.id)
      await second.retry({ scope: { from: 'aa' } })
      await new WorkerBuilder('w').backend(store).build(renamed).runUntil(second.finished)
      expect(await second.result()).toEqual({ jj: ['aa', 'b'] })
    })

    it('ends a map that was begun under an earlier name', async () => {
      const store = makeStore()
      const flow = (name: string, aliases: string[] = []) =>
        new Workflow<number>('map')
          .andThen('range', async (n) => Array.from({ length: n }, (_, index) => index))
          .map(
            name,
            async (x) => {
              if (x > 6 && aliases.length === 0) throw new DeferredError(5)
              return x
            },
            { aliases, concurrency: 2 },
          )
      const run = await flow('old').pushStart(store, 20)
      await new WorkerBuilder('w').backend(store).concurrency(1).build(flow('old')).runUntil(ranSome(run, 5))
      await new WorkerBuilder('w')
        .backend(store)
        .build(flow('fresh', ['old']))
        .runUntil(run.finished)
      expect(await run.result()).toHaveLength(20)
    })

    it('finds the outputs of nodes that had other names', async () => {
      const store = makeStore()
      const dag = (a: string, aliases: string[] = []) =>
        new Dag<number>('dag')
          .node(a, async (n) => 'x'.repeat(2_000 * n), { aliases })
          .node('b', async (n) => n)
          .node('c', [a, 'b'], async (given) =>
            Object.values(given)
              .map(String)
              .map(({ length }) => length)
              .sort((a, b) => a - b),
          )
      const run = await dag('a').pushStart(store, 1)
      await new WorkerBuilder('w').backend(store).concurrency(1).build(dag('a')).runUntil(ranOne(run))
      await new WorkerBuilder('w')
        .backend(store)
        .build(dag('aa', ['a']))
        .runUntil(run.finished)
      expect(await run.result()).toEqual([1, 2_000])
    })

    it('leaves a node that it does not know to others, without touching its attempts, and the check names the run', async () => {
      const store = makeStore()
      const run = await before.pushStart(store, 1)
      const other = new Workflow<number>('flow').andThen('else', async (n) => n)
      const worker = new WorkerBuilder('w').backend(store).build(other)
      await worker.start()
      while ((await run.why())[0]?.reason !== 'scheduled') await new Promise((resolve) => setTimeout(resolve, 5))
      expect(await run.why()).toMatchObject([{ node: 'go', reason: 'scheduled', attempt: 0 }])
      await worker.stop()
      expect((await list(findStranded(store, [other]))).map(({ run: { id }, nodes }) => [id, nodes])).toEqual([
        [run.id, ['go']],
      ])
      const unknown = new Workflow<number>('another').andThen('else', async (n) => n)
      expect((await list(findStranded(store, [unknown]))).map(({ nodes }) => nodes)).toEqual([[]])
    })
  })
}

async function ranOne(run: Run): Promise<void> {
  await ranSome(run, 1)
}

async function ranSome(run: Pick<Run, 'steps'>, count: number): Promise<void> {
  for (;;) {
    if ((await list(run.steps())).filter(({ status }) => status === 'done').length >= count) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
