import { uuidv7 } from '@q/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

test('what people ask of a task that a transaction holds fails by name after three seconds, while all else goes on', async () => {
  const storage = on.storage<number>()
  const { backend } = storage
  const instance = await instanceOf(storage as never)
  const { id } = await storage.push(1, { runAfter: '1h' })
  const client = await on.pool.connect()
  await client.query('begin')
  await client.query(`select from "${on.schema}".live where id = $1 for update`, [id])
  try {
    const asked = [
      ...Array.from({ length: 10 }, () => storage.cancel(id)),
      backend.update(id, { priority: 1 }),
      backend.resumeById([id]),
      backend.remove([id]),
    ]
    let over = 0
    for (const each of asked)
      void each.then(
        () => (over += 1),
        () => (over += 1),
      )
    for (let round = 0; round < 20; round++) {
      const pushed = await storage.push(round)
      const { tasks } = await backend.claim({ instance, queues: [{ queue: storage.queue, limit: 1 }] })
      expect(await backend.settle(tasks.map((task) => ({ ...task, kind: 'done', result: null })))).toEqual(['applied'])
      expect(await storage.fetchById(pushed.id)).toMatchObject({ status: 'done' })
    }
    expect(over).toBe(0)
    expect((await backend.listTasks({ queue: storage.queue })).items).toHaveLength(21)
    const said = {
      code: 'ERR_BACKEND_UNAVAILABLE',
      message: expect.stringContaining(`another transaction holds task ${id}`),
    }
    await expect(Promise.race(asked)).rejects.toMatchObject(said)
    expect(over).toBeLessThan(5)
    await client.query('rollback')
    expect((await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(5)
  } finally {
    await client.query('rollback')
    client.release()
  }
})

test.each(['update', 'resumeById', 'remove'] as const)('%s names the task that a transaction holds', async (method) => {
  const storage = on.storage<number>()
  const { id } = await storage.push(1)
  const client = await on.pool.connect()
  await client.query('begin')
  await client.query(`select from "${on.schema}".live where id = $1 for update`, [id])
  try {
    const { backend } = storage
    await expect(
      method === 'update' ? backend.update(id, { priority: 1 }) : backend[method]([id]),
    ).rejects.toMatchObject({
      code: 'ERR_BACKEND_UNAVAILABLE',
      retryable: true,
      message: expect.stringMatching(`holds task ${id}.*[Cc]ommit or roll back`),
    })
  } finally {
    await client.query('rollback')
    client.release()
  }
})

test('a task whose unique key a transaction has taken over is vacuumed later and removed by name', async () => {
  const storage = on.storage<number>()
  const { backend } = storage
  const instance = await instanceOf(storage as never)
  const unique = { key: 'u', while: 'unfinished', windowMs: 0, otherwise: 'keep' } as const
  const task = (more: object) => ({
    id: uuidv7(),
    queue: storage.queue,
    payload: { codec: 'json', bytes: new TextEncoder().encode('1') },
    priority: 0,
    due: { afterMs: 0 },
    maxAttempts: null,
    key: null,
    metadata: null,
    ...more,
  })
  const first = task({ unique })
  await backend.push([first, task({ key: 'k' }), task({})])
  const { tasks } = await backend.claim({ instance, queues: [{ queue: storage.queue, limit: 3 }] })
  await backend.settle(tasks.map(({ id, token }) => ({ id, token, kind: 'done', result: null })))
  const client = await on.pool.connect()
  await client.query('begin')
  try {
    await backend.push([task({ unique })], { tx: client })
    expect(await backend.vacuum(storage.queue, { doneMs: 0 }, 100)).toBe(2)
    expect(await backend.fetchById(first.id)).not.toBeNull()
    await expect(backend.remove([first.id])).rejects.toMatchObject({ message: expect.stringContaining(first.id) })
  } finally {
    await client.query('commit')
    client.release()
  }
  expect(await backend.vacuum(storage.queue, { doneMs: 0 }, 100)).toBe(1)
  expect(await on.rows('select from $schema.uniqueness where queue = $1', [storage.queue])).toHaveLength(1)
})

test('a first task of a queue that a transaction holds back keeps others waiting in bounded time', async () => {
  const queue = `q-${uuidv7()}`
  const client = await on.pool.connect()
  await client.query('begin')
  await client.query(`select "${on.schema}".enqueue($1, '1')`, [queue])
  const pushed = on
    .storage<number>({ queue })
    .push(2)
    .catch((error: unknown) => error)
  await client.query('select pg_sleep(4)')
  await client.query('commit')
  client.release()
  expect(await pushed).toMatchObject({ outcome: 'created' })
  expect((await on.storage<number>({ queue }).count()).value).toBe(2)
})
