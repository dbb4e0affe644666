import { type } from 'arktype'
import * as v from 'valibot'
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { bytes } from '../../src/codec/bytes.ts'
import type { Queue } from '../../src/contract/queue.ts'
import { defineQueue } from '../../src/contract/queue.ts'
import { MemoryStorage } from '../../src/memory/index.ts'
import { task } from '../../src/task/builder.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'

const emails = defineQueue('emails', {
  args: z.object({
    to: z.string(),
    at: z.iso.datetime().transform((text) => new Date(text)),
    cc: z.string().default(''),
  }),
  result: z.object({ sent: z.string().transform(Number) }),
  unique: (args) => args.at.toISOString(),
})
interface Input {
  to: string
  at: string
  cc?: string | undefined
}
interface Args {
  to: string
  at: Date
  cc: string
}

test('a queue has the types of its schemas, for those who give and those who get', () => {
  expectTypeOf(emails).toEqualTypeOf<Queue<Input, { sent: number }, Args, { sent: string }>>()
  expectTypeOf(defineQueue('n', { args: v.pipe(v.string(), v.transform(Number)) })).toEqualTypeOf<
    Queue<string, unknown, number, unknown>
  >()
  expectTypeOf(defineQueue('n', { args: type({ n: 'number' }) })).toEqualTypeOf<
    Queue<{ n: number }, unknown, { n: number }, unknown>
  >()
})

test('pushes take what the schema takes', () => {
  const storage = new MemoryStorage({ queue: emails })
  expectTypeOf(storage).toEqualTypeOf<MemoryStorage<Input, { sent: number }, Args, { sent: string }>>()
  void storage.push({ to: 'a', at: '2026-01-01T00:00:00Z' })
  void storage.push(task({ to: 'a', at: '2026-01-01T00:00:00Z' }).throttle('k', '1m'))
  // @ts-expect-error -- a date is what handlers get, not what is pushed
  void storage.push({ to: 'a', at: new Date() })
  // @ts-expect-error -- to is missing
  void storage.push({ at: '' })
  // @ts-expect-error -- no such option
  void storage.push({ to: 'a', at: '' }, { priorty: 1 })
  // @ts-expect-error -- of other args
  void storage.update('id', { args: { from: 'a' } })
})

test('handlers get what the schema gives and return what the result schema takes', () => {
  const builder = new WorkerBuilder('w').backend(new MemoryStorage({ queue: emails }))
  builder.build((args) => {
    expectTypeOf(args).toEqualTypeOf<Args>()
    return { sent: '5' }
  })
  builder.build(async () => ({ sent: '5' }))
  // @ts-expect-error -- the number is for whoever waits
  builder.build(() => ({ sent: 5 }))
  // @ts-expect-error -- a result is promised
  builder.build(() => undefined)
})

test('readers get args and results as the schemas give them', async () => {
  const storage = new MemoryStorage({ queue: emails })
  expectTypeOf(await storage.waitFor('id')).toEqualTypeOf<{ sent: number }>()
  const stored = await storage.fetchById('id')
  expectTypeOf(stored!.args).toEqualTypeOf<Args>()
  expectTypeOf(stored!.result).toEqualTypeOf<{ sent: number } | undefined>()
  expectTypeOf((await storage.list()).items[0]!.args).toEqualTypeOf<Args>()
  for await (const finished of storage.waitForMany(['id'])) {
    if (finished.status === 'done') expectTypeOf(finished.result).toEqualTypeOf<{ sent: number }>()
    // @ts-expect-error -- only what is done has a result
    void finished.result
  }
})

test('a storage without a contract has the type it is given, both ways', async () => {
  const plain = new MemoryStorage<{ to: string }, number>({ queue: 'plain' })
  new WorkerBuilder('w').backend(plain).build((args) => args.to.length)
  // @ts-expect-error -- the result is a number
  new WorkerBuilder('w').backend(plain).build((args) => args.to)
  expectTypeOf(await plain.waitFor('id')).toEqualTypeOf<number>()
  const untyped = new MemoryStorage<string>()
  expectTypeOf(await untyped.waitFor<boolean>('id')).toEqualTypeOf<boolean>()
  expectTypeOf(await untyped.waitFor('id')).toEqualTypeOf<unknown>()
})

test('a codec that takes less than JSON is matched by the type of the results, where it is said', () => {
  const images = new MemoryStorage<Uint8Array, Uint8Array | undefined>({ queue: 'images', codec: bytes })
  const builder = new WorkerBuilder('w').backend(images)
  builder.build((image) => image.subarray(1))
  builder.build(async () => undefined)
  // @ts-expect-error -- an object is no bytes
  builder.build((image) => ({ size: image.length }))
})

test('one and many are answered alike', async () => {
  const storage = new MemoryStorage<string>()
  expectTypeOf(await storage.cancel('id')).toEqualTypeOf<'cancelled' | 'cancelling' | 'ended' | 'unknown'>()
  expectTypeOf(await storage.cancel(['id'])).toEqualTypeOf<('cancelled' | 'cancelling' | 'ended' | 'unknown')[]>()
})
