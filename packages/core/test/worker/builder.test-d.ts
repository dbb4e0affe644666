import { expectTypeOf, test } from 'vitest'
import { MemoryStorage } from '../../src/memory/index.ts'
import type { Middleware } from '../../src/middleware/middleware.ts'
import type { TaskContext } from '../../src/worker/context.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'
import type { Worker } from '../../src/worker/worker.ts'

const emails = new MemoryStorage<{ to: string }>({ queue: 'emails' })

test('backend() gives the handler its args', () => {
  const worker = new WorkerBuilder('w')
    .concurrency(2)
    .backend(emails)
    .timeout('5s')
    .build((args, ctx) => {
      expectTypeOf(args).toEqualTypeOf<{ to: string }>()
      expectTypeOf(ctx).toEqualTypeOf<TaskContext<object, { to: string }>>()
      expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>()
    })
  expectTypeOf(worker).toEqualTypeOf<Worker>()
})

test('build before backend() does not compile', () => {
  // @ts-expect-error -- there is no queue to work on yet
  void (() => new WorkerBuilder('w').concurrency(2).build(() => 1))
})

test('a handler of other args does not compile', () => {
  // @ts-expect-error -- the queue holds { to }
  void (() => new WorkerBuilder('w').backend(emails).build((args: { from: string }) => args))
})

test('handlers may be asynchronous, objects, and ignore what they do not need', () => {
  const builder = new WorkerBuilder('w').backend(emails)
  builder.build(async () => undefined)
  builder.build({ handle: (args) => args.to })
})

test('a middleware is an ordinary function', () => {
  expectTypeOf((_ctx: TaskContext, next: () => Promise<unknown>) => next()).toExtend<Middleware>()
})
