/** DAGs: joins, routes, skips, failures that others live with. */
import { AbortError } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { Dag, when } from '../../src/build/dag.ts'
import { told, type Bench } from './support.ts'

const boom = async (): Promise<never> => {
  throw new AbortError(new Error('boom'))
}

/** On any backend. */
export function dagSuite({ finish }: Bench): void {
  describe('a DAG', () => {
    it('runs a node once when all it depends on are done, however long the ways', async () => {
      let runs = 0
      const dag = new Dag<number>('diamond')
        .node('a', async (n) => n + 1)
        .node('b', ['a'], async ({ a }) => a * 2)
        .node('b2', ['b'], async ({ b }) => b + 100)
        .node('c', ['a'], async ({ a }) => a * 3)
        .node('d', ['b2', 'c'], async ({ b2, c }) => {
          runs += 1
          return [b2, c]
        })
      const { run, steps } = await finish(dag, 1)
      expect(await run.result()).toEqual([104, 6])
      expect(runs).toBe(1)
      expect(told(steps)).toEqual(['a done', 'b done', 'b2 done', 'c done', 'd done'])
    })

    it('starts from several entries and gives the outputs of several ends', async () => {
      const dag = new Dag<number>('wide')
        .node('x', async (n) => n + 1)
        .node('y', async (n) => n + 2)
        .node('xx', ['x'], async ({ x }) => x * x)
        .node('xy', ['x', 'y'], async ({ x, y }) => x * y)
      const { run } = await finish(dag, 1)
      expect(await run.result()).toEqual({ xx: 4, xy: 6 })
    })

    it('takes one way of a route, skips the other, and goes on where they meet', async () => {
      const dag = new Dag<number>('routes')
        .route('size', async (n) => (n > 10 ? 'large' : 'small'))
        .node('cut', [when('size', 'large')], async () => 'cut')
        .node('cut-again', ['cut'], async ({ cut }) => `${cut} again`)
        .node('wrap', [when('size', 'small')], async () => 'wrap')
        .node('send', ['cut-again', 'wrap'], async (given) => given, { join: 'anyOf' })
      const small = await finish(dag, 1)
      expect(await small.run.result()).toEqual({ wrap: 'wrap' })
      expect(told(small.steps)).toEqual(['send done', 'size done', 'wrap done'])
      expect(await (await finish(dag, 11)).run.result()).toEqual({ 'cut-again': 'cut again' })
    })

    it('ends though its only end is skipped', async () => {
      const dag = new Dag<number>('all-skipped')
        .route('size', async (n) => (n > 10 ? 'large' : 'small'))
        .node('only', [when('size', 'large')], async () => 1)
        .node('after', ['only'], async () => 2)
      const { run } = await finish(dag, 1)
      expect(await run.result()).toBeUndefined()
      expect(await run.status()).toBe('done')
    })

    it('lets those who depend on a failed node decide, where it may fail', async () => {
      const dag = new Dag<null>('failures')
        .node('good', async () => 1)
        .node('bad', boom, { onFailure: 'continue' })
        .node('all', ['good', 'bad'], async () => 'all')
        .node('done', ['good', 'bad'], async (given) => given, { join: 'allDone' })
        .node('clean', ['good', 'bad'], async () => 'clean', { join: 'noneFailed' })
        .node('any', ['bad', 'good'], async (given) => given, { join: 'anyOf' })
      const { run, steps } = await finish(dag, null)
      expect(await run.result()).toEqual({ done: { good: 1 }, any: { good: 1 } })
      expect(told(steps)).toContain('all cancelled')
      expect(told(steps)).toContain('clean cancelled')
    })

    it('fails when a node fails that may not, and cancels the others', async () => {
      const dag = new Dag<null>('fails')
        .node('bad', boom)
        .node(
          'slow',
          (_n, ctx) =>
            new Promise<number>((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
        )
        .node('end', ['bad', 'slow'], async () => 1)
      const { run } = await finish(dag, null)
      await expect(run.result()).rejects.toThrow(/boom/)
      expect(await run.status()).toBe('failed')
    })

    it('starts as soon as so many are done, once', async () => {
      let runs = 0
      const dag = new Dag<number>('quorum')
        .node('a', async (n) => n)
        .node('b', async (n) => n)
        .node('c', boom, { onFailure: 'continue' })
        .node(
          'two',
          ['a', 'b', 'c'],
          async (given) => {
            runs += 1
            return Object.keys(given).sort()
          },
          { join: { nOf: 2 } },
        )
      const { run } = await finish(dag, 1)
      expect(await run.result()).toEqual(['a', 'b'])
      expect(runs).toBe(1)
    })

    it('undoes its done nodes in the reverse order', async () => {
      const undone: string[] = []
      const dag = new Dag<number>('saga')
        .node('a', async (n) => n, { compensate: async () => void undone.push('a') })
        .node('b', ['a'], async () => 2, { compensate: async () => void undone.push('b') })
        .node('c', ['b'], boom, { compensate: async () => void undone.push('c') })
      const { run } = await finish(dag, 1)
      await expect(run.result()).rejects.toThrow(/boom/)
      expect(undone).toEqual(['b', 'a'])
    })

    it('is a child like any workflow', async () => {
      const dag = new Dag<number>('inner').node('a', async (n) => n + 1).node('b', ['a'], async ({ a }) => a * 2)
      const flow = new Workflow<number>('outer').child('run', dag).andThen('say', async (n) => `=${n}`)
      expect(await (await finish(flow, 1)).run.result()).toBe('=4')
    })
  })
}
