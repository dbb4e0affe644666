import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { rejection } from '../failure.ts'
import { gate, scene, settled } from './scene.ts'

const never = () => new Promise<void>(() => undefined)

describe('stop', () => {
  test('waits for what runs and claims nothing more', async () => {
    const it = scene()
    const ids = await it.push(3)
    const opened = gate()
    const worker = it.builder.concurrency(1).build(() => opened.promise)
    await worker.start()
    await it.clock.pass(10)
    const stopped = worker.stop()
    expect(worker.state).toBe('stopping')
    await it.clock.pass(10)
    opened.open()
    await it.clock.pass(10)
    await stopped
    expect(worker.state).toBe('stopped')
    expect(await Promise.all(ids.map(it.status))).toEqual(['done/1', 'pending/0', 'pending/0'])
  })

  test('gives back the tasks of a claim that comes home late', async () => {
    const held = gate()
    const it = scene((memory) => ({
      async claim(request) {
        const reply = await memory.claim(request)
        await held.promise
        return reply
      },
    }))
    const [id] = await it.push(1)
    let ran = false
    const worker = it.builder.build(() => {
      ran = true
    })
    await worker.start()
    await it.clock.pass(10)
    expect(await it.status(id!)).toBe('queued/1')
    const stopped = worker.stop()
    held.open()
    await it.clock.pass(10)
    await stopped
    expect([ran, await it.status(id!)]).toEqual([false, 'pending/0'])
  })

  test('aborts signals at the deadline and names what does not end', async () => {
    const it = scene()
    const ids = await it.push(2)
    const reasons: unknown[] = []
    const worker = it.builder.stopTimeout('5s').build((n, ctx) => {
      ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason))
      return n === 0
        ? never()
        : new Promise<void>((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)))
    })
    const run = rejection('ERR_SHUTDOWN_TIMEOUT', worker.run())
    await it.clock.pass(10)
    const stopped = rejection('ERR_SHUTDOWN_TIMEOUT', worker.stop())
    await it.clock.pass(4_999)
    expect(reasons).toEqual([])
    await it.clock.pass(1_001)
    expect(reasons).toEqual([
      expect.objectContaining({ code: 'ERR_SHUTDOWN_TIMEOUT' }),
      expect.objectContaining({ code: 'ERR_SHUTDOWN_TIMEOUT' }),
    ])
    expect((await run).message).toContain(`1 tasks did not end and are given back: ${ids[0]}`)
    expect(await stopped).toBe(await run)
    // Neither failed by itself: the one that left when asked and the one that did not keep their attempts.
    expect(await Promise.all(ids.map(it.status))).toEqual(['pending/0', 'pending/0'])
  })

  test('is over for handlers that end after it', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const opened = gate()
    const worker = it.builder.build(() => opened.promise)
    await worker.start()
    await it.clock.pass(10)
    const stopped = rejection('ERR_SHUTDOWN_TIMEOUT', worker.stop({ timeout: 0 }))
    await it.clock.pass(2_000)
    await stopped
    opened.open()
    await it.clock.pass(10)
    expect(it.of('task-end')).toEqual([])
    expect(await it.status(id!)).toBe('pending/0')
  })

  test('names at most ten', async () => {
    const it = scene()
    await it.push(12)
    const worker = it.builder.concurrency(12).build(never)
    await worker.start()
    await it.clock.pass(10)
    const stopped = rejection('ERR_SHUTDOWN_TIMEOUT', worker.stop({ timeout: 0 }))
    await it.clock.pass(2_000)
    expect((await stopped).message).toMatch(/12 tasks .*( and 2 more)/)
  })

  test('called again brings the deadline forward', async () => {
    const it = scene()
    await it.push(1)
    const worker = it.builder
      .stopTimeout('1h')
      .build((_n, ctx) => new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve())))
    await worker.start()
    await it.clock.pass(10)
    const stopped = worker.stop()
    await it.clock.pass(60_000)
    expect(worker.isStopping).toBe(true)
    void worker.stop({ timeout: 0 })
    await it.clock.pass(10)
    await stopped
    expect(worker.isStopped).toBe(true)
  })

  test('ends in time although the store is away, and says what was not stored', async () => {
    let away = false
    const down = () => {
      throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
    }
    const it = scene((memory) => ({
      async settle(items) {
        return away ? down() : memory.settle(items)
      },
      async deregister(id) {
        return away ? down() : memory.deregister(id)
      },
    }))
    await it.push(1)
    const worker = it.builder.stopTimeout('3s').build(() => {
      away = true
    })
    await worker.start()
    await it.clock.pass(10)
    const stopped = rejection('ERR_SHUTDOWN_TIMEOUT', worker.stop())
    await it.clock.pass(5_100)
    expect((await stopped).message).toContain('1 outcomes could not be stored')
  })

  test('from inside a handler is no deadlock', async () => {
    const it = scene()
    await it.push(1)
    const worker = it.builder.build((_n, ctx) => void ctx.worker.stop())
    const run = worker.run()
    await it.clock.pass(10)
    await run
  })

  test('leaves no timer behind', async () => {
    const it = scene()
    await it.push(5)
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(5_000)
    await worker.stop()
    expect(it.clock.timers).toBe(0)
  })
})

describe('run', () => {
  test('rejects when the worker runs already, and can be repeated after it stopped', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const worker = it.builder.build(() => 1)
    await worker.start()
    const first = worker.instance
    await rejection('ERR_WORKER_STATE', worker.run())
    await worker.stop()
    await worker.start()
    expect(worker.instance).not.toBe(first)
    await it.clock.pass(10)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })

  test.each(['ERR_CLOSED', 'ERR_SCHEMA_MISSING', 'ERR_SCHEMA_NEWER'] as const)(
    'rejects with %s at the start',
    async (code) => {
      const it = scene(() => ({
        register: async () => {
          throw new QError(code, 'no')
        },
      }))
      const worker = it.builder.build(() => 1)
      await rejection(code, worker.run())
      expect(worker.state).toBe('stopped')
      expect(it.clock.timers).toBe(0)
    },
  )

  test('waits for a store that is not up yet', async () => {
    let tries = 0
    const it = scene((memory) => ({
      async register(worker) {
        if (++tries < 4) throw new QError('ERR_BACKEND_UNAVAILABLE', 'starting up')
        return memory.register(worker)
      },
    }))
    const worker = it.builder.build(() => 1)
    const started = worker.start()
    await it.clock.pass(3_000)
    await started
    expect([worker.state, it.of('error').length]).toEqual(['running', 3])
    await worker.stop()
  })

  test('can be stopped while it waits for the store', async () => {
    const it = scene(() => ({
      register: async () => {
        throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
      },
      deregister: async () => undefined,
    }))
    const worker = it.builder.build(() => 1)
    const run = worker.run()
    await it.clock.pass(1_000)
    void worker.stop()
    await it.clock.pass(1_000)
    await run
  })
})

describe('runUntil', () => {
  test('ends with a signal', async () => {
    const it = scene()
    const end = new AbortController()
    const worker = it.builder.build(() => 1)
    const run = worker.runUntil(end.signal)
    await it.clock.pass(10)
    expect(worker.isRunning).toBe(true)
    end.abort()
    await it.clock.pass(10)
    await run
  })
  test('does not begin for long with a signal that has aborted', async () => {
    const it = scene()
    await it.builder.build(() => 1).runUntil(AbortSignal.abort())
  })
  test('ends with a promise, passing its rejection on', async () => {
    const it = scene()
    const end = gate()
    const run = expect(it.builder.build(() => 1).runUntil(end.promise)).rejects.toThrow('broken')
    end.fail(new Error('broken'))
    await it.clock.pass(10)
    await run
  })
  test('refuses what is no end, and can be run afterwards', async () => {
    const worker = scene().builder.build(() => 1)
    for (const end of [undefined, null, 5, 'soon', {}])
      await rejection('ERR_OPTION', worker.runUntil(end as unknown as AbortSignal))
    expect(worker.state).toBe('idle')
    await worker.runUntil(AbortSignal.abort())
  })
  test('stops at the end of an await using block', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    {
      await using living = worker
      await living.start()
    }
    expect(worker.isStopped).toBe(true)
  })
})

describe('pause', () => {
  test('starts nothing, keeps its lease, gives the buffer back; resume goes on', async () => {
    const it = scene()
    const seen: unknown[] = []
    const opened = gate()
    const worker = it.builder.concurrency(1).build((n) => {
      seen.push(n)
      return opened.promise
    })
    await worker.start()
    await it.push(1)
    await it.clock.pass(10)
    worker.pause()
    expect([worker.state, worker.isPaused]).toEqual(['paused', true])
    const [second] = await it.push(1)
    opened.open()
    await it.clock.pass(60_000)
    expect([seen.length, await it.status(second!)]).toEqual([1, 'pending/0'])
    worker.resume()
    await it.clock.pass(10)
    expect([seen.length, await it.status(second!)]).toEqual([2, 'done/1'])
    expect(it.of('lease-lost')).toEqual([])
    await worker.stop()
  })
  test('is refused by a worker that does not run', async () => {
    const worker = scene().builder.build(() => 1)
    expect(() => worker.pause()).toThrow('cannot pause: it is idle')
    await worker.start()
    await worker.stop()
    expect(() => worker.resume()).toThrow('cannot resume: it is stopped')
  })
  test('a paused worker stops like any other', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    await worker.start()
    worker.pause()
    await worker.stop()
    await settled()
    expect(worker.state).toBe('stopped')
  })
})
