/** A backend that does nothing and says that all is well must not get through: no case is empty. */
import type { Backend, Capabilities } from '@q/core'
import { expect, test } from 'vitest'
import { runConformance } from '../src/index.ts'

type Both<T> = (T extends unknown ? (one: T) => void : never) extends (all: infer All) => void ? All : never

async function* nothing(): AsyncGenerator<never, void, void> {}

const empty = { items: [], next: null }

const idle: Backend & Both<Capabilities[keyof Capabilities]> = {
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
  unique: true,
  update: async () => 'applied',
  cancel: async (ids) => ids.map(() => 'cancelled'),
  resumeById: async (ids) => ids.map(() => 'resumed'),
  remove: async (ids) => ids.map(() => 'applied'),
  pause: async () => undefined,
  resume: async () => undefined,
  commandWorker: async () => true,
  vacuum: async () => 0,
  acquire: async (requests) => requests.map(() => ({ granted: true, retryAfterMs: 0 })),
  listTasks: async () => empty,
  countTasks: async () => ({ value: 0, kind: 'exact' }),
  listQueues: async () => [],
  listWorkers: async () => empty,
  listAttempts: async () => [],
  report: async () => undefined,
  readLog: async () => [],
  metrics: async () => [],
  listErrorGroups: async () => empty,
  events: () => nothing(),
  startRuns: async (runs) => runs.map(({ id }) => ({ id, outcome: 'created' })),
  fetchRun: async () => null,
  listRuns: async () => empty,
  listSteps: async () => empty,
  readSteps: async (ids) => ids.map(() => null),
  waitRuns: () => nothing(),
  cancelRuns: async (requests) => requests.map(() => 'cancelling'),
  retryRun: async () => 'retried',
  stuckRuns: async () => [],
  repairRun: async () => undefined,
  vacuumRuns: async () => 0,
  signal: async () => 'stored',
  peek: async () => [],
  receive: async () => [],
  discard: async () => undefined,
  writePages: async () => undefined,
  readPages: async () => [],
  transaction: (run) => run(undefined as never),
}

test('an idle backend passes only the cases in which nothing is to happen', { timeout: 60_000 }, async () => {
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
      "vacuum › a queue that nobody ever pushed to is fine",
      "acquire › asking for nothing is answered with nothing",
      "listTasks › a queue that nobody ever pushed to lists nothing",
      "countTasks › a queue that nobody ever pushed to has none of any status",
      "listWorkers › a queue that nobody registered for has no workers",
      "listAttempts › a task that is unknown, or was never claimed, has none",
      "events › a signal that was aborted before ends it at once",
      "runs › starting nothing starts nothing",
      "runs › a start that is rolled back never was",
      "cancelRuns › cancelling nothing is answered with nothing",
      "listRuns › a queue without runs lists none",
      "listRuns › an unknown run has no steps",
      "transactions › a push that is rolled back never was",
      "transactions › an empty push in a transaction is fine",
    ]
  `)
})
