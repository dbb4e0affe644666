/** Runs that fail, are cancelled, come too late, wait, or start others. */
import { AbortError, WorkerBuilder } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import { all, any, signal, timer } from '../../src/build/wait.ts'
import { told, type Bench } from './support.ts'

/** On any backend. */
export function endsSuite({ makeStore, finish }: Bench): void {
  describe('waiting', () => {
    it('gets a signal that came before it waited, and one that comes later', async () => {
      const flow = new Workflow<null>('approval')
        .waitFor('first', signal<string>('first'))
        .waitFor('second', signal<number>('second'))
      const { run } = await finish(flow, null, {
        during: async (run) => {
          await run.signal('second', 2)
          await run.signal('first', 'one')
          expect(await run.signal('other', 3)).toBe('stored')
        },
      })
      expect(await run.result()).toBe(2)
      expect(await run.signal('late', 1)).toBe('ended')
    })

    it('takes what comes first, a signal or the time', async () => {
      const flow = (span: number) =>
        new Workflow<null>('race').waitFor('race', any({ answer: signal<string>('answer'), late: timer(span) }))
      const late = await finish(flow(30), null)
      expect(await late.run.result()).toEqual({ by: 'late', value: undefined })
      const answered = await finish(flow(60_000), null, { during: (run) => run.signal('answer', 'yes') })
      expect(await answered.run.result()).toEqual({ by: 'answer', value: 'yes' })
    })

    it('waits for all of several', async () => {
      const flow = new Workflow<null>('both').waitFor(
        'both',
        all({ a: signal<number>('a'), b: signal<number>('b'), pause: timer(20) }),
      )
      const { run } = await finish(flow, null, {
        during: async (run) => {
          await run.signal('b', 2)
          await run.signal('a', 1)
        },
      })
      expect(await run.result()).toEqual({ a: 1, b: 2, pause: undefined })
    })
  })

  describe('a child', () => {
    const child = new Workflow<number>('child').andThen('square', async (n) => n * n)

    it('gives its output to the node that started it', async () => {
      const flow = new Workflow<number>('parent')
        .andThen('plus', async (n) => n + 1)
        .child('run', child)
        .andThen('say', async (n) => `=${n}`)
      expect(await (await finish(flow, 3)).run.result()).toBe('=16')
    })

    it('fails the node when it fails', async () => {
      const bad = new Workflow<number>('bad-child').andThen('no', async () => {
        throw new AbortError(new Error('child broke'))
      })
      const flow = new Workflow<number>('bad-parent').child('run', bad)
      await expect((await finish(flow, 3)).run.result()).rejects.toThrow(/child broke/)
    })

    it('is cancelled with the run that started it', async () => {
      const endless = new Workflow<number>('endless-child').waitFor('never', signal('never'))
      const flow = new Workflow<number>('cancelled-parent').child('run', endless)
      const store = makeStore()
      const { run } = await finish(flow, 1, {
        store,
        during: async (run) => {
          for (;;) {
            const { items } = await store.backend.listRuns({ parent: run.id })
            if (items.length > 0) break
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
          expect(await run.cancel('enough')).toBe('cancelling')
        },
      })
      expect(await run.status()).toBe('cancelled')
      const { items } = await store.backend.listRuns({ parent: run.id })
      expect(items.map(({ status }) => status)).toEqual(['cancelled'])
    })
  })

  describe('a run that fails', () => {
    it('undoes what was done, the last first, and says so', async () => {
      const undone: string[] = []
      const flow = new Workflow<number>('saga')
        .andThen('book', async (n) => n + 1, { compensate: async (output) => void undone.push(`book ${output}`) })
        .andThen('pay', async (n) => n * 10, { compensate: async (output) => void undone.push(`pay ${output}`) })
        .andThen(
          'ship',
          async () => {
            throw new AbortError(new Error('no van'))
          },
          { compensate: async () => void undone.push('ship') },
        )
      const { run, steps } = await finish(flow, 1)
      await expect(run.result()).rejects.toThrow(/no van/)
      expect(undone).toEqual(['pay 20', 'book 2'])
      expect(await run.info()).toMatchObject({ status: 'failed', compensation: 'complete' })
      expect(told(steps)).toContain('$undo:pay done')
    })

    it('goes on undoing when one cannot be undone, and says so', async () => {
      const undone: string[] = []
      const flow = new Workflow<number>('saga')
        .andThen('a', async (n) => n, { compensate: async () => void undone.push('a') })
        .andThen('b', async (n) => n, {
          compensate: async () => {
            throw new AbortError(new Error('stuck'))
          },
        })
        .andThen('c', async () => {
          throw new AbortError(new Error('c'))
        })
      const { run } = await finish(flow, 1)
      await expect(run.result()).rejects.toThrow(/failed: c/)
      expect(undone).toEqual(['a'])
      expect((await run.info()).compensation).toBe('partial')
    })

    it('fails at its deadline, and starts nothing more', async () => {
      const flow = new Workflow<null>('late', { deadline: '30ms' }).delayFor('1h').andThen('never', async () => 1)
      const { run, steps } = await finish(flow, null)
      await expect(run.result()).rejects.toThrow(/deadline|not done/i)
      expect(told(steps)).toContain('never cancelled')
    })
  })

  describe('the end of a run', () => {
    it('does not wait for its deadline', async () => {
      const failing = new Dag<number>('fails-early', { deadline: '1d' }).node('a', async () => {
        throw new AbortError(new Error('a'))
      })
      expect(await (await finish(failing, 1)).run.status()).toBe('failed')
      const waiting = new Workflow<number>('stops-early', { deadline: '1d' }).waitFor('w', signal('never'))
      const { run } = await finish(waiting, 1, { during: (run) => run.cancel() })
      expect(await run.status()).toBe('cancelled')
    })

    it('is tried until it succeeds, however often the store fails', async () => {
      const store = makeStore()
      const listSteps = store.backend.listSteps.bind(store.backend)
      let failures = 3
      store.backend.listSteps = (...args) => (failures-- > 0 ? Promise.reject(new Error('hiccup')) : listSteps(...args))
      const flow = new Dag<number>('hiccups')
        .node('a', async () => {
          throw new AbortError(new Error('a'))
        })
        .node('b', async (n) => n)
      expect(await (await finish(flow, 1, { store })).run.status()).toBe('failed')
    })

    it('is stored anew by a repair where the step that ends it is over', async () => {
      const store = makeStore()
      const undone: string[] = []
      const flow = new Workflow<number>('ended-badly')
        .andThen('a', async (n) => n, { compensate: async () => void undone.push('a') })
        .andThen('b', async () => {
          throw new AbortError(new Error('b'))
        })
      const settle = store.backend.settle.bind(store.backend)
      // A store that loses what the step that undoes leads to.
      store.backend.settle = (settlements, options) =>
        settle(
          settlements.map((each) => {
            if (each.run?.change?.compensation === undefined) return each
            const { run: _, ...rest } = each
            return rest as typeof each
          }),
          options,
        )
      const { run } = await finish(flow, 1, {
        store,
        during: async (run) => {
          while ((await flow.stuck(store)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
          store.backend.settle = settle
          expect(await flow.repair(store, run.id)).toEqual(['$end'])
          expect(await flow.repair(store, run.id)).toEqual([])
        },
      })
      expect(undone).toEqual(['a'])
      expect(await run.info()).toMatchObject({ status: 'failed', compensation: 'complete' })
    })

    it('undoes a node as often as the node is tried', async () => {
      let tries = 0
      const flow = new Workflow<number>('undo-again')
        .andThen('a', async (n) => n, {
          retry: { retries: 3, backoff: () => 1 },
          compensate: async () => {
            if (tries++ === 0) throw new Error('once')
          },
        })
        .andThen('b', async () => {
          throw new AbortError(new Error('b'))
        })
      const { run } = await finish(flow, 1)
      expect((await run.info()).compensation).toBe('complete')
    })
  })

  describe('a step that holds an instruction that is none', () => {
    it('fails its run, and no other', async () => {
      const store = makeStore()
      const flow = new Workflow<number>('hostile').andThen('range', async (n) => [n]).map('m', (x) => x)
      const bad = await flow.pushStart(store, 1)
      const good = await flow.pushStart(store, 2)
      const claim = store.backend.claim.bind(store.backend)
      const hostile = { codec: 'q/ref', bytes: new TextEncoder().encode('{"kind":"slice"}') }
      store.backend.claim = async (request) => {
        const claimed = await claim(request)
        const tasks = claimed.tasks.map((task) =>
          task.step?.run === bad.id && task.step.node === 'm' ? { ...task, payload: hostile } : task,
        )
        return { ...claimed, tasks }
      }
      const worker = new WorkerBuilder('w').backend(store).build(flow)
      await worker.runUntil(Promise.all([bad.finished, good.finished]))
      expect([await bad.status(), await good.result()]).toEqual(['failed', [2]])
    })
  })

  describe('a run that is cancelled', () => {
    it('asks what is under way to stop, undoes what was done, and starts nothing more', async () => {
      const undone: string[] = []
      let started!: () => void
      const underWay = new Promise<void>((resolve) => (started = resolve))
      const flow = new Workflow<number>('stop')
        .andThen('a', async (n) => n, { compensate: async () => void undone.push('a') })
        .andThen('slow', (_n, ctx) => {
          started()
          return new Promise<number>((_, reject) =>
            ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)),
          )
        })
        .andThen('never', async () => 1)
      const { run, steps } = await finish(flow, 1, {
        during: async (run) => {
          await underWay
          expect(await run.cancel('not needed')).toBe('cancelling')
        },
      })
      await expect(run.result()).rejects.toThrow(/cancelled: not needed/)
      expect(undone).toEqual(['a'])
      expect(told(steps)).toEqual(['$end done', '$undo:a done', 'a done', 'slow cancelled'])
      expect(await run.cancel()).toBe('ended')
    })
  })
}
