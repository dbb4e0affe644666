/** Closing: the end of a backend is an answer, not a hang. */
import assert from 'node:assert/strict'
import type { Backend } from '@q/core'
import { required, uuidv7 } from '@q/core'
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
  fact(
    'fetchById after closing is ERR_CLOSED',
    async (c) => {
      const backend = required(await c.toClose(), 'fetchById')
      await backend.close()
      await rejects('ERR_CLOSED', backend.fetchById(uuidv7()))
    },
    'fetchById',
  ),
  fact(
    'wake after closing is ERR_CLOSED',
    async (c) => {
      const backend = required(await c.toClose(), 'wake')
      await backend.close()
      await rejects(
        'ERR_CLOSED',
        backend.wake([c.queue], () => undefined),
      )
    },
    'wake',
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
