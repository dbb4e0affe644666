import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineQueue } from '../../src/contract/queue.ts'
import { uuidv7 } from '../../src/id.ts'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'
import type { UpdateOptions } from '../../src/storage/update.ts'
import { Storage } from '../../src/storage/storage.ts'
import { failure, rejection } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'
import { error, holder } from './held.ts'

const HOUR = 3_600_000

function scene() {
  const clock = new ManualClock()
  const backend = new MemoryBackend({ clock })
  const queue = defineQueue('orders', { args: z.object({ n: z.number() }), retention: { done: '1h' } })
  return { clock, backend, storage: new MemoryStorage({ backend, queue }) }
}

describe('cancel', () => {
  test('ends what waits, asks for the end of what runs, and answers in order', async () => {
    const { backend, storage } = scene()
    const { claim } = await holder(backend, 'orders')
    const running = await storage.push({ n: 1 }, { priority: 1 })
    const waiting = await storage.push({ n: 2 })
    await claim()
    const unknown = uuidv7()
    expect(await storage.cancel([waiting.id, running.id, unknown], 'sold out')).toEqual([
      'cancelled',
      'cancelling',
      'unknown',
    ])
    expect(await storage.cancel(waiting.id.toUpperCase())).toBe('ended')
    expect(await storage.fetchById(waiting.id)).toMatchObject({
      status: 'cancelled',
      error: { code: 'ERR_CANCELLED', message: 'sold out' },
    })
    expect(await storage.fetchById(running.id)).toMatchObject({ status: 'queued', cancelling: true })
  })

  test('takes any number of ids, in batches', async () => {
    const { backend, storage } = scene()
    const receipts = await storage.pushBulk(Array.from({ length: 1_500 }, (_, n) => ({ n })))
    const sizes: number[] = []
    backend.cancel = async (ids) => {
      sizes.push(ids.length)
      return ids.map(() => 'cancelled')
    }
    const answers = await storage.cancel(receipts.map(({ id }) => id))
    expect(new Set(answers)).toEqual(new Set(['cancelled']))
    expect([answers.length, ...sizes]).toEqual([1_500, 1_000, 500])
    expect(await storage.cancel([])).toEqual([])
  })

  test('keeps a reason of any length and kind as 500 storable characters', async () => {
    const { storage } = scene()
    const { id } = await storage.push({ n: 1 })
    await storage.cancel(id, `\0\ud800${'x'.repeat(5_000)}`)
    const message = (await storage.fetchById(id))?.error?.message
    expect(message).toHaveLength(500)
    expect(message).toMatch(/^\uFFFD\uFFFDx+$/)
  })

  test('takes a reason that is a text, and the id of a receipt', async () => {
    const { storage } = scene()
    const receipt = await storage.push({ n: 1 })
    const reason = { reason: 'no longer needed' }
    expect((await rejection('ERR_OPTION', storage.cancel(receipt.id, reason as never))).message).toContain(
      'cancel: reason must be a text',
    )
    expect((await rejection('ERR_TASK_ID', storage.cancel(receipt as never))).message).toContain(
      'Pass what a push returned as receipt.id.',
    )
    await rejection('ERR_OPTION', storage.pause({ by: 5 as never }))
    expect(await storage.checkStatus([receipt.id])).toEqual(['pending'])
  })

  test('refuses what is no id, before anything is done', async () => {
    const { storage } = scene()
    const { id } = await storage.push({ n: 1 })
    await rejection('ERR_TASK_ID', storage.cancel([id, 'order-5']))
    expect(await storage.checkStatus([id])).toEqual(['pending'])
  })
})

describe('update', () => {
  test('changes what is named and leaves the rest', async () => {
    const { storage, clock } = scene()
    const { id } = await storage.push({ n: 1 }, { priority: 3, timeout: '5s', metadata: { a: '1' }, maxAttempts: 4 })
    const change = { args: { n: 2 }, runAfter: '1m', priority: -1, deadlineAfter: '1h' } as const
    expect(await storage.update(id, change)).toBe('applied')
    expect(await storage.fetchById(id)).toMatchObject({
      args: { n: 2 },
      runAt: clock.now() + 60_000,
      priority: -1,
      deadline: clock.now() + HOUR,
      timeoutMs: 5_000,
      maxAttempts: 4,
      metadata: { a: '1' },
    })
    await storage.update(id, { metadata: { b: '2' }, timeout: null, maxAttempts: null, deadline: null })
    expect(await storage.fetchById(id)).toMatchObject({
      args: { n: 2 },
      metadata: { b: '2' },
      timeoutMs: null,
      maxAttempts: null,
      deadline: null,
    })
  })

  test('answers for what is held, ended, unknown, or of another queue', async () => {
    const { backend, storage } = scene()
    const { claim } = await holder(backend, 'orders')
    const held = await storage.push({ n: 1 })
    const { token } = await claim()
    expect(await storage.update(held.id, { priority: 1 })).toBe('busy')
    await backend.settle([{ id: held.id, token, kind: 'done', result: null }])
    expect(await storage.update(held.id, { priority: 1 })).toBe('ended')
    expect(await storage.update(uuidv7(), { priority: 1 })).toBe('unknown')
    const other = await new MemoryStorage<string>({ backend, queue: 'words' }).push('x')
    expect(await storage.update(other.id, { args: { n: 1 } })).toBe('unknown')
  })

  test.each<[string, object, string]>([
    ['ERR_INVALID', { args: { n: 'one' } }, 'queue "orders": args.n: '],
    ['ERR_INVALID', { args: undefined }, 'args: '],
    ['ERR_OPTION', { prioritty: 1 }, 'update: unknown option "prioritty", did you mean "priority"?'],
    ['ERR_OPTION', { priority: 101 }, 'update: priority'],
    ['ERR_OPTION', { maxAttempts: 0 }, 'update: maxAttempts'],
    ['ERR_OPTION', { runAt: new Date(), runAfter: 1 }, 'update: give either runAt'],
    ['ERR_OPTION', { deadline: 5 }, 'update: deadline is milliseconds'],
    ['ERR_OPTION', { metadata: { n: 1 } }, 'update: metadata["n"]'],
    ['ERR_DURATION', { timeout: 'x' }, 'update: timeout'],
  ])('refuses with %s %j and changes nothing', async (code, change, message) => {
    const { storage } = scene()
    const { id } = await storage.push({ n: 1 })
    const before = await storage.fetchById(id)
    const update = storage.update(id, change as UpdateOptions<{ n: number }>)
    const thrown = await rejection(code as 'ERR_OPTION', update)
    expect(thrown.message).toContain(message)
    expect(await storage.fetchById(id)).toEqual(before)
  })
})

test('an id is one of the whole backend: tasks of other queues are acted on, except for their args and times', async () => {
  const { backend, storage } = scene()
  const words = new MemoryStorage<string>({ backend, queue: 'words' })
  const [a, b] = [await words.push('a'), await words.push('b')]
  expect(await storage.reschedule(a.id, { runAfter: '1h' })).toBe('unknown')
  expect(await storage.cancel(a.id)).toBe('cancelled')
  expect((await storage.attempts(a.id)).length).toBe(0)
  expect(await storage.resumeById(a.id)).toBe('resumed')
  expect(await storage.remove(b.id)).toBe('applied')
  expect(await words.checkStatus([a.id, b.id])).toEqual(['pending', 'unknown'])
})

test('info asks for its own queue alone, and takes it out of a longer answer', async () => {
  const { backend, storage } = scene()
  await storage.push({ n: 1 })
  await new MemoryStorage<string>({ backend, queue: 'words' }).pushBulk(['a', 'b'])
  expect((await backend.listQueues()).map(({ queue }) => queue)).toEqual(['orders', 'words'])
  expect(await backend.listQueues({ queue: 'words' })).toMatchObject([{ queue: 'words', counts: { pending: 2 } }])
  expect(await backend.listQueues({ queue: 'none' })).toEqual([])
  const asked: unknown[] = []
  const all = await backend.listQueues()
  backend.listQueues = async (filter) => {
    asked.push(filter)
    return all
  }
  expect((await storage.info()).counts.pending).toBe(1)
  expect(await storage.isPaused()).toBe(false)
  expect(asked).toEqual([{ queue: 'orders' }, { queue: 'orders' }])
})

test('reschedule moves a task that waits, and needs one time', async () => {
  const { storage, clock } = scene()
  const { id } = await storage.push({ n: 1 })
  const at = clock.now() + HOUR
  expect(await storage.reschedule(id, { runAt: at })).toBe('applied')
  expect((await storage.fetchById(id))?.runAt).toBe(at)
  expect((await rejection('ERR_OPTION', storage.reschedule(id, {}))).message).toContain('give runAt')
  const both = storage.reschedule(id, { runAt: at, runAfter: 1 })
  expect((await rejection('ERR_OPTION', both)).message).toContain('not both')
})

test('resumeById runs what ended again and what waits now; remove deletes what nobody holds', async () => {
  const { backend, storage, clock } = scene()
  const { claim } = await holder(backend, 'orders')
  const { id } = await storage.push({ n: 1 })
  const { token } = await claim()
  expect(await storage.remove(id)).toBe('busy')
  await backend.settle([{ id, token, kind: 'killed', error }])
  const later = await storage.push({ n: 2 }, { runAfter: '1h' })
  expect(await storage.resumeById([id, later.id, uuidv7()])).toEqual(['resumed', 'resumed', 'unknown'])
  expect(await storage.fetchById(id)).toMatchObject({ status: 'pending', attempt: 0 })
  expect((await storage.fetchById(later.id))?.runAt).toBe(clock.now())
  expect(await storage.resumeById(id)).toBe('resumed')
  expect(await storage.remove([id, uuidv7()])).toEqual(['applied', 'unknown'])
  expect(await storage.fetchById(id)).toBeNull()
})

test('a paused queue hands out nothing, and says who paused it', async () => {
  const { backend, storage, clock } = scene()
  const { claim } = await holder(backend, 'orders')
  await storage.push({ n: 1 })
  await storage.pause({ by: 'ada', reason: 'stock count' })
  await storage.pause({ by: 'bob' })
  expect(await claim()).toBeUndefined()
  expect(await storage.isPaused()).toBe(true)
  expect((await storage.info()).paused).toEqual({ at: clock.now(), by: 'ada', reason: 'stock count' })
  await storage.resume()
  expect(await storage.isPaused()).toBe(false)
  expect(await claim()).toMatchObject({ attempt: 1 })
  await rejection('ERR_OPTION', storage.pause({ why: 'x' } as object))
})

test('commandWorker asks one worker, which is listed with it', async () => {
  const { backend, storage } = scene()
  const { instance } = await holder(backend, 'orders')
  expect(await storage.commandWorker(instance, 'pause')).toBe(true)
  expect((await storage.workers()).items).toMatchObject([{ instance, name: 'holder', command: 'pause' }])
  expect(await storage.commandWorker(uuidv7(), 'stop')).toBe(false)
  await rejection('ERR_OPTION', storage.commandWorker(instance, 'kill' as 'stop'))
})

describe('vacuum', () => {
  test('deletes what is older than the retention of the queue, or than it is told', async () => {
    const { backend, storage, clock } = scene()
    const { claim } = await holder(backend, 'orders')
    const receipts = await storage.pushBulk([{ n: 1 }, { n: 2 }])
    for (const kind of ['done', 'killed'] as const) {
      const { id, token } = await claim()
      await backend.settle([kind === 'done' ? { id, token, kind, result: null } : { id, token, kind, error }])
    }
    expect(await storage.vacuum()).toBe(0)
    clock.advance(2 * HOUR)
    expect(await storage.vacuum()).toBe(1)
    expect(await storage.checkStatus(receipts.map(({ id }) => id))).toEqual(['unknown', 'killed'])
    expect(await storage.vacuum({ killed: '3h' })).toBe(0)
    expect(await storage.vacuum({ killed: '1h' })).toBe(1)
  })

  test('goes on until nothing is left', async () => {
    const { backend, storage } = scene()
    const left = [1_000, 1_000, 3]
    backend.vacuum = async () => left.shift() ?? 0
    expect(await storage.vacuum()).toBe(2_003)
  })

  test('needs to know what to delete', async () => {
    await rejection('ERR_OPTION', new MemoryStorage().vacuum())
    await rejection('ERR_OPTION', scene().storage.vacuum({ failed: '1d' } as object))
  })
})

test('what a backend lacks is said by name, at the call', async () => {
  const { backend } = scene()
  const bare = new Proxy(backend, {
    get: (target, name) => {
      if (!['name', 'push', 'claim', 'settle', 'wait', 'close'].includes(String(name))) return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const storage = new Storage<number>(bare)
  const id = uuidv7()
  const calls: [string, () => Promise<unknown>][] = [
    ['unique', () => storage.push(1, { unique: 'k' })],
    ['cancel', () => storage.cancel(id)],
    ['update', () => storage.update(id, { priority: 1 })],
    ['resumeById', () => storage.resumeById(id)],
    ['remove', () => storage.remove(id)],
    ['pause', () => storage.pause()],
    ['commandWorker', () => storage.commandWorker(id, 'stop')],
    ['vacuum', () => storage.vacuum({ done: 1 })],
    ['fetchById', () => storage.fetchById(id)],
    ['listTasks', () => storage.list()],
    ['countTasks', () => storage.count()],
    ['listAttempts', () => storage.attempts(id)],
    ['listQueues', () => storage.info()],
    ['listWorkers', () => storage.workers()],
    ['metrics', () => storage.metrics()],
    ['listErrorGroups', () => storage.errorGroups()],
  ]
  for (const [capability, call] of calls) {
    const { message } = await rejection('ERR_NOT_SUPPORTED', call())
    expect(message).toContain(`cannot ${capability}`)
  }
  failure('ERR_NOT_SUPPORTED', () => storage.logs(id))
  failure('ERR_NOT_SUPPORTED', () => storage.watch(id))
  failure('ERR_NOT_SUPPORTED', () => storage.events())
  expect((await storage.push(1)).outcome).toBe('created')
})
