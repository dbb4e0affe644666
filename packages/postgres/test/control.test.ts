import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

const terminate = (): Promise<unknown> =>
  on.rows(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`, [
    `q control ${on.schema}`,
  ])

test('a lease is renewed and tasks settle while handlers hold every connection of the pool', async () => {
  const storage = on.storage<number>()
  const instance = await instanceOf(storage as never)
  await storage.push(1)
  const held = await Promise.all(Array.from({ length: on.pool.options.max! }, () => on.pool.connect()))
  try {
    const { tasks } = await storage.backend.claim({
      instance,
      queues: [{ queue: storage.queue, limit: 1 }],
    })
    expect(await storage.backend.beat({ instance, leaseMs: 5_000, running: [] })).toEqual({
      lease: 'held',
      lost: [],
    })
    expect(
      await storage.backend.settle([{ id: tasks[0]!.id, token: tasks[0]!.token, kind: 'done', result: null }]),
    ).toEqual(['applied'])
  } finally {
    for (const client of held) client.release()
  }
})

test('connections that are terminated while idle are replaced, and no process event fires', async () => {
  const storage = on.storage<number>()
  for (let round = 0; round < 5; round++) {
    await storage.push(round)
    await terminate()
  }
  await storage.push(9)
  expect(await on.rows('select from $schema.tasks where queue = $1', [storage.queue])).toHaveLength(6)
})

test('pushes under a storm of terminations are stored exactly once', async () => {
  const storage = on.storage<number>()
  let terminations = 0
  const storm = setInterval(() => void terminate().then(() => (terminations += 1)), 100)
  let created = 0
  let unknown = 0
  try {
    for (let round = 0; terminations < 5; round++) {
      await storage.push(round).then(
        (receipt) => (created += receipt.outcome === 'created' ? 1 : 0),
        () => (unknown += 1),
      )
    }
  } finally {
    clearInterval(storm)
  }
  expect(terminations).toBeGreaterThan(1)
  const stored = (await on.rows('select from $schema.tasks where queue = $1', [storage.queue])).length
  expect(stored).toBeGreaterThanOrEqual(created)
  expect(stored).toBeLessThanOrEqual(created + unknown)
})

test('after close every call says so and the connections are gone', async () => {
  const storage = on.storage<number>()
  await storage.push(1)
  await storage.close()
  await storage.close()
  await expect(storage.push(2)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await expect(storage.backend.sweep()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await expect(storage.waitFor('01890a5d-ac96-774b-bcce-b302099a8057')).rejects.toMatchObject({
    code: 'ERR_CLOSED',
  })
})
