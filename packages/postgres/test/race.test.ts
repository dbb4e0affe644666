import type { ClaimedTask, Settlement } from '@q/core'
import { uuidv7 } from '@q/core'
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
