/** Every middleware around every other: whatever they do to each other, every path settles, once, as decided. */
import { expect, test } from 'vitest'
import { circuitBreaker } from '../../src/middleware/circuit-breaker.ts'
import { chain, optional, when } from '../../src/middleware/combine.ts'
import { concurrencyLimit } from '../../src/middleware/concurrency-limit.ts'
import { filter } from '../../src/middleware/filter.ts'
import { loadShed } from '../../src/middleware/load-shed.ts'
import { log } from '../../src/middleware/log.ts'
import { catchError, mapArgs, mapError, mapResult } from '../../src/middleware/map.ts'
import type { AnyMiddleware, Middleware } from '../../src/middleware/middleware.ts'
import { provide } from '../../src/middleware/provide.ts'
import { rateLimit } from '../../src/middleware/rate-limit.ts'
import { retry } from '../../src/middleware/retry.ts'
import { tap } from '../../src/middleware/tap.ts'
import { timeout } from '../../src/middleware/timeout.ts'
import { tracing } from '../../src/middleware/tracing.ts'
import { AbortError, DeferredError, RetryAfterError } from '../../src/steer.ts'
import { type Scene, scene } from '../worker/scene.ts'

const quiet = { info: () => undefined, error: () => undefined }
const tracer = { startSpan: () => ({ recordError: () => undefined, end: () => undefined }) }

/** Each lets everything through as it is. */
const passing: Readonly<Record<string, () => AnyMiddleware>> = {
  retry: () => seldom(),
  timeout: () => timeout('1m'),
  concurrencyLimit: () => concurrencyLimit({ limit: 100 }),
  'concurrencyLimit by key': () => concurrencyLimit({ limit: 100, key: 'k' }),
  rateLimit: () => rateLimit({ limit: 100, per: '1s' }),
  'rateLimit by key': () => rateLimit({ limit: 100, per: '1s', key: 'k' }),
  loadShed: () => loadShed({ when: () => false }),
  filter: () => filter(async () => true),
  mapArgs: () => mapArgs((args) => args),
  mapResult: () => mapResult((result) => result),
  mapError: () => mapError((error) => error),
  catchError: () => catchError((error) => Promise.reject(error)),
  circuitBreaker: () => circuitBreaker({ failureThreshold: 100 }),
  tap: () => tap({}),
  provide: () => provide('x', () => 1),
  tracing: () => tracing({ tracer }),
  log: () => log({ logger: quiet }),
  chain: () =>
    chain(
      tap({}),
      mapResult((result) => result),
    ),
  when: () => when(() => true, tap({})),
  optional: () => optional(null),
}

/** Each refuses every task, with the status that makes. */
const refusing: Readonly<Record<string, readonly [() => AnyMiddleware, string]>> = {
  'filter that kills': [() => filter(() => false), 'killed/1'],
  'filter that cancels': [() => filter(() => false, { otherwise: 'cancel' }), 'cancelled/1'],
  'filter that defers': [() => filter(() => false, { otherwise: 'defer', retryAfter: '1h' }), 'pending/0'],
  'filter that is content': [() => filter(() => false, { otherwise: 'done' }), 'done/1'],
  'load that is shed': [() => loadShed({ when: () => true, min: '1h' }), 'pending/0'],
  'a limit without room': [() => full(concurrencyLimit({ limit: 1, key: 'k', retryAfter: '1h' })), 'pending/0'],
  'a rate without tokens': [() => full(rateLimit({ limit: 1, per: '1h', key: 'k' })), 'pending/0'],
}

const HANDLED = 'done/1 failed/1 failed/1 killed/1 pending/0 failed/1'

function handler(n: number): unknown {
  const ends = [
    () => 'result',
    () => Promise.reject(new Error('boom')),
    () => Promise.reject(new RetryAfterError('busy', '1h')),
    () => Promise.reject(new AbortError('enough')),
    () => Promise.reject(new DeferredError('1h')),
    () => new Promise(() => undefined),
  ]
  return ends[n]?.()
}

/** No second attempt while a test looks. */
function seldom(): Middleware {
  return retry({ retries: 5, backoff: () => 3_600_000 })
}

/** Takes the only place before each task comes. */
function full(limit: Middleware): Middleware {
  return async (ctx, next) => {
    void Promise.resolve(limit(ctx, () => new Promise(() => undefined))).catch(() => undefined)
    return limit(ctx, next)
  }
}

async function statuses(layers: readonly AnyMiddleware[], count: number): Promise<{ it: Scene; said: string }> {
  const it = scene()
  const ids = await it.push(count)
  let builder = it.builder.timeout('5s')
  for (const layer of layers) builder = builder.use(layer as Middleware)
  if (!layers.some((layer) => layer.retry !== undefined)) builder = builder.use(seldom())
  const worker = builder.build(handler)
  await worker.start()
  await it.clock.pass(5_100)
  const said = (await Promise.all(ids.map((id) => it.status(id)))).join(' ')
  expect(
    it
      .of('task-end')
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(ids.toSorted())
  expect(worker.taskCount).toBe(0)
  await worker.stop()
  return { it, said }
}

const pairs = Object.keys(passing).flatMap((outer) => Object.keys(passing).map((inner) => [outer, inner] as const))

test.each(Object.keys(passing))('%s around every other settles every task as its handler ended', async (name) => {
  for (const [outer, inner] of pairs.filter(([each]) => each === name)) {
    if (outer === 'retry' && inner === 'retry') continue
    const { said } = await statuses([passing[outer]!(), passing[inner]!()], 6)
    expect([outer, inner, said]).toEqual([outer, inner, HANDLED])
  }
})

test('all together, in this order and the reverse, settle every task as its handler ended', async () => {
  const all = Object.values(passing)
  expect(
    (
      await statuses(
        all.map((make) => make()),
        6,
      )
    ).said,
  ).toBe(HANDLED)
  expect(
    (
      await statuses(
        all.toReversed().map((make) => make()),
        6,
      )
    ).said,
  ).toBe(HANDLED)
})

test.each(Object.keys(refusing))('%s decides, whatever is around it or within', async (name) => {
  const [make, status] = refusing[name]!
  for (const [other, pass] of Object.entries(passing)) {
    const within = await statuses([pass(), make()], 1)
    const around = await statuses([make(), pass()], 1)
    expect([other, within.said, around.said]).toEqual([other, status, status])
  }
})
