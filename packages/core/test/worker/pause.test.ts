import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { gate, scene } from './scene.ts'

describe('a queue that is paused', () => {
  test('stops its workers at once where the backend nudges, and they go on when it is resumed', async () => {
    const it = scene()
    const seen: unknown[] = []
    const opened = gate()
    const worker = it.builder.concurrency(1).build((n) => {
      seen.push(n)
      return opened.promise
    })
    await worker.start()
    await it.push(1)
    await it.clock.pass(1_000)
    await it.memory.pause('numbers', { by: 'ops' })
    await it.clock.pass(0)
    expect([worker.state, worker.health().pausedBy]).toEqual(['paused', ['queue']])
    const [second] = await it.push(1)
    opened.open()
    await it.clock.pass(60_000)
    expect([seen.length, await it.status(second!)]).toEqual([1, 'pending/0'])
    await it.memory.resume('numbers')
    await it.clock.pass(300)
    expect([worker.state, await it.status(second!)]).toEqual(['running', 'done/1'])
    expect([it.of('pause'), it.of('resume')]).toEqual([
      [{ type: 'pause', by: 'queue' }],
      [{ type: 'resume', by: 'queue' }],
    ])
    await worker.stop()
  })

  test('stops them within a beat where nothing nudges, and nothing claimed starts afterwards', async () => {
    const it = scene(() => ({ wake: undefined }))
    const ids = await it.push(300)
    const ran: number[] = []
    const opened = gate()
    const worker = it.builder.concurrency(2).build((n) => {
      ran.push(n)
      return n < 10 ? undefined : opened.promise
    })
    await worker.start()
    await it.clock.pass(10)
    await it.memory.pause('numbers')
    await it.clock.pass(2_500)
    expect(worker.isPaused).toBe(true)
    expect(await it.status(ids[20]!)).toBe('pending/0')
    const before = ran.length
    opened.open()
    await it.clock.pass(20_000)
    expect(ran).toHaveLength(before)
    await it.memory.resume('numbers')
    await it.clock.pass(5_000)
    expect(ran).toHaveLength(300)
    await worker.stop()
  })

  test('is known to a worker that starts, from its first beat', async () => {
    const it = scene(() => ({ wake: undefined }))
    await it.memory.pause('numbers')
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(0)
    expect(worker.state).toBe('paused')
    await it.memory.resume('numbers')
    await it.clock.pass(2_500)
    expect(worker.state).toBe('running')
    await worker.stop()
  })

  test('is not resumed by the worker’s own resume, nor the reverse', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(1_000)
    worker.pause()
    await it.memory.pause('numbers')
    await it.clock.pass(300)
    expect(worker.health().pausedBy).toEqual(['worker', 'queue'])
    worker.resume()
    await it.clock.pass(5_000)
    expect([worker.state, worker.health().pausedBy]).toEqual(['paused', ['queue']])
    worker.pause()
    await it.memory.resume('numbers')
    await it.clock.pass(5_000)
    expect([worker.state, worker.health().pausedBy]).toEqual(['paused', ['worker']])
    worker.resume()
    expect(worker.state).toBe('running')
    const [id] = await it.push(1)
    await it.clock.pass(10)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })
})

describe('a command to a worker', () => {
  test('pauses it and lets it work again', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(1_000)
    expect(await it.memory.commandWorker(worker.instance, 'pause')).toBe(true)
    await it.clock.pass(0)
    expect([worker.state, worker.health().pausedBy]).toEqual(['paused', ['command']])
    worker.resume()
    expect(worker.state).toBe('paused')
    await it.memory.commandWorker(worker.instance, 'work')
    await it.clock.pass(300)
    expect(worker.state).toBe('running')
    expect(it.of('command')).toEqual([
      { type: 'command', command: 'pause' },
      { type: 'command', command: 'work' },
    ])
    await worker.stop()
  })

  test('to stop ends run() as stop() would, what runs being given its time', async () => {
    const it = scene()
    const ids = await it.push(2)
    const opened = gate()
    const worker = it.builder
      .concurrency(1)
      .stopTimeout('5s')
      .build(() => opened.promise)
    const run = worker.run()
    await it.clock.pass(1_000)
    await it.memory.commandWorker(worker.instance, 'stop')
    await it.clock.pass(1_000)
    expect(it.of('stopping')).toEqual([{ type: 'stopping', running: 1, deadlineMs: 5_000 }])
    opened.open()
    await it.clock.pass(10)
    await run
    expect(await Promise.all(ids.map(it.status))).toEqual(['done/1', 'pending/0'])
  })

  test('to pause holds for the instance that follows when the lease is lost', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(1_000)
    const before = worker.instance
    await it.memory.commandWorker(before, 'pause')
    await it.clock.pass(300)
    await it.memory.deregister(before)
    await it.clock.pass(10_000)
    expect(worker.instance).not.toBe(before)
    const [id] = await it.push(1)
    await it.clock.pass(10_000)
    expect([worker.state, await it.status(id!)]).toEqual(['paused', 'pending/0'])
    await it.memory.commandWorker(worker.instance, 'work')
    await it.clock.pass(300)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })
})

test('what an instance hears that no longer claims is not obeyed', async () => {
  let lose = false
  const it = scene((memory) => ({
    async claim(request) {
      const reply = await memory.claim(request)
      if (!lose) return reply
      lose = false
      throw new QError('ERR_BACKEND_UNAVAILABLE', 'reply lost')
    },
  }))
  const opened = gate()
  await it.push(1)
  const worker = it.builder.build(() => opened.promise)
  await worker.start()
  await it.clock.pass(1_000)
  const before = worker.instance
  lose = true
  await it.push(1)
  await it.clock.pass(1_000)
  expect(worker.instance).not.toBe(before)
  // The old instance is kept for the task that runs under it, and nobody commands it.
  await it.memory.commandWorker(worker.instance, 'pause')
  await it.clock.pass(20_000)
  expect([worker.state, it.of('resume')]).toEqual(['paused', []])
  opened.open()
  await it.clock.pass(10)
  await worker.stop()
})

test('a worker says of itself how many tasks it runs and through which layers', async () => {
  const it = scene()
  const worker = it.builder
    .concurrency(7)
    .use(function traced(_ctx, next) {
      return next()
    })
    .use((_ctx, next) => next())
    .build(() => 1)
  await worker.start()
  const { items } = await it.memory.listWorkers()
  expect(items[0]?.about).toMatchObject({ concurrency: 7, middlewares: ['traced', 'anonymous'] })
  await worker.stop()
})
