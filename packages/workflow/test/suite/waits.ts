/** What waits take of the signals of their run, and what they leave to others. */
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { all, any, signal, timer } from '../../src/build/wait.ts'
import { type Bench, pastWait, workOn } from './support.ts'

const number = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) => (typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] }),
  },
} as const

/** On any backend. */
export function waitsSuite({ makeStore, finish }: Bench): void {
  describe('a wait for several', () => {
    it('holds by all of a branch, one after the other, though one of them came long before', async () => {
      const flow = new Workflow<null>('any-of-all').waitFor(
        'w',
        any({ both: all({ a: signal<number>('a'), b: signal<number>('b') }), stop: signal('stop') }),
      )
      const { run } = await finish(flow, null, {
        during: async (run) => {
          await run.signal('a', 1)
          await pastWait(run, 'w')
          await run.signal('b', 2)
        },
      })
      expect(await run.result()).toEqual({ by: 'both', value: { a: 1, b: 2 } })
    })

    it('leaves the signals of branches that lost to the next wait', async () => {
      const flow = new Workflow<null>('loser')
        .waitFor('w', all({ x: any({ a: signal('a'), b: signal('b') }), c: signal('c') }))
        .waitFor('second', signal('b'))
      const { run } = await finish(flow, null, {
        during: async (run) => {
          for (const name of ['a', 'b', 'c']) await run.signal(name, name)
        },
      })
      expect(await run.result()).toBe('b')
    })

    it('takes no signal where the time decided', async () => {
      const flow = new Workflow<null>('late')
        .waitFor('w', any({ late: timer(1), answer: signal('answer') }))
        .waitFor('second', signal('answer'))
      const { run } = await finish(flow, null, {
        during: async (run) => {
          await pastWait(run, 'second')
          await run.signal('answer', 'yes')
        },
      })
      expect(await run.result()).toBe('yes')
    })
  })

  describe('a signal that does not fit', () => {
    it('fails the step at once and is lost: a retry takes the next', async () => {
      const flow = new Workflow<null>('bad').waitFor('w', signal('s', number))
      const store = makeStore()
      const { run, steps } = await finish(flow, null, {
        store,
        retries: 4,
        during: async (run) => {
          await run.signal('s', 'bad')
          await run.signal('s', 5)
        },
      })
      expect(await run.status()).toBe('failed')
      expect(steps.find(({ node }) => node === 'w')).toMatchObject({ attempt: 1, status: 'killed' })
      await run.retry()
      expect(await (await workOn(flow, store, run.id)).result()).toBe(5)
    })
  })
}
