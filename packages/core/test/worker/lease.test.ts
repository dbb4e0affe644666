import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { gate, scene } from './scene.ts'

/** A queue that cannot be paused: the worker has nothing to ask for before its first regular beat. */
const noPause = { pause: undefined }

describe('a heartbeat', () => {
  test('comes four times per lease and names what has been at work for half a second', async () => {
    const it = scene(() => noPause)
    const opened = gate()
    const worker = it.builder.lease('8s').build(() => opened.promise)
    await worker.start()
    await it.clock.pass(1_600)
    const [id] = await it.push(1)
    await it.clock.pass(399)
    expect(it.of('heartbeat')).toEqual([])
    await it.clock.pass(1)
    expect(await it.status(id!)).toBe('queued/1')
    await it.clock.pass(2_000)
    expect(await it.status(id!)).toBe('running/1')
    await it.clock.pass(60_000)
    expect(it.of('heartbeat').length).toBe(32)
    expect(it.of('lease-lost')).toEqual([])
    opened.open()
    await it.clock.pass(10)
    await worker.stop()
  })

  test('that hears of a lost task aborts that one alone', async () => {
    let gone: string | undefined
    const it = scene((memory) => ({
      async beat(request) {
        const reply = await memory.beat(request)
        return { ...reply, lost: request.running.map(({ id }) => id).filter((id) => id === gone) }
      },
    }))
    const ids = await it.push(2)
    const signals: AbortSignal[] = []
    const opened = gate()
    const worker = it.builder.build((_n, ctx) => {
      signals.push(ctx.signal)
      return opened.promise
    })
    await worker.start()
    await it.clock.pass(10)
    gone = ids[0]
    await it.clock.pass(10_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    expect(signals[0]!.reason).toMatchObject({ code: 'ERR_LEASE_LOST' })
    expect(it.of('lease-lost')).toMatchObject([{ id: ids[0] }])
    opened.open()
    await it.clock.pass(10)
    expect(it.of('task-end').map(({ outcome }) => outcome)).toEqual(['lost', 'done'])
    expect(await it.status(ids[0]!)).toBe('running/1')
    await worker.stop()
  })

  test('without an answer is given up after half the lease, and the next one keeps it', async () => {
    let hang = true
    const it = scene((memory) => ({
      ...noPause,
      beat: (request) => (hang ? new Promise(() => undefined) : memory.beat(request)),
    }))
    const worker = it.builder.lease('10s').build(() => 1)
    await worker.start()
    await it.clock.pass(7_400)
    hang = false
    await it.clock.pass(3_000)
    expect(it.of('error')).toMatchObject([{ where: 'beat' }])
    expect(it.of('heartbeat').length).toBeGreaterThan(0)
    await worker.stop()
  })
})

describe('a machine that slept', () => {
  test('starts nothing until a beat has said whether the lease still stands', async () => {
    let answered = gate()
    let asked = 0
    const it = scene((memory) => ({
      ...noPause,
      async beat(request) {
        asked += 1
        await answered.promise
        return memory.beat(request)
      },
    }))
    const worker = it.builder.lease('20s').build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    expect(worker.health().leaseHeld).toBe(true)
    it.clock.suspend(3_600_000)
    expect(worker.health().leaseHeld).toBe(false)
    const [id] = await it.push(1)
    await it.clock.pass(1_000)
    expect([asked, it.of('task-start')]).toEqual([1, []])
    answered.open()
    await it.clock.pass(1_000)
    expect(await it.status(id!)).toBe('done/1')
    expect(it.of('lease-lost')).toEqual([])
    await worker.stop()
  })

  test('does not distrust its lease because the wall clock was set back', async () => {
    const it = scene(() => noPause)
    const worker = it.builder.lease('20s').build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    it.clock.suspend(-3_600_000)
    expect(worker.health().leaseHeld).toBe(true)
    await it.clock.pass(19_000)
    expect(worker.health().leaseHeld).toBe(true)
    await worker.stop()
  })
})

describe('a lost lease', () => {
  test('aborts every signal, forgets the buffer, and the worker goes on under a new id', async () => {
    const it = scene()
    const ids = await it.push(300)
    const signals: AbortSignal[] = []
    let block = true
    const ran: number[] = []
    const opened = gate()
    const worker = it.builder.concurrency(2).build((n, ctx) => {
      ran.push(n)
      if (n < 10 || !block) return undefined
      signals.push(ctx.signal)
      return opened.promise
    })
    await worker.start()
    await it.clock.pass(10)
    const before = worker.instance
    expect(await it.status(ids[20]!)).toBe('queued/1')
    // The process stands still for longer than its lease, and someone sweeps.
    it.clock.jump(30_000)
    await it.memory.sweep()
    block = false
    await it.clock.pass(3_000)
    expect(worker.instance).not.toBe(before)
    expect(it.of('lease-lost')[0]).toEqual({ type: 'lease-lost', instance: before })
    expect(signals.map(({ reason }) => reason)).toEqual([
      expect.objectContaining({ code: 'ERR_LEASE_LOST' }),
      expect.objectContaining({ code: 'ERR_LEASE_LOST' }),
    ])
    expect(ran.filter((n) => n === 20)).toHaveLength(0)
    opened.open()
    await it.clock.pass(10_000)
    expect(ran.filter((n) => n === 20)).toHaveLength(1)
    expect(await it.status(ids[20]!)).toBe('done/2')
    await worker.stop()
  })

  test('is found by a claim too', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    const before = worker.instance
    await it.memory.deregister(before)
    const [id] = await it.push(1)
    await it.clock.pass(100)
    expect(worker.instance).not.toBe(before)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })
})

describe('a lease in doubt', () => {
  test('starts nothing that was buffered until a beat has come back', async () => {
    let answer = true
    const it = scene(
      (memory) => ({
        async beat(request) {
          if (!answer) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
          return memory.beat(request)
        },
        async claim(request) {
          if (!answer) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
          return memory.claim(request)
        },
      }),
      { bufferSize: 50 },
    )
    await it.push(100)
    const ran: number[] = []
    const opened = gate()
    const worker = it.builder.concurrency(1).build((n) => {
      ran.push(n)
      return n === 10 ? opened.promise : undefined
    })
    await worker.start()
    await it.clock.pass(1)
    const before = ran.length
    expect(before).toBe(11)
    answer = false
    it.clock.jump(10_001)
    opened.open()
    await it.clock.pass(300)
    expect(ran.length).toBe(before)
    expect(it.of('error').some(({ where }) => where === 'beat')).toBe(true)
    answer = true
    await it.clock.pass(10_000)
    expect(ran.length).toBe(100)
    await worker.stop()
  })
})

test('sweeps for the dead, again while there is more, and takes up what came back', async () => {
  let sweeps = 0
  const it = scene((memory) => ({
    async sweep() {
      sweeps += 1
      return { ...(await memory.sweep()), more: sweeps < 4 }
    },
  }))
  const [id] = await it.push(1)
  await it.memory.register({ instance: 'dead', name: 'dead', queues: ['numbers'], leaseMs: 1_000 })
  await it.memory.claim({ instance: 'dead', queues: [{ queue: 'numbers', limit: 1 }] })
  const worker = it.builder.lease('8s').build(() => 1)
  await it.clock.pass(1_500)
  await worker.start()
  await it.clock.pass(2_100)
  expect(sweeps).toBeGreaterThanOrEqual(4)
  expect(it.of('swept')).toMatchObject([{ instances: 1, recovered: 1 }])
  expect(await it.status(id!)).toBe('done/2')
  await worker.stop()
})

test('a worker in doubt of its own lease does not sweep, lest it takes itself for dead', async () => {
  let away = false
  let sweeps = 0
  const it = scene((memory) => ({
    async beat(request) {
      if (away) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
      return memory.beat(request)
    },
    sweep() {
      sweeps += 1
      return memory.sweep()
    },
  }))
  const opened = gate()
  const [id] = await it.push(1)
  const worker = it.builder.build(() => opened.promise)
  await worker.start()
  await it.clock.pass(10_000)
  away = true
  await it.clock.pass(10_000)
  const before = sweeps
  expect(before).toBeGreaterThan(0)
  await it.clock.pass(40_000)
  expect(sweeps).toBe(before)
  away = false
  await it.clock.pass(10_000)
  expect(sweeps).toBeGreaterThan(before)
  opened.open()
  await it.clock.pass(10)
  expect(await it.status(id!)).toBe('done/1')
  expect(it.of('lease-lost')).toEqual([])
  await worker.stop()
})
