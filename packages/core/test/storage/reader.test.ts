import { describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/id.ts'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'
import type { ListFilter } from '../../src/storage/filter.ts'
import type { MetricsOptions } from '../../src/storage/statistics.ts'
import { failure, rejection } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'
import { error, holder } from './held.ts'

const MINUTE = 60_000

function scene() {
  const clock = new ManualClock()
  const backend = new MemoryBackend({ clock })
  return { clock, backend, storage: new MemoryStorage<number>({ backend, queue: 'numbers' }) }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('tasks', () => {
  test('of another queue are not found', async () => {
    const { backend, storage } = scene()
    const { id } = await new MemoryStorage<string>({ backend, queue: 'words' }).push('x')
    expect(await storage.fetchById(id)).toBeNull()
    expect(await storage.checkStatus([id])).toEqual(['unknown'])
    expect((await storage.list()).items).toEqual([])
    expect(await storage.count()).toMatchObject({ value: 0 })
  })

  test('are listed page by page, each once, with their args', async () => {
    const { storage } = scene()
    await storage.pushBulk([1, 2, 3, 4, 5])
    const args: number[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof storage.list>> = await storage.list(
        {},
        { limit: 2, ...(cursor === null ? {} : { cursor }) },
      )
      args.push(...page.items.map((item) => item.args))
      cursor = page.next
    } while (cursor !== null)
    expect(args).toEqual([1, 2, 3, 4, 5])
  })

  test('are filtered by status and by when they were pushed', async () => {
    const { storage, clock } = scene()
    await storage.push(1)
    clock.advance(MINUTE)
    await storage.push(2, { runAfter: '1h' })
    const argsOf = async (filter: ListFilter): Promise<number[]> =>
      (await storage.list(filter)).items.map((item) => item.args)
    expect(await argsOf({ status: 'scheduled' })).toEqual([2])
    expect(await argsOf({ createdTo: new Date(clock.now()) })).toEqual([1])
    expect(await argsOf({ createdFrom: clock.now() })).toEqual([2])
    expect(await storage.count({ status: 'pending' })).toEqual({ value: 2, kind: 'exact' })
  })

  test('that cannot be decoded are listed all the same, and say so when they are read', async () => {
    const { backend, storage } = scene()
    await storage.push(1)
    const codec = { tag: 'other', encode: () => Uint8Array.of(1), decode: () => 1 }
    await new MemoryStorage<number>({ backend, queue: 'numbers', codec }).push(2)
    const { items } = await storage.list()
    expect(items).toHaveLength(2)
    expect(items[0]?.args).toBe(1)
    expect(failure('ERR_DECODE', () => items[1]?.args).message).toContain('stored with codec "other"')
  })

  test('are decoded once, when somebody looks', async () => {
    let decoded = 0
    const codec = {
      tag: 'counting',
      encode: () => Uint8Array.of(1),
      decode: () => {
        decoded++
        return { n: 1 }
      },
    }
    const storage = new MemoryStorage<{ n: number }>({ codec })
    const { id } = await storage.push({ n: 1 })
    const stored = await storage.fetchById(id)
    expect(decoded).toBe(0)
    expect(stored?.args).toBe(stored?.args)
    expect(decoded).toBe(1)
  })

  test.each<[object, object, string]>([
    [{ status: 'finished' }, {}, 'list: status must be one of pending, queued'],
    [{ state: 'done' }, {}, 'list: unknown option "state"'],
    [{ fingerprint: 5 }, {}, 'fingerprint must be a string'],
    [{ createdFrom: 1_767_225_600 }, {}, 'list: createdFrom is milliseconds'],
    [{}, { limit: 0 }, 'list: limit must be a whole number from 1 to 200, got 0'],
    [{}, { limit: 201 }, 'limit must be'],
    [{}, { cursor: 5 }, 'cursor must be the "next"'],
    [{}, { offset: 5 }, 'list: unknown option "offset"'],
  ])('are not listed for %j %j', async (filter, page, message) => {
    expect((await rejection('ERR_OPTION', scene().storage.list(filter, page))).message).toContain(message)
  })
})

test('attempts, error groups and workers are those of the queue', async () => {
  const { backend, storage } = scene()
  const { claim, instance } = await holder(backend, 'numbers')
  const { id } = await storage.push(1)
  for (let n = 0; n < 2; n++) {
    const { token } = await claim()
    await backend.settle([{ id, token, kind: 'failed', error, retryAfterMs: 0, ranMs: 5 }])
  }
  expect(await storage.attempts(id)).toMatchObject([
    { attempt: 1, result: 'failed', worker: 'holder', instance, ranMs: 5 },
    { attempt: 2, result: 'failed' },
  ])
  expect((await storage.errorGroups()).items).toMatchObject([{ message: 'card declined', count: 2, sample: id }])
  expect((await storage.list({ fingerprint: 'f1' })).items).toHaveLength(1)
  expect((await storage.workers({ limit: 1 })).items).toMatchObject([{ instance, state: 'alive' }])
  await rejection('ERR_OPTION', storage.workers({ limit: 0 }))
})

test('logs gives the lines in order over any number of pages, and after a given one', async () => {
  const { backend, storage } = scene()
  const { claim } = await holder(backend, 'numbers')
  const { id } = await storage.push(1)
  const { token } = await claim()
  const line = { attempt: 1, level: 'info', fields: null, at: 0 } as const
  const lines = Array.from({ length: 450 }, (_, n) => ({ ...line, message: `line ${n}` }))
  await backend.report([{ id, token, lines }])
  const read = await collect(storage.logs(id))
  expect(read.map(({ message }) => message)).toEqual(lines.map(({ message }) => message))
  const rest = await collect(storage.logs(id, { after: read[447]!.seq }))
  expect(rest.map(({ message }) => message)).toEqual(['line 448', 'line 449'])
  expect(await collect(storage.logs(uuidv7()))).toEqual([])
  failure('ERR_OPTION', () => storage.logs(id, { folow: true } as object))
})

test('lines are given with what the handler gave besides the message, as it gave it', async () => {
  const { backend, storage } = scene()
  const { claim } = await holder(backend, 'numbers')
  const { id } = await storage.push(1)
  const { token } = await claim()
  const texts = ['{"to":"ada","n":[1]}', null, '[1]', '{"cut']
  const lines = texts.map((fields) => ({ attempt: 1, level: 'info', message: 'x', fields, at: 0 }) as const)
  await backend.report([{ id, token, lines }])
  await backend.settle([{ id, token, kind: 'done', result: null }])
  const fields = [{ to: 'ada', n: [1] }, undefined, { text: '[1]' }, { text: '{"cut' }]
  expect((await collect(storage.logs(id))).map((line) => line.fields)).toEqual(fields)
  const clock = new AbortController()
  const watched: unknown[] = []
  for await (const event of storage.watch(id, { signal: clock.signal })) {
    if (event.type === 'log') watched.push(event.line.fields)
    if (watched.length === fields.length) clock.abort()
  }
  expect(watched).toEqual(fields)
})

test('events tells what happens to tasks of the queue until its signal aborts', async () => {
  const { backend, storage } = scene()
  const { claim } = await holder(backend, 'numbers')
  const over = new AbortController()
  const stream = storage.events({ signal: over.signal })[Symbol.asyncIterator]()
  const first = stream.next()
  const { id } = await storage.push(1)
  const { token } = await claim()
  const other = new MemoryStorage<string>({ backend, queue: 'words' })
  await other.cancel((await other.push('x')).id)
  await backend.settle([{ id, token, kind: 'done', result: null }])
  expect((await first).value).toMatchObject({ id, queue: 'numbers', type: 'done' })
  const second = stream.next()
  over.abort()
  expect(await second).toEqual({ done: true, value: undefined })
  failure('ERR_OPTION', () => storage.events({ from: 'x' } as object))
})

describe('waitForMany', () => {
  test('tells each task as it ends, failures as values', async () => {
    const { backend, storage } = scene()
    const { claim } = await holder(backend, 'numbers')
    const receipts = await storage.pushBulk([1, 2])
    const waited = collect(storage.waitForMany(receipts.map(({ id }) => id)))
    const [first, second] = [await claim(), await claim()]
    await backend.settle([{ id: second.id, token: second.token, kind: 'killed', error }])
    await backend.settle([{ id: first.id, token: first.token, kind: 'done', result: first.payload }])
    const ended = await waited
    expect(ended.map(({ id, status }) => [id, status])).toEqual([
      [second.id, 'killed'],
      [first.id, 'done'],
    ])
    expect(ended[1]).toMatchObject({ result: 1 })
    expect(ended[0]).toMatchObject({ error: { message: 'card declined' } })
  })

  test('refuses options and ids that are none', async () => {
    const { storage } = scene()
    await rejection('ERR_TASK_ID', collect(storage.waitForMany(['x'])))
    await rejection('ERR_OPTION', storage.waitFor(uuidv7(), { timeut: 1 } as object))
    await rejection('ERR_DURATION', storage.waitFor(uuidv7(), { timeout: -1 }))
  })
})

describe('figures', () => {
  test('metrics and moments go by the wall clock: what was pushed after the machine slept is found there', async () => {
    const { clock, storage } = scene()
    const later = await storage.push(1, { runAt: clock.wall() + 3_600_000 })
    clock.suspend(3_600_000)
    const { id } = await storage.push(2)
    expect(await storage.fetchById(id)).toMatchObject({ createdAt: clock.wall() })
    expect((await storage.list({ status: 'scheduled' })).items).toEqual([])
    expect(later.outcome).toBe('created')
    const { totals } = await storage.metrics({ from: clock.wall() - 60_000, to: clock.wall() + 60_000 })
    expect(totals.pushed).toBe(1)
    expect((await storage.metrics({ last: '2h' })).totals.pushed).toBe(2)
  })

  test('metrics gives a series and its sums', async () => {
    const { backend, storage, clock } = scene()
    const { claim } = await holder(backend, 'numbers')
    await storage.pushBulk([1, 2, 3])
    clock.advance(MINUTE)
    for (const kind of ['done', 'done', 'killed'] as const) {
      const { id, token } = await claim()
      const base = { id, token, ranMs: 100 }
      await backend.settle([kind === 'done' ? { ...base, kind, result: null } : { ...base, kind, error }])
    }
    const { step, points, totals } = await storage.metrics({ last: '10m' })
    expect([step, points.length]).toEqual(['minute', 10])
    expect(points.map(({ at }) => at)).toEqual(points.map((_, n) => points[0]!.at + n * MINUTE))
    expect(totals).toMatchObject({ pushed: 3, done: 2, killed: 1, failed: 0, finished: 3, successRate: 2 / 3 })
    expect(totals.ran.p50).toBeGreaterThan(64)
    expect(totals.ran.p99).toBeLessThanOrEqual(128)
    expect(totals.waited.p50).toBeGreaterThan(32_000)
    const none = await storage.metrics({ from: clock.now() - 90 * 86_400_000, to: clock.now() - 80 * 86_400_000 })
    expect(none).toMatchObject({ step: 'day', totals: { finished: 0, successRate: null, ran: { p50: null } } })
  })

  test('statistics says how the queue stands and how it went', async () => {
    const { backend, storage, clock } = scene()
    const { claim } = await holder(backend, 'numbers')
    await storage.pushBulk([1, 2, 3, 4])
    await storage.push(5, { runAfter: '1h' })
    for (const kind of ['done', 'killed'] as const) {
      const { id, token } = await claim()
      await backend.settle([kind === 'done' ? { id, token, kind, result: null } : { id, token, kind, error }])
    }
    await claim()
    clock.advance(5_000)
    expect(await storage.statistics()).toMatchObject({
      queue: 'numbers',
      unfinished: 3,
      held: 1,
      backlog: 1,
      total: 5,
      successRate: 0.5,
      workers: 1,
      pastHour: { pushed: 5, done: 1, killed: 1, finished: 2 },
      past24h: { finished: 2 },
      past7d: { finished: 2 },
      today: { finished: 2, killed: 1 },
      rate: { perMinute: 2 / 60, perHour: 2 / 24, perDay: 2 / 7 },
      peakHour: { at: Math.floor(clock.now() / 3_600_000) * 3_600_000, finished: 2 },
      oldestDueMs: 5_000,
    })
  })

  test('a queue that never had a task has figures too', async () => {
    expect(await scene().storage.statistics()).toMatchObject({
      total: 0,
      successRate: null,
      peakHour: null,
      activity: [0, 0, 0, 0, 0, 0, 0],
    })
  })

  test.each<[MetricsOptions & Record<string, unknown>, string]>([
    [{ step: 'week' as 'day' }, 'step must be "minute", "hour" or "day", got "week"'],
    [{ last: '1h', to: new Date() }, 'give either last'],
    [{ from: new Date(Date.UTC(2030, 0, 1)), to: new Date(Date.UTC(2029, 0, 1)) }, 'from must lie before to'],
    [{ last: '30d', step: 'minute' }, 'more than 1500 points'],
    [{ since: 1 }, 'unknown option "since"'],
  ])('metrics refuses %j', async (options, message) => {
    expect((await rejection('ERR_OPTION', scene().storage.metrics(options))).message).toContain(message)
  })
})
