/** What a process remembers of lanes may be wrong, or older than the snapshot of a transaction: no task is lost by it. */
import type { NewTask } from '@q/core'
import { uuidv7 } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

const taskIn = (queue: string, more: Partial<NewTask> = {}): NewTask => ({
  id: uuidv7(),
  queue,
  payload: { codec: 'json', bytes: new TextEncoder().encode('1') },
  priority: 0,
  due: { afterMs: 0 },
  maxAttempts: null,
  key: null,
  metadata: null,
  ...more,
})

const queuesOf = async (schema: string): Promise<string[]> =>
  (await on.pool.query<{ queue: string }>(`select distinct queue from "${schema}".tasks order by 1`)).rows.map(
    ({ queue }) => queue,
  )

describe('a schema that was dropped and made anew', () => {
  test.each([
    ['plain', {}],
    ['keyed', { key: 'k' }],
    ['unique', { unique: { key: 'u', while: 'unfinished', windowMs: 0, otherwise: 'keep' } }],
  ] as const)('takes %s pushes of old processes into their own queues', async (_, more) => {
    const schema = `${on.schema}_again`
    await PostgresStorage.setup(on.pool, { schema })
    const { backend } = on.storage<number>({ schema })
    await backend.push([taskIn('mine')])
    await on.pool.query(`drop schema "${schema}" cascade`)
    await PostgresStorage.setup(on.pool, { schema })
    await on.storage<number>({ schema }).backend.push([taskIn('theirs')])
    const task = taskIn('mine', more)
    expect(await backend.push([task])).toEqual([{ id: task.id, outcome: 'created' }])
    expect(await queuesOf(schema)).toEqual(['mine', 'theirs'])
    await on.pool.query(`drop schema "${schema}" cascade`)
  })

  test('takes follow-on tasks of old processes into their own queues', async () => {
    const schema = `${on.schema}_again`
    await PostgresStorage.setup(on.pool, { schema })
    const old = on.storage<number>({ schema, queue: 'mine' })
    await old.backend.push([taskIn('mine'), taskIn('next')])
    await on.pool.query(`drop schema "${schema}" cascade`)
    await PostgresStorage.setup(on.pool, { schema })
    for (const queue of ['other', 'another', 'mine']) await on.storage<number>({ schema }).backend.push([taskIn(queue)])
    const instance = await instanceOf(old as never)
    const { tasks } = await old.backend.claim({ instance, queues: [{ queue: 'mine', limit: 1 }] })
    const { id, token } = tasks[0]!
    const follow = [taskIn('next')]
    expect(await old.backend.settle([{ id, token, kind: 'done', result: null, follow }])).toEqual(['applied'])
    expect(await queuesOf(schema)).toEqual(['another', 'mine', 'next', 'other'])
    await on.pool.query(`drop schema "${schema}" cascade`)
  })
})

describe.each(['repeatable read', 'serializable'])('in a %s transaction that is older than a queue', (isolation) => {
  test.each([
    ['a plain push', {}, false],
    ['a push with a key', { key: 'k' }, false],
    ['a plain push of a process that knew the queue', {}, true],
    ['a push with a key of a process that knew the queue', { key: 'k' }, true],
  ] as const)('%s is stored', async (_, more, known) => {
    const { backend } = on.storage<number>()
    const client = await on.pool.connect()
    await client.query(`begin isolation level ${isolation}`)
    await client.query('select 1 from pg_class limit 1')
    const queue = `late-${uuidv7()}`
    if (known) await backend.push([taskIn(queue)])
    const task = taskIn(queue, more)
    expect(await backend.push([task], { tx: client })).toEqual([{ id: task.id, outcome: 'created' }])
    await client.query('commit')
    client.release()
    expect(await on.rows('select id from $schema.tasks where id = $1', [task.id])).toHaveLength(1)
  })

  test('a follow-on task with a key is stored', async () => {
    const storage = on.storage<number>()
    const instance = await instanceOf(storage as never)
    await storage.push(1)
    const { tasks } = await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: 1 }] })
    const { id, token } = tasks[0]!
    const client = await on.pool.connect()
    await client.query(`begin isolation level ${isolation}`)
    await client.query('select 1 from pg_class limit 1')
    const follow = [taskIn(`late-${uuidv7()}`, { key: 'k' })]
    expect(await storage.backend.settle([{ id, token, kind: 'done', result: null, follow }], { tx: client })).toEqual([
      'applied',
    ])
    await client.query('commit')
    client.release()
    expect(await on.rows('select id from $schema.tasks where id = $1', [follow[0]!.id])).toHaveLength(1)
  })
})
