import { describe, expect, test } from 'vitest'
import type { TaskReport } from '../../src/backend/visibility.ts'
import { QError } from '../../src/error.ts'
import { MAX_WAITING_CHARS } from '../../src/worker/line-queue.ts'
import { MAX_LINES, MAX_REPORTED } from '../../src/worker/reporter.ts'
import { rejection } from '../failure.ts'
import { gate, type Scene, scene } from './scene.ts'

const away = () => new QError('ERR_BACKEND_UNAVAILABLE', 'connection lost')

/** A scene whose reports are written down before they are stored. */
function heard(
  refuse: (reports: readonly TaskReport[]) => unknown = () => undefined,
): Scene & { reports: TaskReport[][] } {
  const reports: TaskReport[][] = []
  const it = scene((memory) => ({
    async report(given) {
      reports.push([...given])
      const error = refuse(given)
      if (error !== undefined) throw error
      await memory.report(given)
    },
  }))
  return { ...it, reports }
}

const messages = async (it: Scene, id: string): Promise<string[]> =>
  (await it.memory.readLog(id, { limit: 1_000 })).map(({ message }) => message)

describe('what a handler logs', () => {
  test('has the time of the wall clock, also after the machine slept', async () => {
    const it = heard()
    it.clock.suspend(3_600_000)
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => ctx.log.info('begins'))
    await worker.start()
    await it.clock.pass(10)
    await worker.stop()
    const [line] = await it.memory.readLog(id!, { limit: 1 })
    expect(Math.abs(line!.at - it.clock.wall())).toBeLessThan(1_000)
  })

  test('is stored with its task and told as events', async () => {
    const it = heard()
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => {
      ctx.log.info('begins', { n: 1 })
      const { error } = ctx.log
      error('ends')
    })
    await worker.start()
    await it.clock.pass(10)
    expect(await it.memory.readLog(id!)).toMatchObject([
      {
        attempt: 1,
        level: 'info',
        message: 'begins',
        fields: '{"n":1}',
        at: it.of('task-start').length > 0 && expect.any(Number),
      },
      { attempt: 1, level: 'error', message: 'ends', fields: null },
    ])
    expect(it.of('task-log').map(({ id: of, queue, line }) => [of, queue, line.message])).toEqual([
      [id, 'numbers', 'begins'],
      [id, 'numbers', 'ends'],
    ])
    expect(it.reports).toHaveLength(1)
    await worker.stop()
  })

  test('is written at once when nothing is under way, and in groups meanwhile', async () => {
    const held = gate()
    const it = heard()
    const ids = await it.push(30)
    let first = true
    const worker = it.builder.concurrency(30).build((n, ctx) => ctx.log.info(`line ${n}`))
    const report = it.memory.report.bind(it.memory)
    it.memory.report = async (given) => {
      if (first) {
        first = false
        await held.promise
      }
      return report(given)
    }
    await worker.start()
    await it.clock.pass(10)
    await it.push(30)
    await it.clock.pass(10)
    expect(it.reports).toHaveLength(1)
    held.open()
    await it.clock.pass(10)
    expect(it.reports).toHaveLength(2)
    expect(await messages(it, ids[0]!)).toEqual(['line 0'])
    await worker.stop()
  })

  test('is cut off after a thousand lines, and says how many were left out', async () => {
    const it = heard()
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => {
      for (let n = 0; n < MAX_LINES + 234; n++) ctx.log.debug(`line ${n}`)
    })
    await worker.start()
    await it.clock.pass(10)
    const sent = it.reports.flat().flatMap(({ lines }) => lines)
    expect(sent).toHaveLength(MAX_LINES + 1)
    expect(sent.at(-1)).toMatchObject({ level: 'warn', message: expect.stringContaining('234 further lines') })
    expect((await messages(it, id!)).at(-1)).toContain('234 further lines')
    await worker.stop()
  })

  test('never throws and never fails the task, whatever is said and whatever the store does', async () => {
    const it = heard(() => new QError('ERR_BACKEND', 'refused'))
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => {
      ctx.log.info(
        Symbol('x') as unknown as string,
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('no')
            },
          },
        ),
      )
      ctx.report({ done: Number.NaN })
      ctx.report(null as never)
    })
    await worker.start()
    await it.clock.pass(10)
    expect(await it.status(id!)).toBe('done/1')
    expect(it.of('error')).toMatchObject([
      { where: 'report', error: { code: 'ERR_OPTION' } },
      { where: 'report', error: { code: 'ERR_OPTION' } },
      { where: 'report', error: { message: 'refused' }, retryMs: null },
    ])
    await worker.stop()
    expect(it.of('log-dropped')).toEqual([{ type: 'log-dropped', lines: 1 }])
  })

  test('waits for a store that is away, in bounded memory, and the oldest goes first', async () => {
    let down = true
    const it = heard(() => (down ? away() : undefined))
    const text = 'x'.repeat(4_000)
    const ids = await it.push(3)
    const worker = it.builder.concurrency(1).build((n, ctx) => {
      for (let line = 0; line < 900; line++) ctx.log.info(`${n}.${line} ${text}`)
    })
    await worker.start()
    await it.clock.pass(20_000)
    expect(it.of('error').length).toBeGreaterThan(3)
    down = false
    await it.clock.pass(10_000)
    const dropped = it.of('log-dropped').reduce((sum, { lines }) => sum + lines, 0)
    const kept = await Promise.all(ids.map(async (id) => (await messages(it, id)).length))
    expect(kept[0]! + kept[1]! + kept[2]! + dropped).toBe(2_700)
    expect(kept[2]).toBe(900)
    expect(kept[0]).toBe(0)
    expect((kept[1]! + kept[2]!) * 4_000).toBeLessThan(MAX_WAITING_CHARS)
    expect(Math.max(...it.reports.map((reports) => reports.flatMap(({ lines }) => lines).length))).toBeLessThanOrEqual(
      MAX_REPORTED,
    )
    await worker.stop()
  })

  test('is given up after a few tries with an error nobody knows, so that the rest gets through', async () => {
    const it = heard((reports) =>
      reports.some(({ lines }) => lines.some(({ message }) => message === 'bad')) ? new Error('socket') : undefined,
    )
    let text = 'bad'
    const worker = it.builder.build((_n, ctx) => ctx.log.info(text))
    await worker.start()
    await it.push(1)
    await it.clock.pass(30_000)
    text = 'good'
    const [id] = await it.push(1)
    await it.clock.pass(10)
    expect(await messages(it, id!)).toEqual(['good'])
    expect(it.of('error')).toHaveLength(5)
    expect(it.of('log-dropped')).toEqual([{ type: 'log-dropped', lines: 1 }])
    await worker.stop()
  })

  test('is written before the worker has stopped', async () => {
    let down = true
    const it = heard(() => (down ? away() : undefined))
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => ctx.log.info('last words'))
    await worker.start()
    await it.clock.pass(10)
    const stopped = worker.stop()
    await it.clock.pass(200)
    down = false
    await it.clock.pass(2_000)
    await stopped
    expect(await messages(it, id!)).toEqual(['last words'])
  })

  test('becomes events only where the backend keeps none', async () => {
    const it = scene(() => ({ report: undefined }))
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => {
      ctx.log.warn('careful')
      ctx.report({ done: 1, total: 2 })
    })
    await worker.start()
    await it.clock.pass(10)
    expect(it.of('task-log')).toMatchObject([{ id, line: { level: 'warn', message: 'careful' } }])
    expect(it.of('task-progress')).toEqual([
      { type: 'task-progress', id, queue: 'numbers', attempt: 1, progress: { done: 1, total: 2, note: null } },
    ])
    expect(await it.memory.readLog(id!)).toEqual([])
    await worker.stop()
  })
})

describe('progress', () => {
  const progressOf = async (it: Scene, id: string): Promise<unknown> => (await it.memory.fetchById(id))?.progress?.done

  test('is written at most once a second, the last word last', async () => {
    const it = heard()
    const [id] = await it.push(1)
    const worker = it.builder.build(async (_n, ctx) => {
      for (let done = 1; done <= 50; done++) {
        ctx.report({ done, total: 50 })
        await new Promise<void>((resolve) => ctx.clock.after(100, resolve))
      }
    })
    await worker.start()
    await it.clock.pass(500)
    expect(await progressOf(it, id!)).toBe(1)
    await it.clock.pass(600)
    expect(await progressOf(it, id!)).toBe(10)
    await it.clock.pass(10_000)
    expect([await progressOf(it, id!), await it.status(id!)]).toEqual([50, 'done/1'])
    expect(it.reports.length).toBeLessThanOrEqual(6)
    expect(it.of('task-progress')).toHaveLength(50)
    await worker.stop()
    expect(it.clock.timers).toBe(0)
  })

  test('of a handler that does not end is written before the worker has stopped, due or not', async () => {
    const it = heard()
    const [id] = await it.push(1)
    const worker = it.builder.build(
      (_n, ctx) =>
        new Promise<void>(() => {
          ctx.signal.addEventListener('abort', () => {
            ctx.clock.after(600, () => ctx.report({ done: 1 }))
            ctx.clock.after(700, () => ctx.report({ done: 2 }))
          })
        }),
    )
    await worker.start()
    await it.clock.pass(10)
    const stopped = rejection('ERR_SHUTDOWN_TIMEOUT', worker.stop({ timeout: 0 }))
    await it.clock.pass(1_000)
    await stopped
    expect(await progressOf(it, id!)).toBe(2)
  })

  test('that is said just before the end is stored all the same', async () => {
    const it = heard()
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => {
      ctx.report({ done: 1 })
      ctx.report({ done: 2, note: 'all' })
    })
    await worker.start()
    await it.clock.pass(10)
    expect((await it.memory.fetchById(id!))?.progress).toEqual({ done: 2, total: null, note: 'all' })
    expect(it.reports).toHaveLength(1)
    await worker.stop()
  })

  test('of a handler that outlives its timeout is not listened to', async () => {
    const it = heard()
    await it.push(1)
    const opened = gate()
    const worker = it.builder.timeout('1s').build(async (_n, ctx) => {
      ctx.report({ done: 1 })
      await opened.promise
      ctx.report({ done: 2 })
    })
    await worker.start()
    await it.clock.pass(1_000)
    opened.open()
    await it.clock.pass(0)
    expect(it.of('task-progress').map(({ progress }) => progress.done)).toEqual([1])
    expect(it.reports.flat().map(({ progress }) => progress?.done)).toEqual([1])
    await worker.stop({ timeout: 0 })
  })

  test('that cannot be stored holds up no outcome for longer than one try', async () => {
    const it = heard(() => away())
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => ctx.report({ done: 1 }))
    await worker.start()
    await it.clock.pass(10)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })

  test('whose call never comes back holds up its outcome for five seconds', async () => {
    const it = scene(() => ({ report: () => new Promise<void>(() => undefined) }))
    const [id] = await it.push(1)
    const worker = it.builder.build((_n, ctx) => ctx.report({ done: 1 }))
    await worker.start()
    await it.clock.pass(10)
    const stopped = worker.stop()
    await it.clock.pass(4_989)
    expect(await it.status(id!)).not.toBe('done/1')
    await it.clock.pass(1)
    expect(await it.status(id!)).toBe('done/1')
    await stopped
  })
})
