import { expect, test } from 'vitest'
import { exponential } from '../../src/middleware/backoff.ts'
import { retry } from '../../src/middleware/retry.ts'
import { DeferredError, RetryAfterError } from '../../src/steer.ts'
import { failure } from '../failure.ts'
import { gate, scene } from './scene.ts'

test('waits 2s, then 4s, then 8s, and stops after its retries', async () => {
  const it = scene()
  const [id] = await it.push(1)
  const at: number[] = []
  const worker = it.builder
    .use(retry({ retries: 3, backoff: exponential({ min: '2s', max: '1h', jitter: 0 }) }))
    .build(() => {
      at.push(it.clock.now())
      throw new Error('no')
    })
  await worker.start()
  await it.clock.pass(60_000)
  expect(at.map((time) => time - at[0]!)).toEqual([0, 2_000, 6_000, 14_000])
  expect(await it.status(id!)).toBe('killed/4')
  await worker.stop()
})

test('the slot is free while a task waits for its next attempt', async () => {
  const it = scene()
  await it.push(2)
  const seen: unknown[] = []
  const worker = it.builder.concurrency(1).build((n) => {
    seen.push(n)
    if (seen.length === 1) throw new RetryAfterError('later', '10s')
  })
  await worker.start()
  await it.clock.pass(9_000)
  expect(seen).toEqual([0, 1])
  await it.clock.pass(1_000)
  expect(seen).toEqual([0, 1, 0])
  await worker.stop()
})

test('a deferred attempt is not counted', async () => {
  const it = scene()
  const [id] = await it.push(1)
  let runs = 0
  const worker = it.builder.build(() => {
    if (++runs < 4) throw new DeferredError('1s')
  })
  await worker.start()
  await it.clock.pass(3_000)
  expect([runs, await it.status(id!)]).toEqual([4, 'done/1'])
  await worker.stop()
})

test('a handler that never ends fails at its timeout, frees its slot, and is named while it goes on', async () => {
  const it = scene()
  const ids = await it.push(2)
  const signals: AbortSignal[] = []
  const worker = it.builder
    .concurrency(1)
    .timeout('30s')
    .use(retry({ retries: 0 }))
    .build((n, ctx) => {
      if (n === 0) {
        signals.push(ctx.signal)
        return new Promise<void>(() => undefined)
      }
      return undefined
    })
  await worker.start()
  await it.clock.pass(29_999)
  expect(await it.status(ids[1]!)).toBe('pending/0')
  await it.clock.pass(1)
  expect(signals[0]!.reason).toMatchObject({ code: 'ERR_TIMEOUT' })
  expect([await it.status(ids[0]!), await it.status(ids[1]!)]).toEqual(['killed/1', 'done/1'])
  await it.clock.pass(10_000)
  expect(it.of('still-running')).toEqual([{ type: 'still-running', id: ids[0], attempt: 1, sinceMs: 10_000 }])
  await worker.stop()
})

test('attempts that start later expire later, each by its own time', async () => {
  const it = scene()
  const worker = it.builder
    .timeout('10s')
    .use(retry({ retries: 0 }))
    .build(() => new Promise<void>(() => undefined))
  await worker.start()
  await it.push(1)
  await it.clock.pass(4_000)
  await it.push(1)
  await it.clock.pass(5_999)
  expect(worker.taskCount).toBe(2)
  await it.clock.pass(1)
  expect(worker.taskCount).toBe(1)
  await it.clock.pass(4_000)
  expect(worker.taskCount).toBe(0)
  await worker.stop()
})

test('what a handler does after its timeout changes nothing', async () => {
  const it = scene()
  const [id] = await it.push(1)
  const late = gate<string>()
  const worker = it.builder
    .timeout('1s')
    .use(retry({ retries: 0 }))
    .build(() => late.promise)
  await worker.start()
  await it.clock.pass(1_000)
  late.open('too late')
  await it.clock.pass(20_000)
  expect(await it.status(id!)).toBe('killed/1')
  expect(it.of('still-running')).toEqual([])
  expect(it.of('task-end')).toHaveLength(1)
  expect(it.of('lease-lost')).toEqual([])
  await worker.stop()
})

test('a checkpoint is there for the next attempt', async () => {
  const it = scene()
  const [id] = await it.push(1)
  const found: unknown[] = []
  const worker = it.builder.build(async (_n, ctx) => {
    found.push(ctx.checkpoint)
    if (ctx.attempt > 1) return
    void ctx.progress(new Uint8Array([1]))
    void ctx.progress(new Uint8Array([2]))
    throw new RetryAfterError('again', '1s')
  })
  await worker.start()
  await it.clock.pass(2_000)
  expect(found).toEqual([null, new Uint8Array([2])])
  expect(await it.status(id!)).toBe('done/2')
  await worker.stop()
})

test('an error that lacks its span says which argument that is', () => {
  expect(failure('ERR_DURATION', () => new RetryAfterError('30s', undefined as never)).message).toContain(
    'RetryAfterError(cause, after): after must be milliseconds',
  )
  expect(failure('ERR_DURATION', () => new DeferredError('soon' as never)).message).toContain(
    'DeferredError(after): after must be milliseconds',
  )
})
