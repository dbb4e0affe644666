import { describe, expect, test } from 'vitest'
import { MemoryBackend } from '../../src/memory/index.ts'
import { Storage } from '../../src/storage/storage.ts'
import type { TaskId } from '../../src/task/task.ts'
import { rejection } from '../failure.ts'

/** A store with every capability that must not be asked anything. */
function untouchable(): Storage<number> {
  const asked = (name: string | symbol) => () => {
    throw new Error(`The store was asked to ${String(name)}.`)
  }
  const backend = new Proxy(new MemoryBackend(), {
    get: (target, name) => (typeof Reflect.get(target, name) === 'function' ? asked(name) : Reflect.get(target, name)),
  })
  return new Storage<number>(backend)
}

async function read(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

const calls: [string, (storage: Storage<number>, id: TaskId) => unknown][] = [
  ['push', (storage, id) => storage.push(1, { id })],
  ['fetchById', (storage, id) => storage.fetchById(id)],
  ['checkStatus', (storage, id) => storage.checkStatus([id])],
  ['attempts', (storage, id) => storage.attempts(id)],
  ['logs', (storage, id) => read(storage.logs(id))],
  ['logs with follow', (storage, id) => read(storage.logs(id, { follow: true }))],
  ['watch', (storage, id) => read(storage.watch(id))],
  ['waitFor', (storage, id) => storage.waitFor(id)],
  ['waitForMany', (storage, id) => read(storage.waitForMany([id]))],
  ['cancel', (storage, id) => storage.cancel(id)],
  ['cancel of several', (storage, id) => storage.cancel([id])],
  ['update', (storage, id) => storage.update(id, { priority: 1 })],
  ['reschedule', (storage, id) => storage.reschedule(id, { runAfter: '1m' })],
  ['resumeById', (storage, id) => storage.resumeById(id)],
  ['resumeById of several', (storage, id) => storage.resumeById([id])],
  ['remove', (storage, id) => storage.remove(id)],
  ['remove of several', (storage, id) => storage.remove([id])],
]

describe.each(calls)('%s', (_name, call) => {
  test.each<[unknown]>([['order-5'], [''], [17], [null], ["'; drop table task; --"]])(
    'refuses the id %j before the store is asked',
    async (id) => {
      const error = await rejection('ERR_TASK_ID', (async () => call(untouchable(), id as TaskId))())
      expect(error.message).toContain('A task id must be a UUID')
    },
  )
})

test('a worker whose instance is no UUID is not there, whatever the store would say of it', async () => {
  expect(await untouchable().commandWorker('worker-1', 'stop')).toBe(false)
})
