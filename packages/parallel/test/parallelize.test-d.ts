import { WorkerBuilder } from '@q/core'
import { MemoryStorage } from '@q/core/memory'
import { expectTypeOf, test } from 'vitest'
import { parallelize, type ThreadHandler } from '../src/index.ts'

interface Image {
  readonly file: string
}
const url = new URL('./resize.js', import.meta.url)

test('a worker takes only a handler for what its queue holds', () => {
  const images = new WorkerBuilder('w').backend(new MemoryStorage<Image>({ queue: 'images' }))
  images.build(parallelize<Image, number>(url))
  // @ts-expect-error the queue holds images
  images.build(parallelize<string>(url))
})

test('the result has the type that was named', () => {
  const resize = parallelize<Image, number>(url)
  expectTypeOf<(typeof resize)['handle']>().parameter(0).toEqualTypeOf<Image>()
  expectTypeOf<(typeof resize)['handle']>().returns.toEqualTypeOf<Promise<number>>()
})

test('the options are known', () => {
  // @ts-expect-error it is called threads
  parallelize(url, { thread: 2 })
  // @ts-expect-error a duration has a unit
  parallelize(url, { grace: '5 bananas' })
})

test('a handler for threads has the context of a thread', () => {
  const resize = ((image, ctx) => {
    expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>()
    // @ts-expect-error the worker stays where it is
    void ctx.worker
    return image.file.length
  }) satisfies ThreadHandler<Image, number>
  expectTypeOf(resize).returns.toEqualTypeOf<number>()
})
