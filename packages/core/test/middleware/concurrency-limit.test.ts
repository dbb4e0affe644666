import { describe, expect, test } from 'vitest'
import type { LimitRequest } from '../../src/backend/control.ts'
import { QError } from '../../src/error.ts'
import { concurrencyLimit } from '../../src/middleware/concurrency-limit.ts'
import { MemoryBackend } from '../../src/memory/index.ts'
import { Storage } from '../../src/storage/storage.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'
import { failure } from '../failure.ts'
import { gate, scene } from '../worker/scene.ts'
import { end, run } from './one.ts'

describe('in one process', () => {
  test('no more than the limit run at once, and no more are claimed', async () => {
    let most = 0
    let now = 0
    const ran = await run(
      [concurrencyLimit({ limit: 3 })],
      async (_n, ctx) => {
        most = Math.max(most, (now += 1))
        await new Promise<void>((resolve) => void ctx.clock.after(1_000, resolve))
        now -= 1
      },
      { count: 12, concurrency: 10 },
    )
    await ran.it.clock.pass(5_000)
    expect(most).toBe(3)
    expect(await ran.statuses()).toBe(Array(12).fill('done/1').join(' '))
    expect(ran.it.of('task-end').filter(({ outcome }) => outcome !== 'done')).toEqual([])
    await end(ran)
  })

  test('workers that are given the same one share it', async () => {
    const shared = concurrencyLimit({ limit: 2 })
    const opened = gate()
    let now = 0
    const handler = async (): Promise<void> => {
      now += 1
      await opened.promise
      now -= 1
    }
    const a = await run([shared], handler, { count: 5 })
    const b = await run([shared], handler, { count: 5 })
    await b.it.clock.pass(3_000)
    expect([a.worker.taskCount, b.worker.taskCount, now]).toEqual([2, 0, 2])
    opened.open()
    await a.it.clock.pass(3_000)
    await b.it.clock.pass(3_000)
    expect(await b.statuses()).toBe(Array(5).fill('done/1').join(' '))
    await end(a)
    await end(b)
  })

  test('tasks with one key wait for each other only, deferred with their attempt given back', async () => {
    const opened = gate()
    const seen: number[] = []
    const ran = await run(
      [concurrencyLimit<number>({ limit: 1, key: (n) => (n % 2 === 0 ? 'even' : 'odd'), retryAfter: '2s' })],
      async (n) => {
        seen.push(n)
        await opened.promise
      },
      { count: 4 },
    )
    expect(seen).toEqual([0, 1])
    expect(await ran.statuses()).toBe('queued/1 queued/1 pending/0 pending/0')
    opened.open()
    await ran.it.clock.pass(3_000)
    expect(await ran.statuses()).toBe('done/1 done/1 done/1 done/1')
    await end(ran)
  })

  test('a handler that ignores its timeout gives its place back', async () => {
    const it = scene()
    const [, second] = await it.push(2)
    const worker = it.builder
      .timeout('1s')
      .use(concurrencyLimit({ limit: 1 }))
      .build((n) => (n === 0 ? new Promise(() => undefined) : 'ran'))
    await worker.start()
    await it.clock.pass(1_500)
    expect(await it.status(second!)).toBe('done/1')
    void worker.stop({ timeout: 0 }).catch(() => undefined)
    await it.clock.pass(5_000)
  })

  test.each([
    ['returns nothing', () => undefined as unknown as string],
    ['returns an endless text', () => 'x'.repeat(201)],
    [
      'throws',
      () => {
        throw new Error('no key')
      },
    ],
  ])('a key function that %s fails the attempt', async (_name, key) => {
    const ran = await run([concurrencyLimit({ limit: 1, key })], () => 1)
    expect(await ran.statuses()).toBe('failed/1')
    await end(ran)
  })
})

/** A scene whose backend answers wishes for room as it is told. */
function sharing(answer: (requests: readonly LimitRequest[]) => readonly { granted: boolean; retryAfterMs: number }[]) {
  return scene(() =>
    Object.assign({}, { acquire: async (requests: readonly LimitRequest[]) => answer(requests) } as object),
  )
}

describe('across the cluster', () => {
  test('asks the store for a place under the claim, all at the same time in one call', async () => {
    const calls: (readonly LimitRequest[])[] = []
    const it = sharing((requests) => {
      calls.push(requests)
      return requests.map(() => ({ granted: true, retryAfterMs: 0 }))
    })
    const ran = await run([concurrencyLimit({ limit: 5, across: 'cluster' })], () => 1, { it, count: 3 })
    expect(await ran.statuses()).toBe('done/1 done/1 done/1')
    expect(calls).toHaveLength(1)
    expect(calls[0]).toMatchObject(ran.ids.map((id) => ({ kind: 'concurrency', key: 'queue:numbers', limit: 5, id })))
    expect(calls[0]!.every((each) => each.kind === 'concurrency' && each.token.length > 0)).toBe(true)
    await end(ran)
  })

  test('a task without room is deferred for about as long as the store proposes', async () => {
    let room = false
    const it = sharing((requests) => requests.map(() => ({ granted: room, retryAfterMs: room ? 0 : 10_000 })))
    const ran = await run([concurrencyLimit({ limit: 1, across: 'cluster', key: 'x' })], () => 1, { it })
    expect(await ran.statuses()).toBe('pending/0')
    room = true
    await it.clock.pass(7_000)
    expect(await ran.statuses()).toBe('pending/0')
    await it.clock.pass(6_000)
    expect(await ran.statuses()).toBe('done/1')
    await end(ran)
  })

  test('a store that is away puts the task off, one that refuses fails the attempt', async () => {
    const errors = [new QError('ERR_BACKEND_UNAVAILABLE', 'away'), new QError('ERR_BACKEND', 'no such table')]
    const it = sharing(() => {
      throw errors[0]
    })
    const ran = await run([concurrencyLimit({ limit: 1, across: 'cluster' })], () => 1, { it })
    expect(await ran.statuses()).toBe('pending/0')
    errors.shift()
    await it.clock.pass(1_500)
    expect(await ran.statuses()).toBe('failed/1')
    await end(ran)
  })

  test('workers that share nothing but the store keep it together', async () => {
    const it = scene()
    let most = 0
    let now = 0
    const workers = [1, 2, 3].map(() =>
      it.builder.use(concurrencyLimit({ limit: 2, across: 'cluster' })).build(async (_n, ctx) => {
        most = Math.max(most, (now += 1))
        await new Promise<void>((resolve) => void ctx.clock.after(500, resolve))
        now -= 1
      }),
    )
    const ids = await it.push(9)
    await Promise.all(workers.map((worker) => worker.start()))
    await it.clock.pass(20_000)
    expect(most).toBe(2)
    expect(new Set(await Promise.all(ids.map((id) => it.status(id))))).toEqual(new Set(['done/1']))
    await Promise.all(workers.map((worker) => worker.stop()))
  })

  test('does not build on a backend without shared limits', () => {
    const backend = new Proxy(new MemoryBackend(), {
      get: (target, name) => (name === 'acquire' ? undefined : Reflect.get(target, name, target)),
    })
    const builder = new WorkerBuilder('w')
      .backend(new Storage<number>(backend, { queue: 'numbers' }))
      .use(concurrencyLimit({ limit: 1, across: 'cluster' }))
    expect(failure('ERR_NOT_SUPPORTED', () => builder.build(() => 1)).message).toContain('acquire')
  })
})

test.each<[any, string]>([
  [{ limit: 0 }, 'limit must be a whole number from 1 to 1000000, got 0'],
  [{ limit: 1.5 }, 'limit must be a whole number'],
  [{}, 'limit must be a whole number from 1 to 1000000, got undefined'],
  [{ limit: 1, acros: 'cluster' }, 'did you mean "across"?'],
  [{ limit: 1, across: 'world' }, 'across must be "process" or "cluster", got "world"'],
  [{ limit: 1, key: '' }, 'key must be 1 to 200 characters'],
  [{ limit: 1, key: 7 }, 'key must be'],
])('%j is refused', (options, message) => {
  expect(failure('ERR_OPTION', () => concurrencyLimit(options)).message).toContain(message)
})
