import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { bytes } from '../../src/codec/bytes.ts'
import type { Queue } from '../../src/contract/queue.ts'
import { defineQueue } from '../../src/contract/queue.ts'
import type { StandardSchemaV1 } from '../../src/contract/standard-schema.ts'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'
import { task } from '../../src/task/builder.ts'
import type { TaskContext } from '../../src/worker/context.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'
import { failure, rejection } from '../failure.ts'

/** The same contract in three languages: an address, and a count that is text on the wire. */
const schemas: Record<string, StandardSchemaV1<{ to: string; count: string }, { to: string; count: number }>> = {
  zod: z.object({ to: z.email(), count: z.string().transform(Number) }),
  valibot: v.object({ to: v.pipe(v.string(), v.email()), count: v.pipe(v.string(), v.transform(Number)) }),
  arktype: type({ to: 'string.email', count: type('string').pipe(Number) }),
}

/** A schema that answers as told. */
function answering<T>(validate: (value: unknown) => unknown): StandardSchemaV1<T> {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as () => never } }
}

/** Handles one task and returns what its handler was given, its end and what the store has. */
async function work<Input, Result, Args, Returns>(
  storage: MemoryStorage<Input, Result, Args, Returns>,
  id: string,
  handler: (args: Args, ctx: TaskContext) => Returns,
): Promise<void> {
  const worker = new WorkerBuilder('w')
    .backend(storage)
    .build<Returns>((args, ctx) => handler(args, ctx as TaskContext))
  await worker.runUntil(storage.waitFor(id).catch(() => undefined))
}

describe.each(Object.entries(schemas))('a queue whose args are a schema of %s', (_vendor, args) => {
  test('stores what was pushed, and gives handlers and readers what the schema makes of it', async () => {
    const storage = new MemoryStorage({ queue: defineQueue('emails', { args }) })
    const { id } = await storage.push({ to: 'ada@example.com', count: '5' })
    const stored = await storage.fetchById(id)
    expect(new TextDecoder().decode(stored?.payload.bytes)).toBe('{"to":"ada@example.com","count":"5"}')
    expect(stored?.args).toEqual({ to: 'ada@example.com', count: 5 })
    const seen: unknown[] = []
    await work(storage, id, (given) => seen.push(given))
    expect(seen).toEqual([{ to: 'ada@example.com', count: 5 }])
  })

  test('refuses at the push what does not fit, naming the path, and stores nothing', async () => {
    const storage = new MemoryStorage({ queue: defineQueue('emails', { args }) })
    const error = await rejection('ERR_INVALID', storage.push({ to: 'nobody', count: '5' }))
    expect(error.message).toMatch(/^queue "emails": args\.to: ./)
    const many = storage.pushAll([{ to: 'ada@example.com', count: '5' }, task({ to: 'nobody', count: '5' })])
    await rejection('ERR_INVALID', many)
    expect((await storage.list()).items).toEqual([])
  })

  test('kills at the claim what does not fit, and goes on working', async () => {
    const backend = new MemoryBackend()
    const anybody = new MemoryStorage<object>({ backend, queue: 'emails' })
    const storage = new MemoryStorage({ backend, queue: defineQueue('emails', { args }) })
    const bad = await anybody.push({ to: 'nobody', count: '5' })
    const good = await storage.push({ to: 'ada@example.com', count: '5' })
    const seen: unknown[] = []
    await work(storage, good.id, (given) => seen.push(given.to))
    expect(seen).toEqual(['ada@example.com'])
    const stored = await storage.fetchById(bad.id)
    expect(stored).toMatchObject({ status: 'killed', attempt: 1, error: { code: 'ERR_INVALID' } })
    expect(failure('ERR_INVALID', () => stored?.args).message).toContain('args.to')
  })
})

describe('results', () => {
  const sums = defineQueue('sums', {
    args: z.array(z.number()),
    result: z.object({ sum: z.number(), at: z.iso.datetime().transform((text) => new Date(text)) }),
  })

  test('are checked when they are returned, and transformed for whoever waits', async () => {
    const storage = new MemoryStorage({ queue: sums })
    const { id } = await storage.push([1, 2])
    await work(storage, id, (numbers) => ({ sum: numbers[0]! + numbers[1]!, at: '2026-01-01T00:00:00Z' }))
    expect(await storage.waitFor(id)).toEqual({ sum: 3, at: new Date('2026-01-01T00:00:00Z') })
    expect((await storage.fetchById(id))?.result?.at.getUTCFullYear()).toBe(2026)
  })

  test('that do not fit kill the task: its handler has had its effects', async () => {
    const storage = new MemoryStorage({ queue: sums })
    const { id } = await storage.push([1])
    await work(storage, id, () => ({ sum: 1, at: 'noon' }))
    const stored = await storage.fetchById(id)
    expect(stored).toMatchObject({ status: 'killed', error: { code: 'ERR_INVALID' } })
    expect(stored?.error?.message).toContain('queue "sums": result.at: ')
  })

  test('may be nothing where the schema allows it', async () => {
    const storage = new MemoryStorage({ queue: defineQueue('n', { args: z.number(), result: z.void() }) })
    const { id } = await storage.push(1)
    await work(storage, id, () => undefined)
    expect(await storage.waitFor(id)).toBeUndefined()
  })
})

describe('schemas that misbehave', () => {
  const failing = answering<number>(() => {
    throw new TypeError('no database')
  })
  const asynchronous: Record<string, StandardSchemaV1<number>> = {
    zod: z.number().refine(async () => true),
    valibot: v.pipeAsync(
      v.number(),
      v.checkAsync(async () => false),
    ),
    'one that rejects': answering(() => Promise.reject(new Error('late'))),
  }

  test.each(Object.entries(asynchronous))('asynchronous ones are refused at the push: %s', async (_name, args) => {
    const storage = new MemoryStorage({ queue: defineQueue('n', { args }) })
    const error = await rejection('ERR_SCHEMA_ASYNC', storage.push(1))
    expect(error.message).toContain('queue "n": the schema of args validates asynchronously')
    expect((await storage.list()).items).toEqual([])
  })

  test('what one throws is the cause of an ERR_INVALID', async () => {
    const storage = new MemoryStorage({ queue: defineQueue('n', { args: failing }) })
    const error = await rejection('ERR_INVALID', storage.push(1))
    expect(error.message).toContain('args: the schema threw: no database')
    expect(error.cause).toBeInstanceOf(TypeError)
  })

  test.each<[string, StandardSchemaV1<number>, string]>([
    ['asynchronous', answering(() => Promise.resolve({ value: 1 })), 'ERR_SCHEMA_ASYNC'],
    ['throwing', failing, 'ERR_INVALID'],
  ])('at the claim a task is killed by an %s one', async (_name, args, code) => {
    const backend = new MemoryBackend()
    const { id } = await new MemoryStorage<number>({ backend, queue: 'n' }).push(1)
    const storage = new MemoryStorage({ backend, queue: defineQueue('n', { args }) })
    await work(storage, id, () => 1)
    expect(await storage.fetchById(id)).toMatchObject({ status: 'killed', error: { code } })
  })
})

test('a result that the codec of the queue does not take kills the task, and none at all suits every codec', async () => {
  const storage = new MemoryStorage<Uint8Array>({ codec: bytes })
  for (const [result, status] of [
    [{ size: 1 }, 'killed'],
    [undefined, 'done'],
    [Uint8Array.of(1), 'done'],
  ] as const) {
    const { id } = await storage.push(Uint8Array.of(1))
    await work<Uint8Array, unknown, Uint8Array, unknown>(storage, id, () => result)
    const stored = await storage.fetchById(id)
    expect(stored).toMatchObject({ status, error: status === 'done' ? null : { code: 'ERR_ENCODE' } })
    if (status === 'done') expect(stored!.result).toEqual(result)
  }
})

describe('what a queue says of its pushes', () => {
  const orders = defineQueue('orders', {
    args: z.object({ order: z.number() }),
    maxAttempts: 3,
    timeout: '1m',
    priority: 5,
    metadata: { team: 'shop', region: 'eu' },
    unique: ({ order }) => ({ key: `order/${order}`, while: 'waiting' }),
  })

  test('holds for pushes that do not say otherwise', () => {
    const storage = new MemoryStorage({ queue: orders })
    expect(storage.encode({ order: 7 })).toMatchObject({
      maxAttempts: 3,
      timeoutMs: 60_000,
      priority: 5,
      metadata: { team: 'shop', region: 'eu' },
      unique: { key: 'order/7', while: 'waiting', windowMs: 0, otherwise: 'keep' },
    })
    const other = task({ order: 7 }).maxAttempts(1).priority(0).metadata({ region: 'us' }).throttle('t', '1m')
    expect(storage.encode(other)).toMatchObject({
      maxAttempts: 1,
      timeoutMs: 60_000,
      priority: 0,
      metadata: { team: 'shop', region: 'us' },
      unique: { key: 't', windowMs: 60_000 },
    })
  })

  test('holds also for options that are given as undefined', () => {
    const storage = new MemoryStorage({ queue: orders })
    const unsaid = {
      maxAttempts: undefined,
      timeout: undefined,
      priority: undefined,
      metadata: undefined,
      unique: undefined,
    } as any
    const { id: _id, ...plain } = storage.encode({ order: 7 })
    expect(storage.encode({ order: 7 }, unsaid)).toMatchObject(plain)
    expect(storage.encode(task({ order: 7 }, unsaid))).toMatchObject(plain)
    expect(storage.encode(task({ order: 7 }).priority(1).maxAttempts(9), unsaid)).toMatchObject({
      priority: 1,
      maxAttempts: 9,
    })
    expect(() => storage.encode({ order: 7 }, { priorty: undefined } as any)).toThrow('unknown option "priorty"')
  })

  test('makes tasks unique by their args', async () => {
    const storage = new MemoryStorage({ queue: orders })
    const first = await storage.push({ order: 7 })
    expect(await storage.push({ order: 7 })).toEqual({ id: first.id, outcome: 'duplicate' })
    expect((await storage.push({ order: 8 })).outcome).toBe('created')
  })

  test.each<[string, () => never]>([
    [
      'queue "n": unique threw: no key',
      () => {
        throw new Error('no key')
      },
    ],
    ['queue "n": unique.key must be', () => ({}) as never],
    ['queue "n": unique: options must be an object', () => 5 as never],
  ])('a key function that gives no key is an ERR_OPTION: %s', async (message, unique) => {
    const storage = new MemoryStorage({ queue: defineQueue('n', { args: z.number(), unique }) })
    expect((await rejection('ERR_OPTION', storage.push(1))).message).toContain(message)
    expect((await storage.list()).items).toEqual([])
  })

  test('brings its codec, its limit and its retention', async () => {
    const codec = {
      tag: 'digits',
      encode: (n: number) => Uint8Array.of(n, 0),
      decode: (bytes: Uint8Array) => bytes[0]!,
    }
    const queue = defineQueue('n', { args: z.number(), codec, maxPayloadBytes: 2, retention: { done: '7d' } })
    const storage = new MemoryStorage({ queue })
    expect(storage.encode(5).payload).toEqual({ codec: 'digits', bytes: Uint8Array.of(5, 0) })
    expect(storage.maxPayloadBytes).toBe(2)
    expect(storage.retention).toEqual({ doneMs: 604_800_000 })
  })
})

describe('defineQueue', () => {
  const args = z.number()

  test('gives a frozen value', () => {
    const queue = defineQueue('n', { args, metadata: { a: '1' }, retention: { done: 1 } })
    expect(Object.isFrozen(queue) && Object.isFrozen(queue.defaults) && Object.isFrozen(queue.retention)).toBe(true)
    expect(Object.isFrozen(queue.defaults.metadata)).toBe(true)
  })

  test.each<[string, object, string]>([
    ['a b', { args }, 'ERR_QUEUE_NAME'],
    ['n', {}, 'defineQueue("n"): args must be a schema that keeps to Standard Schema v1'],
    ['n', { args: { '~standard': { version: 2, validate: () => 1 } } }, 'args must be a schema'],
    ['n', { args, result: {} }, 'result must be a schema'],
    ['n', { args, codec: {} }, 'codec must have encode'],
    ['n', { args, maxPayloadBytes: 0 }, 'maxPayloadBytes must be a whole number'],
    ['n', { args, maxAttempts: 0 }, 'defineQueue("n"): maxAttempts must be a whole number'],
    ['n', { args, priority: 101 }, 'priority must be a whole number'],
    ['n', { args, timeout: 0 }, 'defineQueue("n"): timeout must be between'],
    ['n', { args, metadata: { n: 1 } }, 'metadata["n"] must be a string'],
    ['n', { args, unique: 'k' }, 'unique must be a function of the args'],
    ['n', { args, retention: { dne: '7d' } }, 'did you mean "done"?'],
    ['n', { args, retention: { done: 'x' } }, 'retention.done must be milliseconds'],
    ['n', { args, maxattempts: 1 }, 'did you mean "maxAttempts"?'],
  ])('refuses %s %j', (name, options, message) => {
    let thrown: unknown
    try {
      defineQueue(name, options as { args: typeof args })
    } catch (error) {
      thrown = error
    }
    expect(`${(thrown as { code: string }).code} ${(thrown as Error).message}`).toContain(message)
  })
})

describe('a storage of a defined queue', () => {
  const queue = defineQueue('n', { args: z.number() })

  test.each([{ codec: {} }, { maxPayloadBytes: 5 }, { retention: {} }])(
    'refuses what belongs to the queue: %j',
    (more) => {
      const { message } = failure('ERR_OPTION', () => new MemoryStorage({ queue, ...(more as object) }))
      expect(message).toContain(`${Object.keys(more)[0]} belongs to the queue`)
    },
  )

  test('refuses what is neither a name nor a queue', () => {
    const wrong: object = { name: 'n' }
    failure('ERR_OPTION', () => new MemoryStorage({ queue: wrong as Queue }))
  })

  test('refuses a second contract for one queue of one backend, and takes the same one again', () => {
    const backend = new MemoryBackend()
    void new MemoryStorage({ backend, queue })
    void new MemoryStorage({ backend, queue })
    const { message } = failure(
      'ERR_OPTION',
      () => new MemoryStorage({ backend, queue: defineQueue('n', { args: z.string() }) }),
    )
    expect(message).toContain('queue "n" of this backend has another contract already')
    void new MemoryStorage({ queue: defineQueue('n', { args: z.string() }) })
  })
})
