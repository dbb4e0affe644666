/** What middlewares hold for an attempt: it is given back with the attempt, neither before nor never. */
import { describe, expect, test } from 'vitest'
import { circuitBreaker } from '../../src/middleware/circuit-breaker.ts'
import { concurrencyLimit } from '../../src/middleware/concurrency-limit.ts'
import { log } from '../../src/middleware/log.ts'
import { catchError } from '../../src/middleware/map.ts'
import type { Middleware } from '../../src/middleware/middleware.ts'
import { rateLimit } from '../../src/middleware/rate-limit.ts'
import { retry } from '../../src/middleware/retry.ts'
import { tap } from '../../src/middleware/tap.ts'
import { timeout } from '../../src/middleware/timeout.ts'
import { type Tracer, tracing } from '../../src/middleware/tracing.ts'
import { children } from '../../src/middleware/children.ts'
import type { QError } from '../../src/error.ts'
import type { TaskContext } from '../../src/worker/context.ts'
import { scene } from '../worker/scene.ts'
import { end, run } from './one.ts'

const never = (): Promise<void> => new Promise(() => undefined)

/** Ends this long after it was asked to. */
const slowToStop = (ctx: TaskContext, ms: number): Promise<void> =>
  new Promise((_, reject) =>
    ctx.signal.addEventListener('abort', () => ctx.clock.after(ms, () => reject(ctx.signal.reason as Error))),
  )

/** Does not wait for those after it for longer than this. */
const impatient =
  (ms: number, answer?: () => unknown): Middleware =>
  (ctx, next) =>
    Promise.race([
      next(),
      new Promise<unknown>((resolve, reject) => {
        ctx.clock.after(ms, () => (answer === undefined ? reject(new Error('too slow')) : resolve(answer())))
      }),
    ])

function spans(): { readonly tracer: Tracer; readonly open: () => number; readonly started: () => number } {
  let started = 0
  let ended = 0
  return {
    tracer: {
      startSpan() {
        started += 1
        return { recordError: () => undefined, end: () => void (ended += 1) }
      },
    },
    open: () => started - ended,
    started: () => started,
  }
}

describe('a place under a limit', () => {
  test.each(['cancelled', 'given to others'])(
    'is kept by a task that was %s until its handler has ended',
    async (how) => {
      const it = scene()
      let inside = 0
      let most = 0
      const ran = await run(
        [concurrencyLimit({ limit: 1 })],
        async (_n, ctx) => {
          most = Math.max(most, ++inside)
          await slowToStop(ctx, 3_000).catch(() => undefined)
          inside -= 1
        },
        { it, count: 2 },
      )
      const [first, second] = ran.ids
      if (how === 'cancelled') await it.memory.cancel([first!])
      else await it.memory.deregister(ran.worker.instance)
      await it.clock.pass(2_900)
      expect([inside, most]).toEqual([1, 1])
      await it.clock.pass(4_000)
      expect([inside, most]).toEqual([1, 1])
      await it.memory.cancel([second!])
      await it.clock.pass(4_000)
      await end(ran)
    },
  )

  test('is free when the attempt ends, whoever ends it and whatever its handler does', async () => {
    for (const outside of [impatient(1_000), impatient(1_000, () => 'answer'), timeout('1s')]) {
      const limit = concurrencyLimit({ limit: 1 })
      const ran = await run([retry({ retries: 0 }), outside, limit], (n) => (n === 0 ? never() : n), { count: 2 })
      expect(await ran.statuses()).toContain('queued/1')
      await ran.it.clock.pass(5_000)
      expect(await ran.statuses()).toMatch(/^(?:killed|done)\/1 done\/1$/)
      expect(limit.gates![0]!.room(ran.it.clock)).toBe(1)
      await end(ran)
    }
  })

  test('is free when its worker gave the attempt up', async () => {
    const limit = concurrencyLimit({ limit: 1 })
    const ran = await run([limit], never)
    expect(limit.gates![0]!.room(ran.it.clock)).toBe(0)
    await end(ran)
    expect(limit.gates![0]!.room(ran.it.clock)).toBe(1)
  })
})

test('a trial of a circuit breaker that hangs is over with its attempt, and counts as a failure', async () => {
  for (const outside of [impatient(1_000), impatient(1_000, () => 'answer')]) {
    let hang = false
    const breaker = circuitBreaker({ failureThreshold: 1, halfOpenMaxCalls: 1, recoveryTimeout: '10s' })
    const ran = await run(
      [retry({ backoff: () => 20_000 }), outside, breaker],
      () => {
        if (hang) return never()
        throw new Error('boom')
      },
      { count: 1 },
    )
    expect(breaker.state).toBe('open')
    hang = true
    await ran.it.clock.pass(20_000)
    expect(breaker.state).toBe('half-open')
    await ran.it.clock.pass(1_000)
    expect(breaker.state).toBe('open')
    await end(ran)
  }
})

test('a circuit breaker does not count what a cancelled task throws', async () => {
  const breaker = circuitBreaker({ failureThreshold: 1 })
  const ran = await run([breaker], async (_n, ctx) => {
    await slowToStop(ctx, 10).catch(() => {
      throw new Error('interrupted')
    })
  })
  await ran.it.memory.cancel(ran.ids)
  await ran.it.clock.pass(1_000)
  expect([await ran.statuses(), breaker.state]).toEqual(['cancelled/1', 'closed'])
  await end(ran)
})

test('timeout() leaves no timer when the attempt ends before it', async () => {
  const it = scene()
  const before = it.clock.timers
  const ran = await run([impatient(1_000, () => 'answer'), timeout('1h')], never, { it })
  await it.clock.pass(1_000)
  expect(await ran.statuses()).toBe('done/1')
  await end(ran)
  expect(it.clock.timers).toBe(before)
})

test('spans, lines and observers hear the end of an attempt whose handler hangs', async () => {
  const it = scene()
  const { tracer, open, started } = spans()
  const lines: string[] = []
  const seen: string[] = []
  const [id] = await it.push(1)
  const worker = it.builder
    .timeout('1s')
    .use(retry({ retries: 0 }))
    .use(tracing({ tracer }))
    .use(log({ logger: { info: (line) => lines.push(line), error: (line) => lines.push(line) } }))
    .use(tap({ started: () => seen.push('started'), failed: (error) => seen.push((error as QError).code) }))
    .build(never)
  await worker.start()
  await it.clock.pass(2_000)
  expect([started(), open(), seen]).toEqual([1, 0, ['started', 'ERR_TIMEOUT']])
  expect(lines).toEqual([expect.stringContaining(`${id} attempt 1: QError: Task ${id} did not end within 1000 ms`)])
  await worker.stop()
})

describe('ctx.onEnd', () => {
  test('tells of every end, once, with what the attempt failed with', async () => {
    const it = scene()
    const told: unknown[] = []
    const boom = new Error('boom')
    const ran = await run(
      [
        retry({ retries: 0 }),
        (ctx, next) => {
          ctx.onEnd((error) => told.push(error))
          ctx.onEnd(() => told.push('unheard'))()
          return next()
        },
      ],
      (n) => {
        if (n === 1) throw boom
      },
      { it, count: 2 },
    )
    expect(await ran.statuses()).toBe('done/1 killed/1')
    expect(told).toEqual([undefined, boom])
    await end(ran)
  })

  test('of an attempt that has ended tells at once', async () => {
    const told: unknown[] = []
    let late: TaskContext | undefined
    const ran = await run([], (_n, ctx) => void (late = ctx as TaskContext))
    late!.onEnd(() => told.push('ended'))
    expect(told).toEqual(['ended'])
    await end(ran)
  })

  test('a listener that throws leaves a line and nothing else', async () => {
    const ran = await run([], (_n, ctx) => {
      ctx.onEnd(() => {
        throw new Error('broken')
      })
    })
    expect(await ran.statuses()).toBe('done/1')
    expect(ran.it.of('task-log')).toMatchObject([{ line: { level: 'warn', fields: '{"error":"broken"}' } }])
    await end(ran)
  })

  test('takes a function', async () => {
    const ran = await run([retry({ retries: 0 })], (_n, ctx) => ctx.onEnd('x' as any))
    expect(ran.it.of('task-end')[0]!.error).toMatchObject({ code: 'ERR_OPTION' })
    await end(ran)
  })
})

test('whatever limits, timeouts, cancels and hanging handlers do to each other, nothing is held afterwards', async () => {
  const it = scene()
  const all = concurrencyLimit({ limit: 3 })
  const byKey = concurrencyLimit<number>({ limit: 1, key: (n) => `k${n % 3}` })
  const breaker = circuitBreaker({ failureThreshold: 4, halfOpenMaxCalls: 2, recoveryTimeout: '1s' })
  const outer = spans()
  const inner = spans()
  let observed = 0
  const before = it.clock.timers
  const ids = await it.push(60)
  const worker = it.builder
    .concurrency(5)
    .timeout('4s')
    .use(retry({ retries: 1, backoff: () => 1_000 }))
    .use(tracing({ tracer: outer.tracer }))
    .use(tap({ started: () => (observed += 1), done: () => (observed -= 1), failed: () => (observed -= 1) }))
    .use((ctx, next) => (Number(ctx.args) % 5 === 1 ? impatient(500)(ctx, next) : next()))
    .use(all)
    .use(byKey)
    .use(breaker)
    .use(rateLimit({ limit: 20, per: '1s' }))
    .use(timeout('3s'))
    .use(tracing({ tracer: inner.tracer }))
    .use(catchError((error) => Promise.reject(error)))
    .build((n, ctx): unknown => {
      if (n % 7 === 0)
        void children(ctx)
          .run(never)
          .catch(() => undefined)
      if (n % 4 === 0) return never()
      if (n % 4 === 1) return slowToStop(ctx, 700)
      if (n % 4 === 2) throw new Error('boom')
      return n
    })
  await worker.start()
  for (const id of ids) {
    await it.clock.pass(400)
    if (id.charCodeAt(id.length - 1) % 2 === 0 || id === ids[4]) await it.memory.cancel([id])
  }
  const unsettled = async (): Promise<number> =>
    (await Promise.all(ids.map((id) => it.status(id)))).filter((status) => !/^(?:done|killed|cancelled)\//.test(status))
      .length
  for (let seconds = 0; seconds < 900 && (await unsettled()) > 0; seconds += 5) await it.clock.pass(5_000)
  expect([await unsettled(), worker.taskCount]).toEqual([0, 0])
  expect(all.gates![0]!.room(it.clock)).toBe(3)
  expect([outer.open(), inner.open(), observed]).toEqual([0, 0, 0])
  expect(outer.started()).toBeGreaterThanOrEqual(ids.length)
  const { id } = await it.storage.push(3)
  await it.clock.pass(10_000)
  expect([await it.status(id), breaker.state]).toEqual(['done/1', 'closed'])
  const stopped = worker.stop({ timeout: 0 }).catch(() => undefined)
  await it.clock.pass(5_000)
  await stopped
  expect(it.clock.timers).toBe(before)
})
