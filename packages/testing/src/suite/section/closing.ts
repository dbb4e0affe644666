/** Closing: the end of a backend is an answer, not a hang. */
import assert from 'node:assert/strict'
import type { Backend } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { rejects, started } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { newTask } from '../sample.ts'

type Call = (backend: Backend<unknown>, c: CaseContext) => Promise<unknown>

const instance = uuidv7()
const CALLS: Readonly<Record<string, Call>> = {
  push: (backend, c) => backend.push([c.task()]),
  claim: (backend, c) => backend.claim({ instance, queues: [{ queue: c.queue, limit: 1 }] }),
  settle: (backend) => backend.settle([{ id: uuidv7(), token: '1', kind: 'released' }]),
  register: (backend, c) => backend.register({ instance, name: 'late', queues: [c.queue], leaseMs: 1_000 }),
  beat: (backend) => backend.beat({ instance, leaseMs: 1_000, running: [] }),
  deregister: (backend) => backend.deregister(instance),
  sweep: (backend) => backend.sweep(),
  wait: (backend) => backend.wait([uuidv7()])[Symbol.asyncIterator]().next(),
}

const id = uuidv7()
const EXTRAS = {
  wake: (backend, c) => c.with('wake', backend).wake([c.queue], () => undefined),
  fetchById: (backend, c) => c.with('fetchById', backend).fetchById(id),
  update: (backend, c) => c.with('update', backend).update(id, {}),
  cancel: (backend, c) => c.with('cancel', backend).cancel([id]),
  resumeById: (backend, c) => c.with('resumeById', backend).resumeById([id]),
  remove: (backend, c) => c.with('remove', backend).remove([id]),
  pause: (backend, c) => c.with('pause', backend).pause(c.queue),
  commandWorker: (backend, c) => c.with('commandWorker', backend).commandWorker(instance, 'stop'),
  vacuum: (backend, c) => c.with('vacuum', backend).vacuum(c.queue, { doneMs: 0 }, 1),
  acquire: (backend, c) => c.with('acquire', backend).acquire([{ kind: 'rate', key: id, limit: 1, periodMs: 1_000 }]),
  listTasks: (backend, c) => c.with('listTasks', backend).listTasks({}),
  countTasks: (backend, c) => c.with('countTasks', backend).countTasks({}),
  listQueues: (backend, c) => c.with('listQueues', backend).listQueues(),
  listWorkers: (backend, c) => c.with('listWorkers', backend).listWorkers(),
  listAttempts: (backend, c) => c.with('listAttempts', backend).listAttempts(id),
  report: (backend, c) => c.with('report', backend).report([{ id, token: '1', lines: [] }]),
  metrics: (backend, c) => c.with('metrics', backend).metrics({ from: 0, to: 60_000, step: 'minute' }),
  listErrorGroups: (backend, c) => c.with('listErrorGroups', backend).listErrorGroups(),
  events: (backend, c) => c.with('events', backend).events(c.queue)[Symbol.asyncIterator]().next(),
} satisfies Readonly<Record<string, Call>>

export const closingCases: readonly ConformanceCase[] = section('closing', [
  fact('closing twice does nothing more', async (c) => {
    const backend = await c.toClose()
    await backend.close()
    await backend.close()
  }),
  fact('closing twice at once is fine', async (c) => {
    const backend = await c.toClose()
    await Promise.all([backend.close(), backend.close()])
  }),
  ...Object.entries(CALLS).map(([method, call]) =>
    fact(`${method} after closing is ERR_CLOSED`, async (c) => {
      const backend = await c.toClose()
      await backend.close()
      await rejects('ERR_CLOSED', call(backend, c))
    }),
  ),
  ...Object.entries(EXTRAS).map(([capability, call]) =>
    fact(
      `${capability} after closing is ERR_CLOSED`,
      async (c) => {
        const backend = await c.toClose()
        await backend.close()
        await rejects('ERR_CLOSED', call(backend, c))
      },
      capability as keyof typeof EXTRAS,
    ),
  ),
  fact('a call is refused with a promise, never with a throw', async (c) => {
    const backend = await c.toClose()
    await backend.close()
    for (const [method, call] of Object.entries(CALLS)) {
      let answer: Promise<unknown> | undefined
      assert.doesNotThrow(() => (answer = call(backend, c)), method)
      await rejects('ERR_CLOSED', answer ?? Promise.resolve())
    }
  }),
  fact('a wait that is under way ends with ERR_CLOSED', async (c) => {
    const backend = await c.toClose()
    const task = newTask(c.queue)
    await backend.push([task])
    const waiting = started(rejects('ERR_CLOSED', backend.wait([task.id])[Symbol.asyncIterator]().next()))
    await new Promise((resolve) => setTimeout(resolve, 10))
    await backend.close()
    await waiting
  }),
  fact(
    'closing one process’s backend leaves the others at work',
    async (c) => {
      const second = await c.second()
      const [task] = await c.pushed(1)
      await second.close()
      assert.equal((await (await c.instance()).one()).id, task!.id)
    },
    'second',
  ),
])
