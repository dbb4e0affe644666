import { describe, expect, test } from 'vitest'
import { children, type Children } from '../../src/middleware/children.ts'
import type { TaskContext } from '../../src/worker/context.ts'
import { gate, scene } from '../worker/scene.ts'
import { end, run } from './one.ts'

const never = (): Promise<void> => new Promise(() => undefined)

describe('children', () => {
  test('run beside the handler, which waits for them when it wants to', async () => {
    const opened = gate<string>()
    const results: string[] = []
    const ran = await run([], async (_n, ctx) => {
      const side = children(ctx)
      void side.run(() => opened.promise.then((text) => results.push(text)))
      void side.run(() => results.push('at once'))
      await side.wait()
    })
    expect([await ran.statuses(), results]).toEqual(['queued/1', ['at once']])
    opened.open('later')
    await ran.it.clock.pass(10)
    expect([await ran.statuses(), results]).toEqual(['done/1', ['at once', 'later']])
    await end(ran)
  })

  test('wait() waits for those started meanwhile and throws what they threw', async () => {
    const ran = await run([], async (_n, ctx) => {
      const side = children(ctx)
      void side
        .run(async () => {
          void side.run(() => Promise.reject(new Error('second'))).catch(() => undefined)
          throw new Error('first')
        })
        .catch(() => undefined)
      await side.wait()
    })
    const [ended] = ran.it.of('task-end')
    expect(new Set((ended!.error as AggregateError).errors.map(({ message }) => message))).toEqual(
      new Set(['first', 'second']),
    )
    await end(ran)
  })

  test('one that fails unseen does not end the process, and fails nothing', async () => {
    const ran = await run([], (_n, ctx) => {
      void children(ctx).run(() => {
        throw new Error('nobody looks')
      })
      return 'done'
    })
    expect(await ran.statuses()).toBe('done/1')
    await end(ran)
  })

  test('one that takes too long is told to stop and fails with ERR_TIMEOUT', async () => {
    const reasons: unknown[] = []
    const ran = await run([], async (_n, ctx) => {
      const side = children(ctx, { maxDuration: '5s' })
      await side.run((signal) => new Promise(() => signal.addEventListener('abort', () => reasons.push(signal.reason))))
    })
    await ran.it.clock.pass(5_000)
    expect(await ran.statuses()).toBe('failed/1')
    expect(reasons).toMatchObject([{ code: 'ERR_TIMEOUT' }])
    await end(ran)
  })

  test('are told to stop with their attempt', async () => {
    const reasons: unknown[] = []
    let side: Children | undefined
    const ran = await run([], async (_n, ctx) => {
      side = children(ctx)
      await side.run(
        (signal) =>
          new Promise<void>((resolve) =>
            signal.addEventListener('abort', () => {
              reasons.push(signal.reason)
              resolve()
            }),
          ),
      )
    })
    expect(side!.size).toBe(1)
    await end(ran)
    expect([reasons, side!.size]).toMatchObject([[{ code: 'ERR_SHUTDOWN_TIMEOUT' }], 0])
  })

  test('a worker that stops waits for them, also when their handler has returned', async () => {
    const opened = gate()
    const ran = await run([], (_n, ctx) => {
      void children(ctx).run(() => opened.promise)
    })
    expect(await ran.statuses()).toBe('done/1')
    const stopped = ran.worker.stop({ timeout: '1m' })
    await ran.it.clock.pass(1_000)
    expect(ran.worker.state).toBe('stopping')
    opened.open()
    await ran.it.clock.pass(10)
    await stopped
    expect(ran.worker.state).toBe('stopped')
  })

  test('are told to stop by the deadline of the worker, also when their handler has returned', async () => {
    const reasons: unknown[] = []
    const it = scene()
    const before = it.clock.timers
    const ran = await run(
      [],
      (_n, ctx) => {
        void children(ctx)
          .run(
            (signal) =>
              new Promise<void>((resolve) =>
                signal.addEventListener('abort', () => {
                  reasons.push(signal.reason)
                  resolve()
                }),
              ),
          )
          .catch(() => undefined)
      },
      { it },
    )
    expect(await ran.statuses()).toBe('done/1')
    const stopped = ran.worker.stop({ timeout: '5s' })
    await it.clock.pass(5_010)
    await stopped
    expect(reasons).toMatchObject([{ code: 'ERR_SHUTDOWN_TIMEOUT' }])
    expect(it.clock.timers).toBe(before)
  })

  test('that do not listen leave no timer when their worker has stopped', async () => {
    for (const handler of [
      (_n: number, ctx: TaskContext<object, number>) => void children(ctx as TaskContext).run(never),
      (_n: number, ctx: TaskContext<object, number>) => children(ctx as TaskContext).run(never),
    ]) {
      const it = scene()
      const before = it.clock.timers
      const ran = await run([], handler, { it })
      await end(ran)
      expect(it.clock.timers).toBe(before)
    }
  })

  test('says what is wrong with its use', async () => {
    const thrown: string[] = []
    const ran = await run([], (_n, ctx) => {
      for (const wrong of [
        () => children(ctx, { maxDuraton: 1 } as any),
        () => children(ctx, { maxDuration: 0 }),
        () => children(ctx).run(Promise.resolve() as any),
      ]) {
        try {
          void wrong()
        } catch (error) {
          thrown.push((error as Error).message)
        }
      }
    })
    expect(thrown).toEqual([
      expect.stringContaining('did you mean "maxDuration"?'),
      expect.stringContaining('maxDuration must be between 1'),
      expect.stringContaining('takes a function (signal)'),
    ])
    await end(ran)
  })
})
