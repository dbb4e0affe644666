import { describe, expect, test } from 'vitest'
import { failure } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'
import { rateLimit } from '../../src/middleware/rate-limit.ts'
import * as library from '../../src/middleware/index.ts'
import { retry } from '../../src/middleware/retry.ts'
import { timeout } from '../../src/middleware/timeout.ts'
import { settled } from './scene.ts'
import { MemoryStorage } from '../../src/memory/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'

const storage = new MemoryStorage<number>({ queue: 'numbers' })
const builder = new WorkerBuilder('w')

describe('the builder answers at the call', () => {
  test.each([0, -1, 1.5, 10_001, Number.NaN, '10'])('concurrency %s', (value) => {
    expect(failure('ERR_OPTION', () => builder.concurrency(value as number)).message).toMatch(
      /^WorkerBuilder: concurrency must be a whole number from 1 to 10000, got /,
    )
  })
  test.each([
    ['lease', () => builder.lease(30), 'did you mean "30s"'],
    ['lease', () => builder.lease('2h'), 'between 1000 and 3600000'],
    ['timeout', () => builder.timeout(0), 'must be between 1'],
    ['timeout', () => builder.timeout('soon' as any), 'must be milliseconds or a string'],
    ['stopTimeout', () => builder.stopTimeout('-1s' as any), 'must be milliseconds or a string'],
    ['stallAfter', () => builder.stallAfter(1), 'between 1000'],
  ])('%s out of range', (_name, run, text) => {
    expect(failure('ERR_DURATION', run).message).toContain(text)
  })
  test.each([
    ['a name that is none', () => new WorkerBuilder(''), 'name must be 1 to 200 characters'],
    ['a pool instead of a storage', () => builder.backend({ query() {} } as any), 'backend() takes a storage'],
    ['a middleware that is none', () => builder.use({} as any), 'use() takes a middleware'],
    ['the maker of a middleware', () => builder.use(retry as any), 'call it: use(retry())'],
    ['a maker that takes options', () => builder.use(timeout as any), 'call it: use(timeout("30s"))'],
    ['a second queue', () => builder.backend(storage).backend(storage), 'backend() was called twice'],
    ['a listener that is none', () => builder.onEvent('log' as any), 'onEvent() takes a function'],
    ['a settled hook that is none', () => builder.onSettled({} as any), 'onSettled() takes a function'],
    ['data that is none', () => builder.data('db' as any), 'data() takes an object'],
    ['data of a class', () => builder.data(new Map()), 'Give it a name: data({ mailer: new Mailer() })'],
    ['data that inherits', () => builder.data(Object.create({ db() {} })), 'data() takes a plain object'],
    ['a clock that is none', () => builder.clock(Date as any), 'clock must have now() and after()'],
    ['a handler that is none', () => builder.backend(storage).build(undefined as any), 'build() takes a function'],
    ['build before backend', () => (builder as any).build(() => 1), 'call backend(storage) before build'],
  ])('%s', (_name, run, text) => {
    expect(failure('ERR_OPTION', run).message).toContain(text)
  })
  test('every function of the library that makes a middleware is told from one', () => {
    const makers = Object.entries(library).filter(([, each]) => typeof each === 'function')
    const others = ['exponential', 'fixed', 'jitter', 'children', 'named']
    for (const [name, maker] of makers.filter(([name]) => !others.includes(name)))
      expect(failure('ERR_OPTION', () => builder.use(maker as any)).message).toContain(`call it: use(${name}(`)
  })
  test('an unknown option of stop', () => {
    const worker = builder.backend(storage).build(() => 1)
    expect(() => worker.stop({ timout: 1 } as any)).toThrow('did you mean "timeout"')
  })
})

test('each method returns a new builder and leaves the old one as it was', async () => {
  const base = builder.backend(storage)
  const seen: string[] = []
  base.onEvent(() => seen.push('a'))
  const worker = base.onEvent(() => seen.push('b')).build(() => 1)
  await worker.start()
  await worker.stop()
  expect(new Set(seen)).toEqual(new Set(['b']))
  expect(worker).toBeInstanceOf(Worker)
})

test('a handler may be an object with handle()', async () => {
  const queue = new MemoryStorage<number>({ queue: 'numbers' })
  const { id } = await queue.push(20)
  const handler = {
    factor: 2,
    handle(n: number) {
      return n * this.factor
    },
  }
  await using worker = new WorkerBuilder('w').backend(queue).build(handler)
  await worker.start()
  expect(await queue.waitFor(id)).toBe(40)
})

test('onSettled hears what the store answered to each outcome, and one that fails harms nothing', async () => {
  const queue = new MemoryStorage<number>({ queue: 'numbers' })
  const ids = (await queue.pushBulk([1, 2])).map(({ id }) => id)
  const heard: string[] = []
  const errors: unknown[] = []
  const worker = new WorkerBuilder('w')
    .backend(queue)
    .onEvent((_worker, event) => event.type === 'error' && errors.push([event.where, event.error]))
    .onSettled(({ task, settlement, answer }) => void heard.push(`${task.id} ${settlement.kind} ${answer}`))
    .onSettled(() => Promise.reject(new Error('audit is down')))
    .build((n) => n * 2)
  await worker.start()
  expect(await Promise.all(ids.map((id) => queue.waitFor(id)))).toEqual([2, 4])
  await worker.stop()
  expect(heard.toSorted((a, b) => a.localeCompare(b))).toEqual(ids.map((id) => `${id} done applied`))
  expect(errors).toMatchObject(ids.map(() => ['ack', { message: 'audit is down' }]))
})

test('a worker that stops lets go of what its middlewares watch', async () => {
  const clock = new ManualClock()
  const queue = new MemoryStorage<number>({ queue: 'numbers', clock })
  await queue.push(1)
  const limit = rateLimit({ limit: 1, per: '1h' })
  const before = clock.timers
  const worker = new WorkerBuilder('w')
    .backend(queue)
    .clock(clock)
    .use(limit)
    .build(() => 1)
  await worker.start()
  await settled()
  expect(limit.gates![0]!.room(clock)).toBe(0)
  await worker.stop()
  expect(clock.timers).toBe(before)
})
