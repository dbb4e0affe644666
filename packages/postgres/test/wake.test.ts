import { supports } from '@q/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

/** Collects nudges and resolves when the next one comes. */
function nudges() {
  let waiting: (() => void)[] = []
  let count = 0
  return {
    get count() {
      return count
    },
    nudge: () => {
      count += 1
      for (const resolve of waiting.splice(0)) resolve()
    },
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
  }
}

async function listening(queues: (queue: string) => string[] = (queue) => [queue]) {
  const storage = on.storage<number>({}, 'notify')
  if (!supports(storage.backend, 'wake')) throw new Error('a notify storage wakes')
  const heard = nudges()
  const errors: unknown[] = []
  const ready = heard.next()
  const end = await storage.backend.wake(queues(storage.queue), heard.nudge, (error) => errors.push(error))
  await ready
  return { storage, heard, errors, end }
}

const listenerPids = async (): Promise<number[]> =>
  (
    await on.rows<{ pid: number }>(`select pid from pg_stat_activity where application_name = $1`, [
      `q listen ${on.schema}`,
    ])
  ).map((row) => row.pid)

test('a polling storage has no wake', () => {
  expect(supports(on.storage().backend, 'wake')).toBe(false)
})

test('a push nudges once, whatever its size', async () => {
  const { storage, heard, end } = await listening()
  const before = heard.count
  const next = heard.next()
  await storage.pushBulk(Array.from({ length: 500 }, (_, n) => n))
  await next
  expect(heard.count - before).toBe(1)
  end()
})

test('a push in a transaction nudges at the commit and not before', async () => {
  const { storage, heard, end } = await listening()
  const before = heard.count
  const client = await on.pool.connect()
  await client.query('begin')
  await storage.push(1, { tx: client })
  await storage.backend.sweep()
  expect(heard.count).toBe(before)
  const next = heard.next()
  await client.query('commit')
  client.release()
  await next
  end()
})

test('another queue’s push does not nudge', async () => {
  const { heard, end, storage } = await listening()
  const other = await listening()
  const before = heard.count
  const next = other.heard.next()
  await other.storage.push(1)
  await next
  expect(heard.count).toBe(before)
  const own = heard.next()
  await storage.push(1)
  await own
  end()
  other.end()
})

test('after its connection is terminated the listener says so, comes back and nudges every queue', async () => {
  const { storage, heard, errors, end } = await listening((queue) => [queue, 'another'])
  const before = heard.count
  const again = heard.next()
  await on.rows(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`, [
    `q listen ${on.schema}`,
  ])
  await again
  expect(errors.length).toBeGreaterThan(0)
  expect(heard.count - before).toBe(2)
  const next = heard.next()
  await storage.push(1)
  await next
  end()
})

test('the connection goes when the last subscriber leaves', async () => {
  const { end, storage } = await listening()
  expect((await listenerPids()).length).toBeGreaterThan(0)
  end()
  await storage.close()
  await expect.poll(listenerPids).toEqual([])
})

test('a pause, a command and the cancel of a held task bring news to the workers of the queue', async () => {
  const { storage, end } = await listening()
  const instance = await instanceOf(storage as never)
  await storage.push(1)
  const { tasks } = await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: 1 }] })
  if (!supports(storage.backend, 'wake')) throw new Error('a notify storage wakes')
  let told: (() => void) | undefined
  const stop = await storage.backend.wake([storage.queue], (_, reason) => {
    if (reason === 'news') told?.()
  })
  const news = (act: () => Promise<unknown>) =>
    new Promise<void>((resolve, reject) => {
      told = resolve
      act().catch(reject)
    })
  await news(() => storage.backend.pause(storage.queue))
  await news(() => storage.backend.resume(storage.queue))
  await news(() => storage.backend.commandWorker(instance, 'pause'))
  await news(() => storage.backend.cancel([tasks[0]!.id]))
  stop()
  end()
})
