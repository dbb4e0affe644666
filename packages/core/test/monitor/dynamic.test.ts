import { afterEach, describe, expect, test, vi } from 'vitest'
import { QError } from '../../src/error.ts'
import { fixed } from '../../src/middleware/backoff.ts'
import type { MonitorEvent } from '../../src/monitor/event.ts'
import { Monitor } from '../../src/monitor/monitor.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'
import type { Worker } from '../../src/worker/worker.ts'
import { rejection } from '../failure.ts'
import { gate, scene, settled } from '../worker/scene.ts'

/** A worker with a label that does what it is told. */
function labelled(name: string, handler: () => unknown = () => 1): { worker: Worker; it: ReturnType<typeof scene> } {
  const it = scene()
  return { worker: new WorkerBuilder(name).backend(it.storage).clock(it.clock).build(handler), it }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('workers that come and go while it runs', () => {
  test('one that is registered starts at once, and is waited for like the others', async () => {
    const a = labelled('a')
    const b = labelled('b')
    const monitor = new Monitor().register(() => a.worker)
    const run = monitor.run()
    await settled()
    monitor.register(() => b.worker)
    await settled()
    expect(monitor.workers().map(({ name, state }) => [name, state])).toEqual([
      ['a', 'running'],
      ['b', 'running'],
    ])
    await a.worker.stop()
    await settled()
    expect(b.worker.state).toBe('running')
    await monitor.stop()
    await run
    expect(monitor.workers().map(({ state }) => state)).toEqual(['stopped', 'stopped'])
  })

  test('one that a listener registers while the first ones start is kept once, and stopped', async () => {
    const a = labelled('a')
    const b = labelled('b')
    const made = vi.fn(() => b.worker)
    const monitor = new Monitor().register(() => a.worker)
    monitor.onWorker((event) => {
      if (event.type === 'worker-start' && event.name === 'a') monitor.register(made)
    })
    const run = monitor.run()
    await settled()
    expect(monitor.workers().map(({ name, state }) => [name, state])).toEqual([
      ['a', 'running'],
      ['b', 'running'],
    ])
    await monitor.stop()
    await run
    expect([made.mock.calls.length, b.worker.state]).toEqual([1, 'stopped'])
  })

  test('one that a listener removes as it starts does not run', async () => {
    const a = labelled('a')
    const b = labelled('b')
    const makeA = () => a.worker
    const monitor = new Monitor().register(makeA).register(() => b.worker)
    const removed: Promise<boolean>[] = []
    monitor.onWorker((event) => {
      if (event.type === 'worker-start' && event.name === 'a') removed.push(monitor.remove(makeA))
    })
    const run = monitor.run()
    await settled()
    expect(await Promise.all(removed)).toEqual([true])
    expect([a.worker.state, b.worker.state]).toEqual(['idle', 'running'])
    await monitor.stop()
    await run
  })

  test('one that is removed, by name or function, stops and is not made again; the others go on', async () => {
    const a = labelled('a')
    const b = labelled('b')
    const made = vi.fn(() => a.worker)
    const makeB = () => b.worker
    const monitor = new Monitor()
      .register(made)
      .register(makeB)
      .shouldRestart(() => true)
    const run = monitor.run()
    await settled()
    expect(await monitor.remove('a')).toBe(true)
    expect([a.worker.state, b.worker.state]).toEqual(['stopped', 'running'])
    expect(monitor.workers().map(({ name }) => name)).toEqual(['b'])
    expect(await monitor.remove('a')).toBe(false)
    expect(await monitor.remove(makeB)).toBe(true)
    await run
    expect(made).toHaveBeenCalledOnce()
  })

  test('what removing a worker leaves behind is told to those who removed it, and ends nobody else', async () => {
    const a = labelled('a', () => new Promise(() => undefined))
    const b = labelled('b')
    const [id] = await a.it.push(1)
    const monitor = new Monitor().register(() => a.worker).register(() => b.worker)
    const run = monitor.run()
    await a.it.clock.pass(10)
    const removed = rejection('ERR_SHUTDOWN_TIMEOUT', monitor.remove('a', { timeout: '1s' }))
    await a.it.clock.pass(5_000)
    expect((await removed).message).toContain(id)
    expect(b.worker.state).toBe('running')
    await monitor.stop()
    await run
  })

  test('it ends with its last worker, or stays up without any until it is stopped', async () => {
    const staying = new Monitor().stayUp()
    const end = new AbortController()
    let ended = false
    const run = staying.run(end.signal).then(() => (ended = true))
    await settled()
    const { worker } = labelled('a')
    staying.register(() => worker)
    await settled()
    expect(worker.state).toBe('running')
    await staying.remove('a')
    await settled()
    expect(ended).toBe(false)
    end.abort()
    await run
    expect(ended).toBe(true)
  })

  test('one that comes while it stops is refused', async () => {
    const opened = gate()
    const a = labelled('a', () => opened.promise)
    await a.it.push(1)
    const monitor = new Monitor().register(() => a.worker)
    const run = monitor.run()
    await a.it.clock.pass(10)
    const stopped = monitor.stop()
    expect(() => monitor.register(() => labelled('b').worker)).toThrow('it is stopping')
    opened.open()
    await a.it.clock.pass(10)
    await Promise.all([stopped, run])
  })
})

describe('what it says of its workers', () => {
  test('starts, failures with the pause, and exits, to every listener', async () => {
    const it = scene()
    const broken = [new QError('ERR_SCHEMA_MISSING', 'run setup()'), undefined]
    const heard: MonitorEvent[] = []
    let also = 0
    const monitor = new Monitor()
      .clock(it.clock)
      .restartBackoff(fixed('2s'))
      .shouldRestart(() => true)
      .onWorker((event) => heard.push(event))
      .onWorker(() => (also += 1))
      .register((restart) => {
        if (restart === 0) throw broken[0]
        return it.builder.build(() => 1)
      })
    const run = monitor.run()
    await it.clock.pass(1_000)
    expect(monitor.workers()).toMatchObject([{ state: 'restarting', restarts: 0, error: broken[0] }])
    await it.clock.pass(1_000)
    expect(monitor.workers()).toMatchObject([{ name: 'w', state: 'running', restarts: 1 }])
    await monitor.stop()
    await run
    expect(heard).toEqual([
      { type: 'worker-failed', name: '', restarts: 0, error: broken[0], retryMs: 2_000 },
      { type: 'worker-start', name: 'w', restarts: 1 },
      { type: 'worker-exit', name: 'w', restarts: 1 },
    ])
    expect(also).toBe(3)
  })

  test('a failure that is final says so, with its error', async () => {
    const missing = new QError('ERR_SCHEMA_MISSING', 'run setup()')
    const heard: MonitorEvent[] = []
    const run = new Monitor()
      .onWorker((event) => heard.push(event))
      .register(() => {
        throw missing
      })
      .run()
    await expect(run).rejects.toBe(missing)
    expect(heard).toMatchObject([
      { type: 'worker-failed', error: missing, retryMs: null },
      { type: 'worker-exit', error: missing },
    ])
  })

  test('a listener that throws or rejects hurts nobody', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const { worker } = labelled('a')
    const monitor = new Monitor()
      .onWorker(() => {
        throw new Error('disk full')
      })
      .onWorker(() => Promise.reject(new Error('no network')))
      .register(() => worker)
    const run = monitor.run()
    await settled()
    expect(worker.state).toBe('running')
    await monitor.stop()
    await run
    expect(warned).toHaveBeenCalledTimes(4)
  })
})

test('stopping one that does not run does nothing, and it can run afterwards and again', async () => {
  const { worker } = labelled('a')
  const monitor = new Monitor().register(() => worker)
  await monitor.stop()
  for (let life = 0; life < 2; life++) {
    const run = monitor.run()
    await settled()
    expect(worker.state).toBe('running')
    await monitor.stop()
    await run
  }
  expect(() => monitor.stop({ timout: 1 } as any)).toThrow('did you mean "timeout"')
})
