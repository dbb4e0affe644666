import { describe, expect, test } from 'vitest'
import { retry } from '../../src/middleware/retry.ts'
import { DeferredError, RetryAfterError } from '../../src/steer.ts'
import type { NewTask, TaskId } from '../../src/task/task.ts'
import { gate, type Scene, scene } from './scene.ts'

const never = () => new Promise<void>(() => undefined)

async function pushWith(it: Scene, limits: Pick<NewTask, 'timeoutMs' | 'deadline'>): Promise<TaskId> {
  const [receipt] = await it.memory.push([{ ...it.storage.encode(1), ...limits }])
  return receipt!.id
}

async function errorOf(it: Scene, id: TaskId) {
  return (await it.memory.fetchById(id))?.error
}

describe('a task with a timeout of its own', () => {
  test('may have less time than its worker gives, or more', async () => {
    const it = scene()
    const worker = it.builder
      .timeout('10s')
      .use(retry({ retries: 0 }))
      .build(never)
    await worker.start()
    const short = await pushWith(it, { timeoutMs: 3_000 })
    const long = await pushWith(it, { timeoutMs: 30_000 })
    const [plain] = await it.push(1)
    await it.clock.pass(3_000)
    expect(await it.status(short)).toBe('killed/1')
    expect(await errorOf(it, short)).toMatchObject({ code: 'ERR_TIMEOUT', message: expect.stringContaining('3000 ms') })
    await it.clock.pass(6_999)
    expect(worker.taskCount).toBe(2)
    await it.clock.pass(1)
    expect(await it.status(plain!)).toBe('killed/1')
    await it.clock.pass(19_999)
    expect(worker.taskCount).toBe(1)
    await it.clock.pass(1)
    expect(await it.status(long)).toBe('killed/1')
    await worker.stop()
    expect(it.clock.timers).toBe(0)
  })

  test('takes its timer with it when it ends in time', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(1_000)
    const before = it.clock.timers
    const id = await pushWith(it, { timeoutMs: 3_600_000 })
    await it.clock.pass(10)
    expect([await it.status(id), it.clock.timers - before]).toEqual(['done/1', 0])
    await worker.stop()
    expect(it.clock.timers).toBe(0)
  })
})

describe('a task with a deadline', () => {
  test('that passes while it waits claimed is killed without running', async () => {
    const it = scene()
    const tasks = Array.from({ length: 300 }, (_, n) => ({
      ...it.storage.encode(n),
      deadline: n === 20 ? { afterMs: 500 } : null,
    }))
    await it.memory.push(tasks)
    const { id } = tasks[20]!
    const ran: number[] = []
    const opened = gate()
    const worker = it.builder.concurrency(2).build((n) => {
      ran.push(n)
      return n < 10 ? undefined : opened.promise
    })
    await worker.start()
    await it.clock.pass(501)
    expect([await it.status(id), ran.includes(20)]).toEqual(['queued/1', false])
    opened.open()
    await it.clock.pass(5_000)
    expect([await it.status(id), ran.length]).toEqual(['killed/1', 299])
    expect(await errorOf(it, id)).toMatchObject({ code: 'ERR_DEADLINE' })
    expect(it.of('task-end').find((event) => event.id === id)).toMatchObject({ outcome: 'killed', durationMs: 0 })
    await worker.stop()
  })

  test('that passes while it runs is aborted and killed, whatever the retry policy says', async () => {
    const it = scene()
    let asked = 0
    const signals: AbortSignal[] = []
    const worker = it.builder.use(retry({ retries: 9, retryIf: () => (asked += 1) > 0 })).build((_n, ctx) => {
      signals.push(ctx.signal)
      return never()
    })
    await worker.start()
    const id = await pushWith(it, { deadline: { afterMs: 4_000 } })
    await it.clock.pass(3_999)
    expect([await it.status(id), signals[0]?.aborted]).toEqual(['running/1', false])
    await it.clock.pass(1)
    expect(signals[0]?.reason).toMatchObject({ code: 'ERR_DEADLINE' })
    expect([await it.status(id), asked]).toEqual(['killed/1', 0])
    await worker.stop()
  })

  test('is killed at once when its next attempt would come too late, and keeps what it failed with', async () => {
    const it = scene()
    const worker = it.builder.build(() => {
      throw new RetryAfterError(new Error('busy'), '5s')
    })
    await worker.start()
    const id = await pushWith(it, { deadline: { afterMs: 12_000 } })
    await it.clock.pass(9_999)
    expect(await it.status(id)).toBe('failed/2')
    await it.clock.pass(1_000)
    expect(await it.status(id)).toBe('killed/3')
    expect(await errorOf(it, id)).toMatchObject({ code: 'ERR_DEADLINE', cause: { message: 'busy' } })
    await worker.stop()
  })

  test('is killed when it puts itself off beyond it', async () => {
    const it = scene()
    const worker = it.builder.build(() => {
      throw new DeferredError('1h')
    })
    await worker.start()
    const id = await pushWith(it, { deadline: { afterMs: 60_000 } })
    await it.clock.pass(10)
    expect(await it.status(id)).toBe('killed/1')
    expect(await errorOf(it, id)).toMatchObject({ code: 'ERR_DEADLINE' })
    await worker.stop()
  })

  test('has no more time than its timeout, and no more than its worker gives', async () => {
    const it = scene()
    const worker = it.builder
      .timeout('10s')
      .use(retry({ retries: 0 }))
      .build(never)
    await worker.start()
    const own = await pushWith(it, { timeoutMs: 2_000, deadline: { afterMs: 60_000 } })
    const plain = await pushWith(it, { deadline: { afterMs: 60_000 } })
    await it.clock.pass(2_000)
    expect(await errorOf(it, own)).toMatchObject({ code: 'ERR_TIMEOUT' })
    await it.clock.pass(8_000)
    expect(await errorOf(it, plain)).toMatchObject({ code: 'ERR_TIMEOUT' })
    await worker.stop()
  })
})

test('every outcome says how long its attempt ran', async () => {
  const ran: unknown[] = []
  const it = scene((memory) => ({
    settle(items) {
      ran.push(...items.map(({ kind, ranMs }) => [kind, ranMs]))
      return memory.settle(items)
    },
  }))
  const worker = it.builder
    .concurrency(1)
    .use(retry({ retries: 1 }))
    .build(async (n, ctx) => {
      await new Promise<void>((resolve) => ctx.clock.after(100 * (n + 1), resolve))
      if (n === 1) throw new RetryAfterError('again', '1h')
      if (n === 2) throw new DeferredError('1h')
    })
  await worker.start()
  await it.push(3)
  await it.clock.pass(2_000)
  expect(ran.filter(([, ms]: any) => ms !== undefined)).toEqual([
    ['done', 100],
    ['failed', 200],
    ['deferred', 300],
  ])
  await worker.stop()
})
