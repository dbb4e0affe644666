import { afterEach, describe, expect, test, vi } from 'vitest'
import { MAX_DURATION_MS } from '../../src/duration.ts'
import { fixed } from '../../src/middleware/backoff.ts'
import type { MonitorEvent } from '../../src/monitor/event.ts'
import { Monitor } from '../../src/monitor/monitor.ts'
import { scene, settled } from '../worker/scene.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('restarts', () => {
  test('a worker that was stopped is not made again, whatever the policy says', async () => {
    const made: number[] = []
    const it = scene()
    const worker = it.builder.build(() => 1)
    const run = new Monitor()
      .shouldRestart(() => true)
      .register((restart) => {
        made.push(restart)
        return worker
      })
      .run()
    await settled()
    await worker.stop()
    await run
    expect(made).toEqual([0])
  })

  test('one that waits to be made again is not, once the monitor stops', async () => {
    const it = scene()
    let made = 0
    const monitor = new Monitor()
      .clock(it.clock)
      .restartBackoff(fixed('1h'))
      .shouldRestart(() => true)
      .register(() => {
        made += 1
        throw new Error('no connection string')
      })
    const run = monitor.run()
    await it.clock.pass(10)
    await monitor.stop()
    await run
    expect(made).toBe(1)
  })

  test('a policy that throws is told of, and the worker ends with its own error', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const heard: MonitorEvent[] = []
    const failed = new Error('worker')
    const run = new Monitor()
      .onWorker((event) => heard.push(event))
      .shouldRestart(() => {
        throw new Error('policy')
      })
      .register(() => {
        throw failed
      })
      .run()
    await expect(run).rejects.toBe(failed)
    expect(heard).toMatchObject([
      { type: 'worker-failed', error: failed, retryMs: null },
      { type: 'worker-exit', error: failed },
    ])
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('shouldRestart failed'), new Error('policy'))
  })

  test.each<[string, () => any]>([
    ['gives NaN', () => NaN],
    ['gives a negative number', () => -5],
    ['gives a promise', async () => 5],
    [
      'throws',
      () => {
        throw new Error('pause')
      },
    ],
  ])('a backoff that %s is told of, and the default stands in for it', async (_name, backoff) => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const it = scene()
    let made = 0
    const monitor = new Monitor()
      .clock(it.clock)
      .restartBackoff(backoff)
      .register(() => {
        made += 1
        throw new Error('no connection string')
      })
    const run = monitor.run()
    await it.clock.pass(60_000)
    expect(made).toBeGreaterThan(5)
    expect(made).toBeLessThan(15)
    expect(warned.mock.calls[0]?.[0]).toContain('restartBackoff')
    await monitor.stop()
    await run
  })

  test('one without end waits for as long as a duration can be', async () => {
    const it = scene()
    const heard: MonitorEvent[] = []
    const monitor = new Monitor()
      .clock(it.clock)
      .restartBackoff(() => Infinity)
      .onWorker((event) => heard.push(event))
      .register(() => {
        throw new Error('no connection string')
      })
    const run = monitor.run()
    await it.clock.pass(60_000)
    expect(heard).toMatchObject([{ type: 'worker-failed', retryMs: MAX_DURATION_MS }])
    await monitor.stop()
    await run
  })
})
