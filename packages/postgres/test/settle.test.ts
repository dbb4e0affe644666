/** Settlements that meet somebody else at the rows of their tasks. */
import type { ClaimedTask, NewTask, Settlement } from '@q/core'
import { uuidv7 } from '@q/core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

const done = ({ id, token }: ClaimedTask): Settlement => ({ id, token, kind: 'done', result: null })
const failed = ({ id, token }: ClaimedTask): Settlement => ({
  id,
  token,
  kind: 'failed',
  error: { name: 'Error', message: 'boom' },
  retryAfterMs: 3_600_000,
})
const cancelledBy = ({ id, token }: ClaimedTask): Settlement => ({ id, token, kind: 'cancelled' })
const plain = (queue: string): NewTask => ({
  id: uuidv7(),
  queue,
  payload: { codec: 'json', bytes: new TextEncoder().encode('1') },
  priority: 0,
  due: { afterMs: 0 },
  maxAttempts: null,
  key: null,
  metadata: null,
})

test.each([
  ['alone', (tasks: readonly ClaimedTask[]) => [cancelledBy(tasks[0]!)]],
  ['with others that end', (tasks: readonly ClaimedTask[]) => [cancelledBy(tasks[0]!), done(tasks[1]!)]],
  ['with others that do not', (tasks: readonly ClaimedTask[]) => [cancelledBy(tasks[0]!), failed(tasks[1]!)]],
])('a settlement as cancelled, %s, that waits for a cancel keeps its reason', async (_, of) => {
  const { backend, queue } = on.storage<number>()
  await backend.push([1, 2].map(() => plain(queue)))
  const instance = uuidv7()
  await backend.register({ instance, name: 'test', queues: [queue], leaseMs: 60_000 })
  const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 2 }] })
  const asks = await on.pool.connect()
  try {
    await asks.query('begin')
    await asks.query(`select * from "${on.schema}".cancel(array[$1::uuid], '{"name": "E", "message": "asked for"}')`, [
      tasks[0]!.id,
    ])
    const settled = backend.settle(of(tasks))
    await vi.waitFor(async () =>
      expect(await on.rows(`select from pg_locks where not granted and pid <> pg_backend_pid()`)).not.toEqual([]),
    )
    await asks.query('commit')
    expect(new Set(await settled)).toEqual(new Set(['applied']))
  } finally {
    asks.release()
  }
  expect(
    await on.rows(`select status, error->>'message' as why from $schema.tasks where id = $1`, [tasks[0]!.id]),
  ).toEqual([{ status: 'cancelled', why: 'asked for' }])
})

test('settlements that meet beats of the same tasks are applied', async () => {
  const { backend, queue } = on.storage<number>()
  const beats = on.storage<number>({ queue }).backend
  await backend.push(Array.from({ length: 400 }, () => plain(queue)))
  const instance = uuidv7()
  await backend.register({ instance, name: 'test', queues: [queue], leaseMs: 60_000 })
  for (let round = 0; round < 8; round++) {
    const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 50 }] })
    const [answers] = await Promise.all([
      backend.settle(tasks.map((task, n) => (n % 3 === 0 ? failed(task) : done(task)))),
      beats.beat({ instance, leaseMs: 60_000, running: tasks }),
    ])
    expect(new Set(answers)).toEqual(new Set(['applied']))
  }
})
