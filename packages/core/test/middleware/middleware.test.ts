import { describe, expect, test } from 'vitest'
import { log } from '../../src/middleware/log.ts'
import { type Middleware, named } from '../../src/middleware/middleware.ts'
import { task } from '../../src/task/builder.ts'
import { retry } from '../../src/middleware/retry.ts'
import { timeout } from '../../src/middleware/timeout.ts'
import { failure } from '../failure.ts'
import { scene, gate, type Scene } from '../worker/scene.ts'

async function runOne(
  layers: readonly Middleware[],
  handler: () => unknown,
  change = (it: Scene) => it.builder,
): Promise<{ it: Scene; status: string }> {
  const it = scene()
  const [id] = await it.push(1)
  const worker = layers.reduce((builder, layer) => builder.use(layer), change(it)).build(handler)
  await worker.start()
  await it.clock.pass(10)
  const status = await it.status(id!)
  await it.clock.pass(5_000)
  await worker.stop({ timeout: 0 })
  return { it, status }
}

describe('middleware', () => {
  test('wraps in the order it was added, the first outermost', async () => {
    const said: string[] = []
    const layer =
      (name: string): Middleware =>
      async (ctx, next) => {
        said.push(`${name} in ${String(ctx.args)}`)
        const result = await next()
        said.push(`${name} out`)
        return result
      }
    await runOne([layer('a'), layer('b')], () => said.push('handler'))
    expect(said).toEqual(['a in 0', 'b in 0', 'handler', 'b out', 'a out'])
  })
  test('may answer in the handler’s place', async () => {
    let called = false
    const { status } = await runOne([() => 'cached'], () => (called = true))
    expect([status, called]).toEqual(['done/1', false])
  })
  test('that throws fails the attempt like a handler', async () => {
    const { it, status } = await runOne(
      [
        () => {
          throw new Error('closed')
        },
      ],
      () => 1,
    )
    expect(status).toBe('failed/1')
    expect(it.of('task-end')[0]).toMatchObject({ outcome: 'failed' })
  })
  test('that calls next twice fails the attempt with ERR_NEXT_TWICE', async () => {
    let runs = 0
    const { it } = await runOne(
      [
        async (_ctx, next) => {
          await next()
          return next()
        },
      ],
      () => (runs += 1),
    )
    expect(it.of('task-end')[0]).toMatchObject({
      outcome: 'failed',
      error: { code: 'ERR_NEXT_TWICE' },
    })
    expect(runs).toBe(it.of('task-end').length)
  })
  test('that does not wait for a failing next does not end the process', async () => {
    const { status } = await runOne(
      [
        (_ctx, next) => {
          void next()
          return 'early'
        },
      ],
      () => Promise.reject(new Error('late')),
    )
    expect(status).toBe('done/1')
  })
})

describe('retry', () => {
  test('retries n is n + 1 executions', async () => {
    const it = scene()
    const [id] = await it.push(1)
    const worker = it.builder.use(retry({ retries: 2, backoff: () => 10 })).build(() => {
      throw new Error('no')
    })
    await worker.start()
    await it.clock.pass(5_000)
    expect(await it.status(id!)).toBe('killed/3')
    await worker.stop()
  })
  test.each([
    [1, 'killed/1'],
    [2, 'killed/2'],
    [3, 'killed/3'],
    [5, 'killed/5'],
  ])('a task with maxAttempts %i has that many executions, fewer or more than the policy says', async (max, status) => {
    const it = scene()
    const { id } = await it.storage.push(task(1).maxAttempts(max))
    let runs = 0
    const worker = it.builder.use(retry({ retries: 2, backoff: () => 10 })).build(() => {
      runs += 1
      throw new Error('no')
    })
    await worker.start()
    await it.clock.pass(5_000)
    expect([await it.status(id), runs]).toEqual([status, max])
    await worker.stop()
  })
  test('is refused twice, and with wrong options', () => {
    const { builder } = scene()
    expect(() => builder.use(retry()).use(retry())).toThrow('retry() was added twice')
    expect(() => retry({ retires: 3 } as any)).toThrow('did you mean "retries"')
    expect(() => retry({ retries: -1 })).toThrow('retries must be a whole number from 0 to 999')
    expect(() => retry({ backoff: '1s' as any })).toThrow('backoff must be a function')
  })
})

describe('timeout', () => {
  test('fails what takes too long and aborts its signal', async () => {
    const it = scene()
    const [id] = await it.push(1)
    let reason: unknown
    const worker = it.builder
      .use(timeout('2s'))
      .build((_n, ctx) => new Promise(() => ctx.signal.addEventListener('abort', () => (reason = ctx.signal.reason))))
    await worker.start()
    await it.clock.pass(1_999)
    expect(reason).toBeUndefined()
    await it.clock.pass(1)
    expect(reason).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect((reason as Error).message).not.toContain('seconds')
    expect(await it.status(id!)).toBe('failed/1')
    await worker.stop()
  })
  test('says what may have been meant by a very short limit, whoever set it', async () => {
    const hint = 'If seconds were meant, write "30s": a plain number is milliseconds.'
    const it = scene()
    const asked = await it.storage.push(2, { timeout: 30 })
    const [id] = await it.push(1)
    const outer = it.builder.use(timeout(30)).build(() => new Promise(() => undefined))
    await outer.start()
    await it.clock.pass(40)
    for (const each of [id!, asked.id])
      expect((await it.storage.fetchById(each))?.error).toMatchObject({ message: expect.stringContaining(hint) })
    await outer.stop()
  })
  test('lets go of its timer when the handler is in time', async () => {
    const it = scene()
    await it.push(1)
    const before = it.clock.timers
    const opened = gate()
    const worker = it.builder.use(timeout('2h')).build(() => opened.promise)
    await worker.start()
    await it.clock.pass(10)
    opened.open()
    await it.clock.pass(10)
    await worker.stop()
    expect(it.clock.timers).toBe(before)
  })
})

test('log takes a logger or says what one is', () => {
  for (const logger of [{}, null, 'console', { info: () => 1 }])
    expect(failure('ERR_OPTION', () => log({ logger: logger as any })).message).toContain(
      'logger must have info(message) and error(message), such as console',
    )
})

test('a gate that fails holds nothing back and stops nobody', async () => {
  let fails = true
  const gate = {
    room() {
      if (fails) throw new Error('broken')
      return Number.NaN
    },
    watch: () => () => undefined,
  }
  const it = scene()
  const ids = await it.push(3)
  const worker = it.builder.use(named('broken', (_ctx, next) => next(), { gates: [gate] })).build(() => 1)
  await worker.start()
  await it.clock.pass(1_000)
  fails = false
  ids.push(...(await it.push(1)))
  await it.clock.pass(1_000)
  expect(await Promise.all(ids.map((id) => it.status(id)))).toEqual(['done/1', 'done/1', 'done/1', 'done/1'])
  await worker.stop()
})

test('log writes one line per attempt, and a logger that throws hurts nobody', async () => {
  const lines: string[] = []
  const logger = {
    info: (line: string) => lines.push(line),
    error: (line: string) => {
      lines.push(line)
      throw new Error('disk full')
    },
  }
  await runOne([log({ logger })], () => 1)
  const { status } = await runOne([log({ logger })], () => {
    throw new TypeError('bug')
  })
  expect(lines[0]).toMatch(/^numbers \S+ attempt 1: ok in \d+ ms$/)
  expect(lines[1]).toMatch(/attempt 1: TypeError: bug in \d+ ms$/)
  expect(status).toBe('failed/1')
})
