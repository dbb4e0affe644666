import { describe, expect, test } from 'vitest'
import { rateLimit } from '../../src/middleware/rate-limit.ts'
import { TokenBuckets } from '../../src/middleware/token-bucket.ts'
import { failure } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'
import { scene } from '../worker/scene.ts'
import { end, run } from './one.ts'

describe('a token bucket', () => {
  test('gives its tokens at once, then one at a time', () => {
    const clock = new ManualClock()
    const buckets = new TokenBuckets(3, 3_000)
    expect([1, 2, 3].map(() => buckets.take('a', clock))).toEqual([0, 0, 0])
    expect(buckets.take('a', clock)).toBe(1_000)
    clock.advance(999)
    expect(buckets.room(clock)).toBe(3)
    clock.advance(1)
    expect(buckets.take('a', clock)).toBe(0)
  })
  test('lines up those who come too early', () => {
    const clock = new ManualClock()
    const buckets = new TokenBuckets(1, 1_000)
    expect([1, 2, 3, 4].map(() => buckets.take('', clock))).toEqual([0, 1_000, 2_000, 3_000])
  })
  test('never gives more than its size and its speed allow, however it is asked', () => {
    const clock = new ManualClock()
    const buckets = new TokenBuckets(10, 1_000)
    let taken = 0
    for (let ms = 0; ms < 10_000; ms += 7) {
      for (let n = 0; n < 5; n++) if (buckets.take('', clock) === 0) taken += 1
      clock.advance(7)
    }
    expect(taken).toBeGreaterThanOrEqual(108)
    expect(taken).toBeLessThanOrEqual(110)
  })
  test('is not closed for longer by a clock that was set back', () => {
    const clock = new ManualClock()
    const buckets = new TokenBuckets(1, 1_000)
    buckets.take('', clock)
    clock.jump(-3_600_000)
    expect(buckets.take('', clock)).toBeLessThanOrEqual(1_000)
  })
  test('tells those who watch when the next token is there, and sets no timer without them', () => {
    const clock = new ManualClock()
    const buckets = new TokenBuckets(1, 1_000)
    buckets.take('', clock)
    expect(clock.timers).toBe(0)
    let told = 0
    const stop = buckets.watch(() => (told += 1), clock)
    clock.advance(999)
    expect(told).toBe(0)
    clock.advance(1)
    expect([told, buckets.room(clock), clock.timers]).toEqual([1, 1, 0])
    buckets.take('', clock)
    stop()
    expect(clock.timers).toBe(0)
  })
})

describe('rateLimit', () => {
  test('starts as many as it may, claims no more, and the next as tokens come', async () => {
    const at: number[] = []
    const ran = await run([rateLimit({ limit: 2, per: '2s' })], (_n, ctx) => at.push(ctx.clock.now()), { count: 6 })
    expect(at).toHaveLength(2)
    expect(await ran.statuses()).toBe('done/1 done/1 pending/0 pending/0 pending/0 pending/0')
    await ran.it.clock.pass(5_000)
    expect(at.map((time) => Math.round((time - at[0]!) / 100) * 100)).toEqual([0, 0, 1_000, 2_000, 3_000, 4_000])
    expect(ran.it.of('task-end').filter(({ outcome }) => outcome !== 'done')).toEqual([])
    await end(ran)
  })

  test('defers what comes too early for its key for exactly as long as it takes', async () => {
    const ran = await run([rateLimit<number>({ limit: 1, per: '10s', key: (n) => `k${n % 2}` })], () => 1, { count: 4 })
    expect(await ran.statuses()).toBe('done/1 done/1 pending/0 pending/0')
    const stored = await ran.it.memory.fetchById(ran.ids[2]!)
    expect(stored!.runAt - ran.it.clock.now()).toBeGreaterThan(9_900)
    expect(stored!.runAt - ran.it.clock.now()).toBeLessThanOrEqual(10_000)
    await ran.it.clock.pass(10_000)
    expect(await ran.statuses()).toBe('done/1 done/1 done/1 done/1')
    await end(ran)
  })

  test('workers that are given the same one share it', async () => {
    const shared = rateLimit({ limit: 3, per: '1m' })
    let runs = 0
    const a = await run([shared], () => (runs += 1), { count: 5 })
    const b = await run([shared], () => (runs += 1), { count: 5 })
    expect(runs).toBe(3)
    await end(a)
    await end(b)
  })

  test('across the cluster it asks the store for a token and waits as long as it says', async () => {
    const wishes: unknown[] = []
    const it = scene(() =>
      Object.assign({}, {
        acquire: async (requests: readonly object[]) => {
          wishes.push(...requests)
          return requests.map(() => ({ granted: wishes.length > 1, retryAfterMs: wishes.length > 1 ? 0 : 5_000 }))
        },
      } as object),
    )
    const ran = await run([rateLimit({ limit: 7, per: '1m', across: 'cluster', key: 'mail' })], () => 1, { it })
    expect(wishes).toEqual([{ kind: 'rate', key: 'mail', limit: 7, periodMs: 60_000 }])
    await it.clock.pass(4_980)
    expect(await ran.statuses()).toBe('pending/0')
    await it.clock.pass(1_100)
    expect(await ran.statuses()).toBe('done/1')
    await end(ran)
  })

  test('says what is wrong with its options', () => {
    expect(failure('ERR_OPTION', () => rateLimit({ limit: 0, per: '1s' })).message).toContain(
      'limit must be a whole number from 1',
    )
    expect(failure('ERR_DURATION', () => rateLimit({ limit: 1, per: 0 })).message).toContain(
      'rateLimit: per must be between 1',
    )
    expect(failure('ERR_OPTION', () => rateLimit({ limit: 1, per: '1s', perr: 1 } as any)).message).toContain(
      'did you mean "per"?',
    )
  })
})
