import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { fixed } from '../../src/middleware/backoff.ts'
import { Monitor } from '../../src/monitor/monitor.ts'
import { rejection } from '../failure.ts'
import { gate, scene, settled } from '../worker/scene.ts'

/** A worker whose start fails while `broken` says with what. */
function fragile(broken: () => unknown) {
  return scene((memory) => ({
    async register(worker) {
      const error = broken()
      if (error !== undefined) throw error
      return memory.register(worker)
    },
  }))
}

describe('a monitor', () => {
  test('runs several workers and stops them together', async () => {
    const a = scene()
    const b = scene()
    const workers = [a, b].map((it) => it.builder.build(() => 1))
    const heard = new Set<string>()
    const monitor = new Monitor().onEvent((worker) => heard.add(worker.instance))
    for (const worker of workers) monitor.register(() => worker)
    const run = monitor.run()
    await settled()
    expect(workers.map(({ state }) => state)).toEqual(['running', 'running'])
    await monitor.stop()
    await run
    expect(workers.map(({ state }) => state)).toEqual(['stopped', 'stopped'])
    expect(heard.size).toBeGreaterThanOrEqual(2)
  })

  test('ends by itself once all workers have stopped, and does not restart them', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    let made = 0
    const run = new Monitor()
      .register(() => {
        made += 1
        return worker
      })
      .run()
    await settled()
    await worker.stop()
    await run
    expect(made).toBe(1)
  })

  test('stops with a signal, and at once with one that has aborted', async () => {
    const end = new AbortController()
    const run = new Monitor().register(() => scene().builder.build(() => 1)).run(end.signal)
    await settled()
    end.abort()
    await run
    await new Monitor().register(() => scene().builder.build(() => 1)).run(AbortSignal.abort())
  })

  test('makes a failed worker again after a pause, telling the factory which restart it is', async () => {
    let broken: unknown = undefined
    const it = fragile(() => broken)
    const made: number[] = []
    const worker = it.builder.build(() => 1)
    const monitor = new Monitor()
      .clock(it.clock)
      .restartBackoff(fixed('2s'))
      .shouldRestart(() => true)
      .register((restart) => {
        made.push(restart)
        if (restart > 0 && restart < 3) throw new Error('no connection string')
        broken = restart === 0 ? new QError('ERR_SCHEMA_MISSING', 'run setup()') : undefined
        return worker
      })
    const run = monitor.run()
    await it.clock.pass(1_999)
    expect(made).toEqual([0])
    await it.clock.pass(1)
    expect(made).toEqual([0, 1])
    await it.clock.pass(10_000)
    expect(made).toEqual([0, 1, 2, 3])
    expect(worker.state).toBe('running')
    await monitor.stop()
    await run
  })

  test('gives up at once on what repeating cannot help, stops the others, and keeps the error', async () => {
    const missing = new QError('ERR_SCHEMA_MISSING', 'run setup()')
    const healthy = scene().builder.build(() => 1)
    const run = new Monitor()
      .register(() => healthy)
      .register(() => fragile(() => missing).builder.build(() => 1))
      .run()
    await expect(run).rejects.toBe(missing)
    expect(healthy.state).toBe('stopped')
  })

  test('keeps every error', async () => {
    const failing = (code: 'ERR_SCHEMA_MISSING' | 'ERR_SCHEMA_NEWER') =>
      fragile(() => new QError(code, code)).builder.build(() => 1)
    const run = new Monitor()
      .register(() => failing('ERR_SCHEMA_MISSING'))
      .register(() => failing('ERR_SCHEMA_NEWER'))
      .run()
    const error: unknown = await run.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AggregateError)
    expect((error as AggregateError).errors.map(({ code }) => code)).toEqual(['ERR_SCHEMA_MISSING', 'ERR_SCHEMA_NEWER'])
  })

  test('passes on which tasks a worker left behind', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const monitor = new Monitor()
      .shutdownTimeout('1s')
      .register(() => it.builder.build(() => new Promise(() => undefined)))
    const run = rejection('ERR_SHUTDOWN_TIMEOUT', monitor.run())
    await it.clock.pass(10)
    monitor.stop().catch(() => undefined)
    await it.clock.pass(3_000)
    expect((await run).message).toContain(id)
  })

  test('ends when what it was given makes no worker, and says what it made', async () => {
    for (const made of [undefined, Promise.resolve(scene().builder.build(() => 1))]) {
      let calls = 0
      const monitor = new Monitor().register(() => {
        calls += 1
        return made as any
      })
      const { message } = await rejection('ERR_OPTION', monitor.run())
      expect(message).toContain('register() takes a function that returns a worker')
      expect(calls).toBe(1)
    }
  })

  test('says what is wrong with its use', async () => {
    expect(() => new Monitor().register({} as any)).toThrow('register() takes a function')
    await rejection('ERR_OPTION', new Monitor().run())
    expect(() => new Monitor().clock({} as any)).toThrow('Monitor: clock must have now() and after()')
    expect(() => new Monitor().shutdownTimeout('soon' as any)).toThrow('shutdownTimeout')
    const monitor = new Monitor().register(() => scene().builder.build(() => 1))
    const run = monitor.run()
    await rejection('ERR_WORKER_STATE', monitor.run())
    await monitor.stop()
    await run
  })
})

describe('runWithSignal', () => {
  test('stops at the first signal, hurries at the second, and gives the signals back', async () => {
    const listeners = process.listenerCount('SIGTERM')
    const it = scene()
    await it.push(1)
    const aborted = gate<unknown>()
    const worker = it.builder.build(
      (_n, ctx) =>
        new Promise<void>((resolve) =>
          ctx.signal.addEventListener('abort', () => {
            aborted.open(ctx.signal.reason)
            resolve()
          }),
        ),
    )
    const run = new Monitor()
      .shutdownTimeout('1h')
      .register(() => worker)
      .runWithSignal()
    await it.clock.pass(10)
    process.emit('SIGTERM')
    await it.clock.pass(60_000)
    expect([worker.state, worker.taskCount]).toEqual(['stopping', 1])
    process.emit('SIGINT')
    await it.clock.pass(10)
    expect(await aborted.promise).toMatchObject({ code: 'ERR_SHUTDOWN_TIMEOUT' })
    await run
    expect(process.listenerCount('SIGTERM')).toBe(listeners)
  })
})
