import { describe, expect, test } from 'vitest'
import { defineQueue } from '../../src/contract/queue.ts'
import { QError } from '../../src/error.ts'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'
import type { Pushable } from '../../src/storage/producer.ts'
import { Storage } from '../../src/storage/storage.ts'
import { task } from '../../src/task/builder.ts'
import type { NewTask, Receipt } from '../../src/task/task.ts'
import { rejection } from '../failure.ts'

/** Notes how much it stores, and fails at one of its statements. */
class Counting extends MemoryBackend {
  readonly batches: number[] = []
  readonly #failing: number
  readonly #error: unknown
  constructor(failing = 0, error: unknown = new QError('ERR_BACKEND_UNAVAILABLE', 'The database is away.')) {
    super()
    this.#failing = failing
    this.#error = error
  }
  override async push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
    if (this.batches.length + 1 === this.#failing) throw this.#error
    this.batches.push(tasks.length)
    return super.push(tasks)
  }
}

function scene(backend = new Counting()) {
  return { backend, storage: new Storage<unknown, { readonly mine: true }>(backend as never) }
}

/** `bad` is in the place of one of them. */
function numbers(count: number, bad: number, item: unknown = 1n): unknown[] {
  return Array.from({ length: count }, (_, n) => (n === bad ? item : n))
}

async function* streamed<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items
}

async function drained(stream: AsyncIterable<Receipt>): Promise<number> {
  let count = 0
  for await (const _receipt of stream) count += 1
  return count
}

describe('pushBulk', () => {
  test('stores nothing when one item is bad, wherever it is, and names its index', async () => {
    for (const index of [0, 3, 2_345]) {
      const { storage, backend } = scene()
      const error = await rejection('ERR_ENCODE', storage.pushBulk(numbers(2_500, index)))
      expect(error.message).toMatch(new RegExp(`^pushBulk: item ${index}: queue "default".* Nothing was stored\\.$`))
      expect(error.cause).toMatchObject({ code: 'ERR_ENCODE' })
      expect(backend.batches).toEqual([])
    }
  })
  test('begins a sentence after that of a schema', async () => {
    const schema = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'Invalid email address' }] }) },
    } as const
    const storage = new MemoryStorage({ queue: defineQueue('checked', { args: schema }) })
    const error = await rejection('ERR_INVALID', storage.pushBulk([1]))
    expect(error.message).toMatch(/Invalid email address\. Nothing was stored\.$/)
  })

  test('names the index of an item with a wrong option, and of a hole', async () => {
    const { storage, backend } = scene()
    const wrong = await rejection('ERR_OPTION', storage.pushBulk(numbers(3, 2, task(1, { priority: 1e6 }))))
    expect(wrong.message).toContain('pushBulk: item 2: push: priority')
    const holes: unknown[] = [1]
    holes[2] = 3
    expect((await rejection('ERR_ENCODE', storage.pushBulk(holes))).message).toContain('pushBulk: item 1: ')
    expect(backend.batches).toEqual([])
  })
  test('says how much was stored before a statement that failed; of the first one only the error itself', async () => {
    const { storage } = scene(new Counting(3))
    const error = await rejection('ERR_BACKEND_UNAVAILABLE', storage.pushBulk(numbers(2_500, -1)))
    expect(error.message).toBe('pushBulk: The database is away. The first 2000 items were stored, none after them.')
    expect(error.retryable).toBe(true)
    const first = new QError('ERR_BACKEND', 'no')
    expect(await rejection('ERR_BACKEND', scene(new Counting(1, first)).storage.pushBulk([1]))).toBe(first)
  })
  test('takes an array and nothing else', async () => {
    for (const items of [new Set([1]), 'text', undefined, 5]) {
      const { message } = await rejection('ERR_OPTION', scene().storage.pushBulk(items as never))
      expect(message).toContain('pushBulk: takes an array, got')
    }
  })
})

describe('pushAll', () => {
  test('says of a bad item its index and how much was stored before it', async () => {
    for (const [items, stored] of [
      [numbers(2_500, 2_345), 'The first 2000 items were stored, none after them.'],
      [streamed(numbers(2_500, 2_345)), 'The first 2000 items were stored, none after them.'],
    ] as const) {
      const { storage, backend } = scene()
      const error = await rejection('ERR_ENCODE', storage.pushAll(items as Iterable<unknown>))
      expect(error.message).toContain('pushAll: item 2345: queue "default"')
      expect(error.message).toContain(stored)
      expect(backend.batches).toEqual([1_000, 1_000])
    }
    const { storage } = scene()
    const early = await rejection('ERR_ENCODE', storage.pushAll(numbers(5, 4)))
    expect(early.message).toContain('pushAll: item 4: ')
    expect(early.message).toContain('Nothing was stored.')
  })
  test('says of a statement that failed how much was stored before, and whose it is to commit', async () => {
    const items = numbers(2_500, -1)
    const { message } = await rejection('ERR_BACKEND_UNAVAILABLE', scene(new Counting(2)).storage.pushAll(items))
    expect(message).toBe('pushAll: The database is away. The first 1000 items were stored, none after them.')
    const inTx = await rejection(
      'ERR_BACKEND_UNAVAILABLE',
      scene(new Counting(2)).storage.pushAll(items, { tx: { mine: true } }),
    )
    expect(inTx.message).toContain('The first 1000 items were pushed into your transaction, none after them.')
  })
  test('passes on what the iterable throws, as it is', async () => {
    const thrown = new Error('file ended')
    async function* broken(): AsyncGenerator<number> {
      yield 1
      throw thrown
    }
    await expect(scene().storage.pushAll(broken())).rejects.toBe(thrown)
  })
  test('takes what can be iterated, and no text', async () => {
    for (const items of ['text', 5, {}, undefined, null]) {
      const { message } = await rejection('ERR_OPTION', scene().storage.pushAll(items as Iterable<Pushable<unknown>>))
      expect(message).toContain('pushAll: takes an array, an iterable or an async iterable, got')
    }
  })
})

test('a stream says how far it came too', async () => {
  const { storage } = scene()
  const error = await rejection('ERR_ENCODE', drained(storage.pushStream(numbers(1_500, 1_200))))
  expect(error.message).toContain('pushStream: item 1200: ')
  expect(error.message).toContain('The first 1000 items were stored')
})

describe('unknown options', () => {
  test('of each way to push are refused before anything is stored', async () => {
    const { storage, backend } = scene()
    const options = { txx: { mine: true } } as object
    for (const push of [
      storage.push(1, options),
      storage.pushBulk([1], options),
      storage.pushAll([1], options),
      drained(storage.pushStream([1], options)),
    ])
      await rejection('ERR_OPTION', push)
    expect((await rejection('ERR_OPTION', storage.pushBulk([1], options))).message).toBe(
      'pushBulk: unknown option "txx", did you mean "tx"?',
    )
    const { message } = await rejection('ERR_OPTION', storage.pushAll([1], { priority: 5 } as object))
    expect(message).toContain('pushAll: unknown option "priority"')
    expect(backend.batches).toEqual([])
  })
  test('of waits are refused too', async () => {
    const storage = new MemoryStorage<number>()
    const { id } = await storage.push(1)
    const { message } = await rejection('ERR_OPTION', storage.waitFor(id, { timout: '1s' } as object))
    expect(message).toContain('did you mean "timeout"?')
    await rejection('ERR_OPTION', storage.waitForMany([id], { sgnal: null } as object).next())
  })
})

test.each<[unknown, string]>([
  ['5s', 'storage: poll must be a strategy, got "5s". Use pollEvery("5s").'],
  [250, 'storage: poll must be a strategy, got 250. Use pollEvery(250).'],
  [{ every: '5s' }, 'Use pollEvery("5s"), pollWhen(…), pollOn(…) or pollRace(…).'],
  [null, 'got null. Use pollEvery("5s")'],
])('the poll strategy %j is refused with what to write', async (poll, message) => {
  const error = await rejection('ERR_OPTION', (async () => new MemoryStorage({ poll: poll as never }))())
  expect(error.message).toContain(message)
})
