import type { ClaimedTask, Settlement } from '@q/core'
import { uuidv7 } from '@q/core'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

const done = (task: ClaimedTask): Settlement => ({
  id: task.id,
  token: task.token,
  kind: 'done',
  result: null,
})

test('eight claimers on connections of their own never share a task and leave none', async () => {
  const queue = `race-${uuidv7()}`
  const storages = Array.from({ length: 8 }, () => on.storage<number>({ queue }))
  await storages[0]!.pushAll(Array.from({ length: 4_000 }, (_, n) => n))
  const claimed = await Promise.all(
    storages.map(async (storage, index) => {
      const instance = await instanceOf(storage as never)
      const ids: string[] = []
      for (;;) {
        const { tasks } = await storage.backend.claim({
          instance,
          queues: [{ queue, limit: 7 + 13 * index }],
        })
        if (tasks.length === 0) return ids
        ids.push(...tasks.map((task) => task.id))
        expect(new Set(await storage.backend.settle(tasks.map(done)))).toEqual(new Set(['applied']))
      }
    }),
  )
  expect(claimed.flat()).toHaveLength(4_000)
  expect(new Set(claimed.flat()).size).toBe(4_000)
  expect(await on.rows('select from $schema.claim')).toHaveLength(0)
})

test('the same settlements sent ten times at once are applied once', async () => {
  const storage = on.storage<number>()
  await storage.pushAll(Array.from({ length: 50 }, (_, n) => n))
  const instance = await instanceOf(storage as never)
  const { tasks } = await storage.backend.claim({
    instance,
    queues: [{ queue: storage.queue, limit: 50 }],
  })
  const settlements = tasks.map(done)
  const senders = Array.from({ length: 10 }, () => on.storage<number>({ queue: storage.queue }))
  const answers = await Promise.all(
    senders.map((sender) => sender.backend.settle([...settlements].sort(() => Math.random() - 0.5))),
  )
  const all = answers.flat()
  expect(all.filter((answer) => answer === 'applied')).toHaveLength(50)
  expect(all.filter((answer) => answer === 'already')).toHaveLength(450)
})

test('four sweepers take back each task of a dead instance once', async () => {
  const storage = on.storage<number>()
  await storage.pushAll(Array.from({ length: 300 }, (_, n) => n))
  const instance = await instanceOf(storage as never)
  for (let at = 0; at < 3; at++)
    await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: 100 }] })
  await on.rows(`update $schema.instance set lease_until = clock_timestamp() - interval '1 second' where id = $1`, [
    instance,
  ])
  const sweepers = Array.from({ length: 4 }, () => on.storage<number>({ queue: storage.queue }))
  const reports = await Promise.all(sweepers.map((sweeper) => sweeper.backend.sweep()))
  expect(reports.reduce((sum, report) => sum + report.recovered, 0)).toBe(300)
  expect(
    await on.rows('select crashes, count(*)::int from $schema.tasks where queue = $1 group by 1', [storage.queue]),
  ).toEqual([{ crashes: 1, count: 300 }])
})

test('twenty producers with the same key make one task', async () => {
  const queue = `key-${uuidv7()}`
  const producers = Array.from({ length: 20 }, () => on.storage<number>({ queue }))
  const receipts = await Promise.all(producers.map((producer) => producer.push(7, { key: 'once' })))
  expect(receipts.filter((receipt) => receipt.outcome === 'created')).toHaveLength(1)
  expect(new Set(receipts.map((receipt) => receipt.id)).size).toBe(1)
})

test('of tasks cancelled while eight workers claim, fail and retry them, none is run after its cancel returned', async () => {
  const queue = `cancel-${uuidv7()}`
  const storages = Array.from({ length: 8 }, () => on.storage<number>({ queue }))
  const receipts = await storages[0]!.pushBulk(Array.from({ length: 300 }, (_, n) => n))
  const cancelled = new Set<string>()
  let cancelling = true
  const late: string[] = []
  const work = async (storage: (typeof storages)[number]): Promise<void> => {
    const instance = await instanceOf(storage as never)
    while (cancelling) {
      const before = new Set(cancelled)
      const { tasks } = await storage.backend.claim({ instance, queues: [{ queue, limit: 20 }] })
      late.push(...tasks.map(({ id }) => id).filter((id) => before.has(id)))
      await storage.backend.settle(
        tasks.map(({ id, token }, n) =>
          n % 2 === 0
            ? { id, token, kind: 'released' }
            : { id, token, kind: 'failed', error: { name: 'Error', message: 'boom' }, retryAfterMs: 0 },
        ),
      )
    }
  }
  const cancel = async (): Promise<void> => {
    const ids = receipts.map(({ id }) => id).sort(() => Math.random() - 0.5)
    for (let at = 0; at < ids.length; at += 10) {
      const batch = ids.slice(at, at + 10)
      const answers = await storages[at % 8]!.backend.cancel(batch, 'enough')
      for (const [index, answer] of answers.entries()) {
        expect(['cancelled', 'cancelling']).toContain(answer)
        // What is held goes on until it is settled, and is never handed out again: only that is looked for.
        if (answer === 'cancelled') cancelled.add(batch[index]!)
      }
    }
    cancelling = false
  }
  await Promise.all([...storages.map(work), cancel()])
  expect(late).toEqual([])
  expect(
    await on.rows(
      `select status, error->>'message' as why, count(*)::int as n from $schema.tasks where queue = $1 group by 1, 2`,
      [queue],
    ),
  ).toEqual([{ status: 'cancelled', why: 'enough', n: 300 }])
  expect(await on.rows('select from $schema.cancellation')).toEqual([])
})

test('sixteen connections that push the same unique keys in any order make one task of each', async () => {
  const queue = `unique-${uuidv7()}`
  const producers = Array.from({ length: 16 }, () => on.storage<number>({ queue }))
  const push = (storage: (typeof producers)[number], key: string) =>
    storage.backend.push([
      {
        id: uuidv7(),
        queue,
        payload: { codec: 'json', bytes: new TextEncoder().encode('1') },
        priority: 0,
        due: { afterMs: 0 },
        maxAttempts: null,
        key: null,
        metadata: null,
        unique: { key, while: 'unfinished', windowMs: 0, otherwise: 'keep' },
      },
    ])
  const keys = Array.from({ length: 10 }, (_, n) => `u${n}`)
  const receipts = await Promise.all(
    producers.flatMap((storage) => [...keys].sort(() => Math.random() - 0.5).map((key) => push(storage, key))),
  )
  expect(receipts.flat().filter(({ outcome }) => outcome === 'created')).toHaveLength(10)
  expect(await on.rows('select from $schema.tasks where queue = $1', [queue])).toHaveLength(10)
})

test('removals and pushes that replace never deadlock, whatever order they come in', async () => {
  const queue = `order-${uuidv7()}`
  const { backend } = on.storage<number>({ queue })
  const mixed = <T>(list: readonly T[]): T[] => [...list].sort(() => Math.random() - 0.5)
  const task = (key: string) => ({
    id: uuidv7(),
    queue,
    payload: { codec: 'json', bytes: new TextEncoder().encode('1') },
    priority: 0,
    due: { afterMs: 0 },
    maxAttempts: null,
    key: null,
    metadata: null,
    unique: { key, while: 'unfinished', windowMs: 0, otherwise: 'replace' } as const,
  })
  const keys = ['a', 'B', 'c', 'D', 'e', 'F', '-1', '_2', ' 3', '4', 'z', 'Z']
  const codes: unknown[] = []
  // Each statement as it is, without the tries of the engine's own connections.
  const loop = async (once: (tx: pg.PoolClient) => Promise<unknown>): Promise<void> => {
    const tx = await on.pool.connect()
    try {
      for (let round = 0; round < 100; round++)
        await once(tx).catch((error: unknown) => {
          const { code } = ((error as Error).cause ?? error) as { readonly code?: unknown }
          // Seen too late: it is tried again.
          if (code !== '40001') codes.push(code)
        })
    } finally {
      tx.release()
    }
  }
  const some = `select t.id from $schema.task t join $schema.lane l on l.id = t.lane where l.queue = $1 order by random() limit 12`
  await Promise.all([
    ...[1, 2, 3, 4].map(() => loop((tx) => backend.push(mixed(keys).map(task), { tx }))),
    ...[1, 2, 3, 4].map(() =>
      loop(async (tx) => {
        const ids = (await on.rows<{ id: string }>(some, [queue])).map(({ id }) => id).sort()
        await tx.query(`select * from "${on.schema}".remove_tasks($1)`, [ids])
      }),
    ),
  ])
  expect(codes).toEqual([])
}, 60_000)
