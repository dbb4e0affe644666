import { filter, type Middleware } from '@q/core'
import { expectTypeOf, test } from 'vitest'
import { TestWorker } from '../src/index.ts'

test('results, args and data are typed', async () => {
  const worker = new TestWorker(
    (word: string, ctx) => {
      expectTypeOf(ctx.data).toEqualTypeOf<{ db: { count: number } }>()
      return word.length
    },
    { data: { db: { count: 1 } }, use: [filter((word) => word !== '')] },
  )
  expectTypeOf(await worker.executeNext()).toExtend<{ readonly result: number | undefined } | null>()
  // @ts-expect-error -- the handler takes words
  void worker.push(7)
})

test('a middleware whose needs are not met does not compile', () => {
  const needsDb: Middleware<{ db: string }> = (_ctx, next) => next()
  void new TestWorker((n: number) => n, { data: { db: 'x' }, use: [needsDb] })
  // @ts-expect-error -- there is no db
  void new TestWorker((n: number) => n, { data: { region: 'eu' }, use: [needsDb] })
})
