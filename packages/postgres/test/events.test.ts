/** The stream of a queue tells each event once, also those whose transaction commits after later ones were told. */
import type { ClaimedTask, Settlement, TaskEvent } from '@q/core'
import type { PostgresBackend } from '@q/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

const done = ({ id, token }: ClaimedTask): Settlement => ({ id, token, kind: 'done', result: null })

async function claimed(count: number) {
  const storage = on.storage<number>()
  await storage.pushAll(Array.from({ length: count }, (_, n) => n))
  const instance = await instanceOf(storage as never)
  const { tasks } = await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: count }] })
  return { backend: storage.backend as PostgresBackend, queue: storage.queue, tasks }
}

/** Reads along in the background. */
function reader(backend: PostgresBackend, queue: string, after?: string) {
  const events: TaskEvent[] = []
  const stop = new AbortController()
  let heard = Promise.withResolvers<void>()
  const stream = backend.events(queue, { signal: stop.signal, ...(after === undefined ? {} : { after }) })
  const ended = (async () => {
    for await (const event of stream) {
      events.push(event)
      heard.resolve()
      heard = Promise.withResolvers<void>()
    }
  })()
  return {
    events,
    ids: () => events.map(({ id }) => id),
    async until(count: number): Promise<void> {
      while (events.length < count) await heard.promise
    },
    async stop(): Promise<void> {
      stop.abort()
      await ended
    },
  }
}

test('what commits after later events were told is told too, once', async () => {
  const { backend, queue, tasks } = await claimed(4)
  const [late, rolledBack, ...prompt] = tasks
  const read = reader(backend, queue)
  const [open, undone] = [await on.pool.connect(), await on.pool.connect()]
  try {
    await open.query('begin')
    await backend.settle([done(late!)], { tx: open })
    await undone.query('begin')
    await backend.settle([done(rolledBack!)], { tx: undone })
    await backend.settle(prompt.map(done))
    await read.until(2)
    expect(read.ids().toSorted()).toEqual(prompt.map(({ id }) => id).toSorted())
    await undone.query('rollback')
    await open.query('commit')
    await read.until(3)
    expect(read.ids()[2]).toBe(late!.id)
    await backend.settle([done(rolledBack!)])
    await read.until(4)
    await read.stop()
    expect(new Set(read.ids()).size).toBe(4)
    expect(read.events[2]!.at).toBeLessThan(read.events[1]!.at)
  } finally {
    open.release()
    undone.release()
  }
})

test('what commits late behind a savepoint is told too', async () => {
  const { backend, queue, tasks } = await claimed(2)
  const read = reader(backend, queue)
  const open = await on.pool.connect()
  try {
    await open.query('begin')
    await open.query('savepoint s')
    await backend.settle([done(tasks[0]!)], { tx: open })
    await open.query('release savepoint s')
    await backend.settle([done(tasks[1]!)])
    await read.until(1)
    await open.query('commit')
    await read.until(2)
    await read.stop()
    expect(read.ids()).toEqual([tasks[1]!.id, tasks[0]!.id])
  } finally {
    open.release()
  }
})

test('a stream that starts while a transaction is open tells nothing from before, whatever the transaction holds up', async () => {
  const { backend, queue, tasks } = await claimed(3)
  const open = await on.pool.connect()
  try {
    await open.query('begin')
    await open.query('select pg_current_xact_id()')
    await backend.settle([done(tasks[0]!), done(tasks[1]!)])
    const read = reader(backend, queue)
    await backend.settle([done(tasks[2]!)])
    await read.until(1)
    await open.query('commit')
    await read.stop()
    expect(read.ids()).toEqual([tasks[2]!.id])
  } finally {
    open.release()
  }
})

test('more than fit one look come in order, and a second reader goes on where the first ended', async () => {
  const { backend, queue, tasks } = await claimed(1_000)
  const first = reader(backend, queue)
  for (let from = 0; from < 1_000; from += 100) await backend.settle(tasks.slice(from, from + 100).map(done))
  await first.until(1_000)
  await first.stop()
  expect(new Set(first.ids()).size).toBe(1_000)
  const at = first.events.map((event) => event.at)
  expect(at).toEqual(at.toSorted((a, b) => a - b))
  const rest = reader(backend, queue, first.events[299]!.cursor)
  await rest.until(700)
  await rest.stop()
  expect(rest.ids()).toEqual(first.ids().slice(300))
})

test('a cursor of another queue or list, and an unknown option, are refused at once', async () => {
  const { backend, queue, tasks } = await claimed(1)
  const read = reader(backend, queue)
  await backend.settle(tasks.map(done))
  await read.until(1)
  await read.stop()
  const { cursor } = read.events[0]!
  for (const make of [
    () => backend.events(`${queue}-other`, { after: cursor }),
    () => backend.events(queue, { after: 'x' }),
    () => backend.events(queue, { afer: cursor } as never),
  ])
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
})

test('a stream ends with its storage', async () => {
  const storage = on.storage<number>()
  const stream = (storage.backend as PostgresBackend).events(storage.queue)
  const ended = expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await storage.close()
  await ended
})
