import { fixed, retry, type WorkerEvent, WorkerBuilder } from '@q/core'
import { MemoryStorage } from '@q/core/memory'
import { TestWorker } from '@q/testing'
import { describe, expect, test } from 'vitest'
import { handlerOf } from './scene.ts'

const FOR_EVER_MS = 60_000

describe('a worker whose handler runs on threads', () => {
  test('does with the task what the handler says by its errors', async () => {
    await using failing = handlerOf('failAs', { threads: 1 })
    await using worker = new TestWorker((how: string, ctx) => failing.handle(how, ctx), {
      use: [retry({ retries: 3, backoff: fixed('7s') })],
    })
    for (const how of ['abort', 'retry-after', 'deferred', 'quota']) await worker.push(how)
    expect(await worker.executeNext()).toMatchObject({ outcome: 'killed', task: { error: { code: 'ERR_ABORT' } } })
    expect(await worker.executeNext()).toMatchObject({ outcome: 'failed', retryInMs: 30_000 })
    expect(await worker.executeNext()).toMatchObject({ outcome: 'deferred', retryInMs: 300_000, task: { attempt: 0 } })
    expect(await worker.executeNext()).toMatchObject({
      outcome: 'failed',
      retryInMs: 7_000,
      task: { error: { name: 'QuotaError', code: 'E_QUOTA', cause: { name: 'RangeError' } } },
    })
  })

  test('kills the task whose result cannot be passed back, without running it again', async () => {
    await using giving = handlerOf('give', { threads: 1 })
    await using worker = new TestWorker((which: string, ctx) => giving.handle(which, ctx))
    await worker.push('function')
    expect(await worker.executeNext()).toMatchObject({
      outcome: 'killed',
      task: { status: 'killed', error: { cause: { code: 'ERR_ENCODE' } } },
    })
  })

  test('ends a busy loop at the time limit: the attempt failed, the thread is gone, the next task runs', async () => {
    await using burning = handlerOf('burn', { threads: 1, grace: '50ms' })
    await using queue = new MemoryStorage<number>({ queue: 'burn' })
    const long = await queue.push(FOR_EVER_MS)
    const short = await queue.push(1)
    const worker = new WorkerBuilder('w')
      .backend(queue)
      .concurrency(1)
      .timeout('3s')
      .use(retry({ retries: 0 }))
      .build(burning)
    await worker.runUntil(queue.waitFor(short.id))
    expect(await queue.backend.fetchById(long.id)).toMatchObject({ status: 'killed', error: { code: 'ERR_TIMEOUT' } })
    expect(burning.running).toBe(0)
  })

  test('stops in time although a handler never waits, and gives the task back', async () => {
    await using burning = handlerOf('burnLoudly', { threads: 1, grace: '50ms' })
    await using queue = new MemoryStorage<number>({ queue: 'burn' })
    const { id } = await queue.push(FOR_EVER_MS)
    const channel = new BroadcastChannel('burning')
    const begun = new Promise((resolve) => (channel.onmessage = resolve))
    const worker = new WorkerBuilder('w').backend(queue).build(burning)
    await worker.start()
    await begun
    channel.close()
    await worker.stop({ timeout: 0 })
    expect(await queue.backend.fetchById(id)).toMatchObject({ status: 'pending', attempt: 0 })
  })

  test('ends a busy loop when its task is cancelled', async () => {
    await using burning = handlerOf('burnLoudly', { threads: 1, grace: '50ms' })
    await using queue = new MemoryStorage<number>({ queue: 'burn' })
    const { id } = await queue.push(FOR_EVER_MS)
    const channel = new BroadcastChannel('burning')
    const begun = new Promise((resolve) => (channel.onmessage = resolve))
    await using worker = new WorkerBuilder('w').backend(queue).build(burning)
    await worker.start()
    await begun
    channel.close()
    expect(await queue.cancel(id, 'no longer wanted')).toBe('cancelling')
    await queue.waitFor(id).catch(() => undefined)
    expect(await queue.backend.fetchById(id)).toMatchObject({
      status: 'cancelled',
      error: { code: 'ERR_CANCELLED', message: 'no longer wanted' },
    })
  })

  test('keeps what the handler says on its thread as lines and progress of the task', async () => {
    await using talking = handlerOf('talk', { threads: 1 })
    await using queue = new MemoryStorage<number>({ queue: 'talk' })
    const { id } = await queue.push(0)
    await new WorkerBuilder('w').backend(queue).build(talking).runUntil(queue.waitFor(id))
    const lines = await queue.backend.readLog(id)
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'info began',
      'warn cannot cross',
      'error ended',
    ])
    expect(await queue.backend.fetchById(id)).toMatchObject({ progress: { done: 1, total: 2, note: 'half' } })
  })

  test('counts tasks that wait for a thread as running', async () => {
    await using hanging = handlerOf('hang', { threads: 1, grace: 0 })
    await using queue = new MemoryStorage<number>({ queue: 'hang' })
    await queue.pushAll([1, 2, 3])
    const allStarted = Promise.withResolvers<void>()
    let started = 0
    const worker = new WorkerBuilder('w')
      .backend(queue)
      .concurrency(3)
      .onEvent((_, event: WorkerEvent) => {
        if (event.type === 'task-start' && ++started === 3) allStarted.resolve()
      })
      .build(hanging)
    await worker.start()
    await allStarted.promise
    await Promise.resolve()
    expect([worker.taskCount, hanging.running, hanging.waiting]).toEqual([3, 1, 2])
    await worker.stop({ timeout: 0 })
  })
})
