import { describe, expect, test } from 'vitest'
import { bytes } from '../../src/codec/bytes.ts'
import type { Codec } from '../../src/codec/codec.ts'
import { uuidv7 } from '../../src/id.ts'
import type { MemoryStorageOptions } from '../../src/memory/index.ts'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'
import { decodeTagged } from '../../src/codec/stored.ts'
import { resultOf } from '../../src/storage/finished.ts'
import { task } from '../../src/task/builder.ts'
import type { PushOptions } from '../../src/task/push-options.ts'
import type { NewTask, Receipt } from '../../src/task/task.ts'
import { failure, rejection } from '../failure.ts'

/** Notes what it is asked to store. */
class NotingBackend extends MemoryBackend {
  readonly batches: (readonly NewTask[])[] = []
  override push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
    this.batches.push(tasks)
    return super.push(tasks)
  }
}

function noting<Args>(options: MemoryStorageOptions<Args> = {}) {
  const backend = new NotingBackend()
  return { backend, storage: new MemoryStorage<Args>({ backend, ...options }) }
}

/** Runs the one task that is due and settles it. */
async function runOne(storage: MemoryStorage<number>, settle: 'done' | 'killed'): Promise<void> {
  const instance = uuidv7()
  await storage.backend.register({ instance, name: 'w', queues: [], leaseMs: 1_000 })
  const queues = [{ queue: storage.queue, limit: 1 }]
  const { tasks } = await storage.backend.claim({ instance, queues })
  const { id, token, payload } = tasks[0]!
  const error = { name: 'Error', message: 'card declined' }
  const base = { id, token }
  await storage.backend.settle([
    settle === 'done' ? { ...base, kind: 'done', result: payload } : { ...base, kind: 'killed', error },
  ])
}

describe('push', () => {
  test('stores plain args and built tasks; options given to push win over those of the task', async () => {
    const { storage, backend } = noting<{ n: number }>({ queue: 'sums' })
    await storage.push({ n: 1 })
    await storage.push(task({ n: 2 }).priority(5).key('k'), { priority: 6 })
    expect(backend.batches.flat()).toMatchObject([
      { queue: 'sums', priority: 0, key: null, payload: { codec: 'json' } },
      { queue: 'sums', priority: 6, key: 'k' },
    ])
  })

  test.each<[PushOptions & Record<string, unknown>, string]>([
    [{ priorty: 5 }, 'did you mean "priority"?'],
    [{ runAt: 1_767_225_600 }, 'Are these seconds?'],
  ])('refuses %j before anything is stored', async (options, message) => {
    const { storage, backend } = noting<number>()
    expect((await rejection('ERR_OPTION', storage.push(1, options))).message).toContain(message)
    expect(backend.batches).toEqual([])
  })

  test('refuses what does not encode, naming queue, codec and path', async () => {
    const { storage, backend } = noting<unknown>({ queue: 'orders' })
    const error = await rejection('ERR_ENCODE', storage.push({ items: [{ price: NaN }] }))
    expect(error.message).toContain('queue "orders", codec "json": $.items[0].price: NaN is not JSON')
    expect(backend.batches).toEqual([])
  })

  test('refuses a payload beyond the limit, and takes one at the limit', async () => {
    const { storage } = noting<string>({ maxPayloadBytes: 10 })
    await storage.push('x'.repeat(8))
    const error = await rejection('ERR_PAYLOAD_TOO_LARGE', storage.push('x'.repeat(9)))
    expect(error.message).toContain('has 11 bytes, the limit is 10')
  })

  test('refuses a codec that returns no bytes, and shows what a codec throws', async () => {
    const codec: Codec<number> = { tag: 'mine', encode: () => Uint8Array.of(1), decode: () => 1 }
    const text: object = { ...codec, encode: () => 'text' }
    const error = await rejection('ERR_ENCODE', noting({ codec: text as Codec<number> }).storage.push(1))
    expect(error.message).toContain('codec "mine" must return a Uint8Array from encode, got string')
    const throwing = {
      ...codec,
      encode: () => {
        throw new Error('no numbers')
      },
    }
    const thrown = await rejection('ERR_ENCODE', noting({ codec: throwing }).storage.push(1))
    expect(thrown.message).toContain('no numbers')
  })
})

describe('pushing many', () => {
  test('cuts batches at 1,000 tasks and answers in order', async () => {
    const { storage, backend } = noting<number>()
    const receipts = await storage.pushBulk(Array.from({ length: 2_500 }, (_, n) => n))
    expect(backend.batches.map(({ length }) => length)).toEqual([1_000, 1_000, 500])
    expect(receipts.map(({ id }) => id)).toEqual(backend.batches.flat().map(({ id }) => id))
  })

  test('cuts batches by size too', async () => {
    const { storage, backend } = noting<string>()
    const large = 'x'.repeat(1_000_000)
    await storage.pushAll(Array.from({ length: 20 }, () => large))
    expect(backend.batches.map(({ length }) => length)).toEqual([9, 9, 2])
  })

  test('takes iterables and async iterables, and counts', async () => {
    const { storage } = noting<number>()
    async function* numbers(): AsyncGenerator<number> {
      yield* [1, 2, 3]
    }
    expect(await storage.pushAll(numbers())).toEqual({ created: 3, duplicates: 0, replaced: 0 })
    const keyed = new Set([task(1).key('a'), task(1).key('a'), task(1).key('b')])
    expect(await storage.pushAll(keyed)).toEqual({ created: 2, duplicates: 1, replaced: 0 })
    expect(await storage.pushAll([])).toEqual({ created: 0, duplicates: 0, replaced: 0 })
  })

  test('keeps the order of one call', async () => {
    const { storage, backend } = noting<number>()
    await storage.pushAll(Array.from({ length: 1_500 }, (_, n) => n))
    const ids = backend.batches.flat().map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted())
  })

  test('a stream pushes no further than it is read', async () => {
    const { storage, backend } = noting<number>()
    let made = 0
    function* endless(): Generator<number> {
      for (;;) yield (made += 1)
    }
    for await (const receipt of storage.pushStream(endless())) {
      expect(receipt.outcome).toBe('created')
      break
    }
    expect(made).toBe(1_000)
    expect(backend.batches).toHaveLength(1)
  })
})

describe('waitFor', () => {
  test('returns the decoded result', async () => {
    const storage = new MemoryStorage<number>()
    const { id } = await storage.push(42)
    const result = storage.waitFor<number>(id, { timeout: '1m' })
    await runOne(storage, 'done')
    expect(await result).toBe(42)
  })

  test('rejects for a task that was killed, with the reason', async () => {
    const storage = new MemoryStorage<number>()
    const { id } = await storage.push(42)
    await runOne(storage, 'killed')
    const error = await rejection('ERR_TASK_FAILED', storage.waitFor(id))
    expect(error.message).toContain(`Task ${id} was killed after 1 attempt: card declined.`)
    expect(error.cause).toMatchObject({ message: 'card declined' })
  })

  test('ends the reason like a sentence, once', async () => {
    const finished = { id: 'x', attempt: 2, finishedAt: 0, status: 'killed' as const }
    const error = { name: 'Error', message: 'it can stop.' }
    expect(failure('ERR_TASK_FAILED', () => resultOf({ ...finished, error })).message).toBe(
      'Task x was killed after 2 attempts: it can stop.',
    )
  })

  test('rejects for an id that is not there', async () => {
    await rejection('ERR_TASK_NOT_FOUND', new MemoryStorage().waitFor(uuidv7()))
  })
})

test('a stored value is read only by the codec that wrote it', () => {
  const stored = { codec: 'json', bytes: Uint8Array.of(0x31) }
  const { message } = failure('ERR_DECODE', () => decodeTagged(bytes, stored, 'q'))
  expect(message).toContain('stored with codec "json", but this storage reads "bytes"')
})

test('a storage closes its backend when its scope ends', async () => {
  let left: MemoryStorage<number>
  {
    await using storage = new MemoryStorage<number>()
    left = storage
  }
  await rejection('ERR_CLOSED', left.push(1))
})

test.each<[object, string]>([
  [{ queue: 'a b' }, 'ERR_QUEUE_NAME'],
  [{ maxPayloadBytes: 0 }, 'ERR_OPTION'],
  [{ maxPayloadBytes: 64 * 1024 * 1024 + 1 }, 'ERR_OPTION'],
  [{ bufferSize: -1 }, 'ERR_OPTION'],
  [{ codec: {} }, 'ERR_OPTION'],
  [{ codec: { ...bytes, tag: 'Not A Tag' } }, 'ERR_OPTION'],
])('a storage refuses %j', (options, code) => {
  expect(() => new MemoryStorage(options)).toThrow(expect.objectContaining({ code }))
})
