import { describe, expect, test } from 'vitest'
import { chain, optional, when } from '../../src/middleware/combine.ts'
import { log } from '../../src/middleware/log.ts'
import { catchError, mapArgs, mapError, mapResult } from '../../src/middleware/map.ts'
import type { Middleware } from '../../src/middleware/middleware.ts'
import { provide } from '../../src/middleware/provide.ts'
import { retry } from '../../src/middleware/retry.ts'
import { tap } from '../../src/middleware/tap.ts'
import { AbortError, DeferredError } from '../../src/steer.ts'
import { failure } from '../failure.ts'
import { scene } from '../worker/scene.ts'
import { end, run } from './one.ts'

async function result(layers: readonly Middleware<object, object, number>[], handler: (n: number) => unknown) {
  const ran = await run(layers, handler)
  const stored = await ran.it.memory.fetchById(ran.ids[0]!)
  await end(ran)
  return {
    status: stored!.status,
    value: stored!.result === null ? undefined : JSON.parse(new TextDecoder().decode(stored!.result.bytes)),
    error: stored!.error,
    ended: ran.it.of('task-end')[0],
  }
}

describe('the map family', () => {
  test('mapArgs gives the handler other args, mapResult the store another result, at once or later', async () => {
    const layers = [
      mapResult<number>((n) => n * 10),
      mapArgs<number>((n) => n + 1),
      mapArgs<number>(async (n) => n + 1),
    ]
    expect(await result(layers, (n) => n)).toMatchObject({ status: 'done', value: 20 })
    expect(await result([mapResult(async () => 'other')], () => 1)).toMatchObject({ value: 'other' })
  })
  test('mapError fails the attempt with what it returns or throws', async () => {
    const boom = new Error('boom')
    const wrapped = await result([mapError((error) => new TypeError('wrapped', { cause: error }))], () =>
      Promise.reject(boom),
    )
    expect(wrapped).toMatchObject({ status: 'failed', error: { name: 'TypeError', cause: { message: 'boom' } } })
    const aborted = await result(
      [
        mapError((error) => {
          throw new AbortError(error)
        }),
      ],
      () => Promise.reject(boom),
    )
    expect(aborted).toMatchObject({ status: 'killed', error: { code: 'ERR_ABORT' } })
  })
  test.each([
    ['an error', new Error('x')],
    ['a string', 'x'],
    ['nothing', undefined],
    ['null', null],
  ])('catchError answers %s', async (_name, thrown) => {
    const seen: unknown[] = []
    const caught = await result(
      [
        catchError((error) => {
          seen.push(error)
          return 'instead'
        }),
      ],
      () => {
        throw thrown
      },
    )
    expect([caught.status, caught.value, seen]).toEqual(['done', 'instead', [thrown]])
  })
  test('catchError may throw again', async () => {
    const caught = await result([catchError((error) => Promise.reject(error))], () => Promise.reject(new Error('boom')))
    expect(caught).toMatchObject({ status: 'failed', error: { message: 'boom' } })
  })
  test('errors that steer pass both', async () => {
    const layers = [catchError(() => 'instead'), mapError(() => new Error('other'))]
    expect(await result(layers, () => Promise.reject(new AbortError('no')))).toMatchObject({
      status: 'killed',
      error: { message: 'no' },
    })
    expect(await result(layers, () => Promise.reject(new DeferredError('1h')))).toMatchObject({ status: 'pending' })
  })
  test('what a change throws fails the attempt', async () => {
    const broken = () => {
      throw new Error('broken')
    }
    for (const layer of [mapArgs(broken), mapResult(broken)])
      expect(await result([layer as Middleware], () => 1)).toMatchObject({
        status: 'failed',
        error: { message: 'broken' },
      })
  })
  test('takes functions only', () => {
    for (const make of [mapArgs, mapResult, mapError, catchError])
      expect(failure('ERR_OPTION', () => make('x' as any)).message).toContain('takes a function')
  })
})

describe('tap', () => {
  test('looks on at the start, the result and the error', async () => {
    const seen: unknown[] = []
    const watching = tap({
      started: (ctx) => seen.push(['started', ctx.attempt]),
      done: (value) => seen.push(['done', value]),
      failed: (error) => seen.push(['failed', error]),
    })
    expect(await result([watching], () => 7)).toMatchObject({ value: 7 })
    const boom = new Error('boom')
    expect(await result([watching], () => Promise.reject(boom))).toMatchObject({ status: 'failed' })
    expect(seen).toEqual([
      ['started', 1],
      ['done', 7],
      ['started', 1],
      ['failed', boom],
    ])
  })
  test('an observer that throws or rejects changes nothing and leaves a line', async () => {
    const ran = await run(
      [
        tap({
          started: () => {
            throw new Error('disk full')
          },
          done: () => Promise.reject(new Error('no network')),
        }),
      ],
      () => 1,
    )
    expect(await ran.statuses()).toBe('done/1')
    expect(ran.it.of('task-log').map(({ line }) => line.fields)).toEqual([
      '{"error":"disk full"}',
      '{"error":"no network"}',
    ])
    await end(ran)
  })
  test('says what is wrong with its observer', () => {
    expect(() => tap({ start: () => 1 } as any)).toThrow('did you mean "started"')
    expect(() => tap({ done: 1 } as any)).toThrow('done must be a function')
  })
})

describe('data', () => {
  test('handlers and middlewares find what the builder and earlier middlewares gave', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const seen: unknown[] = []
    const worker = it.builder
      .data({ db: 'db' })
      .data({ mailer: 'mailer' })
      .use(provide('user', async (ctx) => `user of ${ctx.data.db}`))
      .use((ctx, next) => {
        seen.push(ctx.data.user)
        return next()
      })
      .build((_n, ctx) => seen.push({ ...ctx.data }))
    await worker.start()
    await it.clock.pass(10)
    expect(await it.status(id!)).toBe('done/1')
    expect(seen).toEqual(['user of db', { db: 'db', mailer: 'mailer', user: 'user of db' }])
    await worker.stop()
  })
  test('what is provided for one attempt no other sees', async () => {
    const seen: unknown[] = []
    const ran = await run(
      [when((ctx) => ctx.args === 0, provide('secret', () => 'mine') as Middleware)],
      (_n, ctx) => seen.push({ ...ctx.data }),
      { count: 2 },
    )
    expect(seen).toEqual(expect.arrayContaining([{ secret: 'mine' }, {}]))
    await end(ran)
  })
  test('what a provider throws fails the attempt, and a strange name is only a name', async () => {
    const ran = await run([provide('user', () => Promise.reject(new Error('no such user')))], () => 1)
    expect(await ran.statuses()).toBe('failed/1')
    await end(ran)
    const strange = await run([provide('__proto__', () => ({ admin: true }))], (_n, ctx) => 'admin' in ctx.data)
    expect(await strange.statuses()).toBe('done/1')
    expect(({} as any).admin).toBeUndefined()
    await end(strange)
  })
  test('says what is wrong with its use', () => {
    expect(() => scene().builder.data(null as any)).toThrow('data() takes an object, such as { db }, got null')
    expect(() => provide('', () => 1)).toThrow('at least one character')
    expect(() => provide('user', 'ada' as any)).toThrow('takes a name and a function')
  })
})

describe('chain, when and optional', () => {
  test('a chain is its middlewares in order, with their retry policy', async () => {
    const said: string[] = []
    const layer =
      (name: string): Middleware =>
      (_ctx, next) => {
        said.push(name)
        return next()
      }
    const it = scene()
    const ran = await run(
      [layer('a'), chain(layer('b'), retry({ retries: 1, backoff: () => 10 }), layer('c')), layer('d')],
      () => Promise.reject(new Error('no')),
      { it },
    )
    await it.clock.pass(1_000)
    expect(said.slice(0, 4)).toEqual(['a', 'b', 'c', 'd'])
    expect(await ran.statuses()).toBe('killed/2')
    expect(() => it.builder.use(retry()).use(chain(retry()))).toThrow('retry() was added twice')
    expect(() => chain(retry(), retry())).toThrow('retry() was added twice')
    await end(ran)
  })
  test('a condition, at once or later, decides for each attempt', async () => {
    const seen: number[] = []
    const note = mapArgs<number>((n) => {
      seen.push(n)
      return n
    })
    const ran = await run([when((ctx) => ctx.args > 1, note), when(async (ctx) => ctx.args > 2, note)], () => 1, {
      count: 4,
    })
    expect(seen.toSorted((a, b) => a - b)).toEqual([2, 3, 3])
    expect(() => when(() => true, retry())).toThrow('retryIf')
    await end(ran)
  })
  test('a middleware that may be missing', async () => {
    expect(await result([optional(undefined), optional(false), optional(mapResult(() => 2))], () => 1)).toMatchObject({
      value: 2,
    })
    const given = log()
    expect(optional(given)).toBe(given)
    expect(() => optional(0 as any)).toThrow('takes middlewares')
    expect(() => when(true as any, given)).toThrow('takes a condition')
    expect(() => chain('log' as any)).toThrow('chain: takes middlewares')
  })
})
