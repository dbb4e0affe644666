/** A backend that does nothing and says that all is well must not get through: no case is empty. */
import type { Backend, FetchById, Outcome, Wake } from '@q/core'
import { expect, test } from 'vitest'
import { runConformance } from '../src/index.ts'

async function* nothing(): AsyncGenerator<Outcome, void, void> {}

const idle: Backend & Wake & FetchById = {
  name: 'idle',
  push: async (tasks) => tasks.map(({ id }) => ({ id, outcome: 'created' })),
  claim: async () => ({ tasks: [], nextDueMs: null }),
  settle: async (settlements) => settlements.map(() => 'applied'),
  register: async () => undefined,
  beat: async () => ({ lease: 'held', lost: [] }),
  deregister: async () => undefined,
  sweep: async () => ({ instances: 0, recovered: 0, killed: 0, more: false }),
  wait: () => nothing(),
  close: async () => undefined,
  wake: async () => () => undefined,
  fetchById: async () => null,
}

test('an idle backend passes only the cases in which nothing is to happen', async () => {
  const results = await runConformance<never>(
    async () => ({
      backend: idle,
      advance: async () => undefined,
      second: async () => idle,
      transaction: (run) => run(undefined as never),
    }),
    { timeoutMs: 300 },
  )
  const passed = results.filter(({ status }) => status === 'passed')
  expect(passed.map(({ section, name }) => `${section} › ${name}`)).toMatchInlineSnapshot(`
    [
      "push › pushing nothing stores nothing",
      "claim order › a queue that nobody ever pushed to is empty",
      "settle › settling nothing answers nothing",
      "leases › deregistering twice, or an instance that never was, is fine",
      "sweep › with nothing to do it says so",
      "wait › waiting for nothing ends at once",
      "closing › closing twice does nothing more",
      "closing › closing twice at once is fine",
      "wake › ending a subscription twice is fine",
      "fetchById › an unknown id is null",
      "transactions › a push that is rolled back never was",
      "transactions › an empty push in a transaction is fine",
    ]
  `)
})
