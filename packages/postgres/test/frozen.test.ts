/** A transaction that is open and does not go on holds up nobody but those who need the very thing that it holds. */
import type { ClaimedTask } from '@q/core'
import { uuidv7 } from '@q/core'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

/** Runs while a transaction is open that has done `first`, and rolls it back. */
async function frozen(first: (tx: pg.PoolClient) => Promise<unknown>, run: () => Promise<void>): Promise<void> {
  const client = await on.pool.connect()
  await client.query('begin')
  try {
    await first(client)
    await run()
  } finally {
    await client.query('rollback')
    client.release()
  }
}

async function held(count: number) {
  const storage = on.storage<number>()
  const instance = await instanceOf(storage as never)
  await storage.pushAll(Array.from({ length: count }, (_, n) => n))
  const { tasks } = await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: count }] })
  return { storage, instance, tasks: tasks as [ClaimedTask, ...ClaimedTask[]] }
}

const done = ({ id, token }: ClaimedTask) => ({ id, token, kind: 'done', result: null }) as const
const expire = (instance: string) =>
  on.rows(`update $schema.instance set lease_until = clock_timestamp() - interval '1 second' where id = $1`, [instance])
const statesOf = async (queue: string): Promise<string[]> =>
  (await on.rows<{ status: string }>('select status from $schema.tasks where queue = $1 order by 1', [queue])).map(
    ({ status }) => status,
  )

test('a sweep takes back what it can of every dead instance, and the rest once it is free', async () => {
  const [one, two] = [await held(3), await held(2)]
  await frozen(
    (tx) => one.storage.backend.settle([done(one.tasks[0])], { tx }),
    async () => {
      await expire(one.instance)
      await expire(two.instance)
      expect(await two.storage.backend.sweep()).toMatchObject({ recovered: 4, more: false })
      expect(await statesOf(one.storage.queue)).toEqual(['failed', 'failed', 'queued'])
      expect(await statesOf(two.storage.queue)).toEqual(['failed', 'failed'])
      expect(await two.storage.backend.sweep()).toMatchObject({ recovered: 0, more: false })
    },
  )
  expect(await one.storage.backend.sweep()).toMatchObject({ instances: 1, recovered: 1 })
  expect(await on.rows('select from $schema.claim where instance = any($1)', [[one.instance, two.instance]])).toEqual(
    [],
  )
})

test('an instance leaves; what is locked is given back later, without a crash', async () => {
  const { storage, instance, tasks } = await held(2)
  await frozen(
    (tx) => storage.backend.settle([done(tasks[0])], { tx }),
    async () => {
      await storage.backend.deregister(instance)
      expect(await statesOf(storage.queue)).toEqual(['pending', 'queued'])
      await expect(
        storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: 1 }] }),
      ).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' })
      expect(await storage.backend.beat({ instance, leaseMs: 5_000, running: [] })).toMatchObject({ lease: 'lost' })
    },
  )
  await storage.backend.sweep()
  expect(await statesOf(storage.queue)).toEqual(['pending', 'pending'])
  expect(await on.rows('select from $schema.instance where id = $1', [instance])).toEqual([])
})

test('a beat shows as running what it can and waits for nothing', async () => {
  const { storage, instance, tasks } = await held(2)
  await frozen(
    (tx) => storage.backend.settle([done(tasks[0])], { tx }),
    async () => {
      expect(await storage.backend.beat({ instance, leaseMs: 5_000, running: tasks })).toEqual({
        lease: 'held',
        lost: [],
      })
      expect(await statesOf(storage.queue)).toEqual(['queued', 'running'])
    },
  )
})

test('a push whose key is held by an open transaction keeps no other push waiting, and gives up naming the key', async () => {
  const storage = on.storage<number>()
  await storage.push(0)
  for (const stuck of [
    { key: 'held' },
    { unique: { key: 'held', while: 'unfinished', windowMs: 0, otherwise: 'keep' } } as const,
  ]) {
    const task = {
      id: uuidv7(),
      queue: storage.queue,
      payload: { codec: 'json', bytes: new TextEncoder().encode('1') },
      priority: 0,
      due: { afterMs: 0 },
      maxAttempts: null,
      key: null,
      metadata: null,
      ...stuck,
    }
    await frozen(
      (tx) => storage.backend.push([task], { tx }),
      async () => {
        const waits = storage.backend.push([{ ...task, id: uuidv7() }])
        waits.catch(() => undefined)
        const others = Array.from({ length: 20 }, (_, n) => storage.push(n))
        let gaveUp = false
        void waits.catch(() => (gaveUp = true))
        await Promise.all(others)
        expect(gaveUp).toBe(false)
        await expect(waits).rejects.toMatchObject({
          code: 'ERR_BACKEND_UNAVAILABLE',
          message: expect.stringContaining('"held"'),
        })
      },
    )
    await expect(storage.backend.push([{ ...task, id: uuidv7() }])).resolves.toMatchObject([{ outcome: 'created' }])
  }
})

test('a settlement of a task that a transaction holds is busy; it holds the others up once, and is applied later', async () => {
  const { storage, tasks } = await held(6)
  const { backend } = storage
  await frozen(
    (tx) => tx.query(`select from "${on.schema}".live where id = $1 for update`, [tasks[1]!.id]),
    async () => {
      const [one, two] = await Promise.all([
        backend.settle(tasks.slice(0, 2).map(done)),
        backend.settle(tasks.slice(2, 4).map(done)),
      ])
      expect([one, two]).toEqual([
        ['applied', 'busy'],
        ['applied', 'applied'],
      ])
      const before = performance.now()
      expect(await backend.settle([tasks[1]!, tasks[4]!].map(done))).toEqual(['busy', 'applied'])
      expect(performance.now() - before).toBeLessThan(900)
    },
  )
  const again = ['already', 'applied', 'already', 'already', 'already', 'applied']
  expect(await backend.settle(tasks.map(done))).toEqual(again)
  expect(await statesOf(storage.queue)).toEqual(Array(6).fill('done'))
})

test('a settlement that waits in the caller’s transaction for a task that another holds says so', async () => {
  const { storage, tasks } = await held(1)
  await frozen(
    (tx) => storage.backend.settle([done(tasks[0])], { tx }),
    () =>
      frozen(
        (tx) =>
          expect(storage.backend.settle([done(tasks[0])], { tx })).rejects.toMatchObject({
            code: 'ERR_BACKEND_UNAVAILABLE',
            message: expect.stringContaining('another transaction'),
          }),
        async () => undefined,
      ),
  )
})

const keyed = (queue: string, key: string) => ({
  id: uuidv7(),
  queue,
  payload: { codec: 'json', bytes: new TextEncoder().encode('1') },
  priority: 0,
  due: { afterMs: 0 },
  maxAttempts: null,
  key,
  metadata: null,
})

test('pushes whose keys a transaction holds give up together, each naming its own; what came with them is stored', async () => {
  const storage = on.storage<number>()
  const keys = Array.from({ length: 16 }, (_, n) => `held ${n}`)
  await storage.push(0)
  await frozen(
    (tx) =>
      storage.backend.push(
        keys.map((key) => keyed(storage.queue, key)),
        { tx },
      ),
    async () => {
      const before = performance.now()
      const waiting = keys.map((key) => storage.backend.push([keyed(storage.queue, key)]))
      const free = storage.backend.push([keyed(storage.queue, 'free')])
      const answers = await Promise.allSettled([...waiting, free])
      expect(performance.now() - before).toBeLessThan(9_000)
      expect(answers.pop()).toMatchObject({ status: 'fulfilled', value: [{ outcome: 'created' }] })
      for (const [n, key] of keys.entries())
        expect(answers[n]).toMatchObject({
          reason: { code: 'ERR_BACKEND_UNAVAILABLE', message: expect.stringContaining(`holds key "${key}"`) },
        })
    },
  )
})

test('a settlement whose follow-on task has a key that a transaction holds is busy, the others are applied', async () => {
  const { storage, tasks } = await held(3)
  const follow = [keyed(storage.queue, 'next')]
  const settlements = [
    { ...done(tasks[0]), follow },
    done(tasks[1]!),
    { ...done(tasks[2]!), follow: [keyed(storage.queue, 'free')] },
  ]
  await frozen(
    (tx) => storage.backend.push([keyed(storage.queue, 'next')], { tx }),
    async () => {
      expect(await storage.backend.settle(settlements)).toEqual(['busy', 'applied', 'applied'])
      expect(await statesOf(storage.queue)).toEqual(['done', 'done', 'pending', 'queued'])
    },
  )
  expect(await storage.backend.settle(settlements)).toEqual(['applied', 'already', 'already'])
  expect(await statesOf(storage.queue)).toEqual(['done', 'done', 'done', 'pending', 'pending'])
})
