import { afterEach, describe, expect, test, vi } from 'vitest'
import { type CircuitBreakerOptions, circuitBreaker } from '../../src/middleware/circuit-breaker.ts'
import { Circuit, type CircuitRules } from '../../src/middleware/circuit.ts'
import type { Middleware } from '../../src/middleware/middleware.ts'
import { AbortError, DeferredError } from '../../src/steer.ts'
import { failure } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'
import { end, run } from './one.ts'

/** Lets each task through a millisecond after the one before. */
const oneByOne: Middleware = async (ctx, next) => {
  await new Promise<void>((resolve) => void ctx.clock.after(Number(ctx.args), resolve))
  return next()
}

const rules: CircuitRules = {
  failureThreshold: 3,
  windowMs: 1e12,
  recoveryMs: 10_000,
  successThreshold: 0.5,
  halfOpenMaxCalls: 3,
}

function circuit(more: Partial<CircuitRules> = {}) {
  const clock = new ManualClock()
  const changes: string[] = []
  const it = new Circuit({ ...rules, ...more }, (to) => changes.push(to))
  return {
    clock,
    it,
    changes,
    call: (...ends: ('success' | 'failure' | 'neither')[]) => {
      for (const each of ends) it.enter(clock)?.(each)
    },
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a circuit', () => {
  test('opens after as many failures in a row as its threshold says', () => {
    const { it, clock, call } = circuit()
    call('failure', 'failure')
    expect(it.state(clock)).toBe('closed')
    call('failure')
    expect(it.state(clock)).toBe('open')
    expect(it.enter(clock)).toBeUndefined()
  })
  test('begins to count anew after a success', () => {
    const { it, clock, call } = circuit()
    call('failure', 'failure', 'success', 'failure', 'failure')
    expect(it.state(clock)).toBe('closed')
  })
  test('forgets failures that are older than its window', () => {
    const { it, clock, call } = circuit({ windowMs: 1_000 })
    call('failure', 'failure')
    clock.advance(1_000)
    call('failure')
    expect(it.state(clock)).toBe('closed')
    call('failure', 'failure')
    expect(it.state(clock)).toBe('open')
  })
  test('tries again by time alone, and lets only so many through', () => {
    const { it, clock, call } = circuit()
    call('failure', 'failure', 'failure')
    clock.advance(9_999)
    expect([it.state(clock), it.waitMs(clock)]).toEqual(['open', 1])
    clock.advance(1)
    expect(it.state(clock)).toBe('half-open')
    const trials = [1, 2, 3, 4].map(() => it.enter(clock))
    expect(trials.map((each) => each !== undefined)).toEqual([true, true, true, false])
  })
  test('closes as soon as enough trials succeeded, and opens again as soon as enough failed', () => {
    const { it, clock, call, changes } = circuit()
    call('failure', 'failure', 'failure')
    clock.advance(10_000)
    call('failure', 'failure')
    expect(it.state(clock)).toBe('open')
    clock.advance(10_000)
    call('failure', 'success', 'success')
    expect(it.state(clock)).toBe('closed')
    call('failure', 'failure')
    expect(it.state(clock)).toBe('closed')
    expect(changes).toEqual(['open', 'half-open', 'open', 'half-open', 'closed'])
  })
  test('honours a share of one: a single failed trial opens it', () => {
    const { it, clock, call } = circuit({ successThreshold: 1 })
    call('failure', 'failure', 'failure')
    clock.advance(10_000)
    call('success', 'failure')
    expect(it.state(clock)).toBe('open')
  })
  test('a trial that says nothing gives its place back', () => {
    const { it, clock, call } = circuit({ halfOpenMaxCalls: 1, failureThreshold: 1 })
    call('failure')
    clock.advance(10_000)
    call('neither', 'neither', 'neither')
    expect(it.room(clock)).toBe(1)
    call('success')
    expect(it.state(clock)).toBe('closed')
  })
  test('calls that were let through before a change do not count after it', () => {
    const { it, clock, call } = circuit()
    const late = [1, 2, 3].map(() => it.enter(clock)!)
    call('failure', 'failure', 'failure')
    clock.advance(10_000)
    expect(it.state(clock)).toBe('half-open')
    for (const end of late) end('success')
    expect([it.state(clock), it.room(clock)]).toEqual(['half-open', 3])
  })
  test('tells those who watch when it opens and when it tries again, with no timer left', () => {
    const { it, clock, call } = circuit()
    const told: string[] = []
    const stop = it.watch(() => told.push(it.state(clock)), clock)
    call('failure', 'failure', 'failure')
    clock.advance(10_000)
    expect(told).toEqual(['open', 'half-open'])
    stop()
    expect(clock.timers).toBe(0)
  })
})

describe('circuitBreaker', () => {
  const options: CircuitBreakerOptions = { failureThreshold: 2, recoveryTimeout: '30s', halfOpenMaxCalls: 2 }

  test('runs nothing while it is open, claims nothing, and closes once trials succeed', async () => {
    const changes: string[] = []
    const breaker = circuitBreaker({ ...options, onStateChange: (to, from) => changes.push(`${from} → ${to}`) })
    let broken = true
    let runs = 0
    const ran = await run(
      [breaker],
      () => {
        runs += 1
        if (broken) throw new Error('refused')
      },
      { count: 8, concurrency: 1 },
    )
    expect([runs, breaker.state]).toEqual([2, 'open'])
    const before = ran.it.of('claimed').length
    await ran.it.clock.pass(25_000)
    expect([runs, ran.it.of('claimed').length]).toEqual([2, before])
    expect(ran.it.of('task-end').filter(({ outcome }) => outcome === 'deferred')).toEqual([])
    broken = false
    await ran.it.clock.pass(20_000)
    expect([breaker.state, changes]).toEqual(['closed', ['closed → open', 'open → half-open', 'half-open → closed']])
    expect((await ran.statuses()).replaceAll(/\/\d/g, '')).toBe(Array(8).fill('done').join(' '))
    await end(ran)
  })

  test('defers what was claimed before it opened, with the reason and the attempt given back', async () => {
    const ran = await run(
      [oneByOne, circuitBreaker({ ...options, failureThreshold: 1 })],
      () => {
        throw new Error('refused')
      },
      { count: 3, concurrency: 3 },
    )
    expect(await ran.statuses()).toBe('failed/1 pending/0 pending/0')
    expect(ran.it.of('task-end')[1]).toMatchObject({
      outcome: 'deferred',
      error: { code: 'ERR_DEFERRED', cause: { code: 'ERR_CIRCUIT_OPEN' } },
    })
    await end(ran)
  })

  test('opens for all workers that share it', async () => {
    const breaker = circuitBreaker({ ...options, failureThreshold: 1 })
    const a = await run([breaker], () => Promise.reject(new Error('refused')))
    let runs = 0
    const b = await run([breaker], () => (runs += 1))
    expect([breaker.state, runs]).toEqual(['open', 0])
    await end(a)
    await end(b)
  })

  test('counts a handler that never ends as a failure once it timed out, also among the trials', async () => {
    const breaker = circuitBreaker({ ...options, failureThreshold: 1, halfOpenMaxCalls: 1 })
    const ran = await run([breaker], () => new Promise(() => undefined))
    await end(ran)
    expect(breaker.state).toBe('closed')
    const timed = await run([breaker], () => new Promise(() => undefined))
    await timed.it.clock.pass(900_000)
    expect(breaker.state).toBe('open')
    await end(timed)
  })

  test('abort and defer say nothing of what is protected, and failIf decides otherwise', async () => {
    const steering = [new AbortError('no such mailbox'), new DeferredError('1h')]
    const plain = circuitBreaker({ failureThreshold: 1 })
    const strict = circuitBreaker({ failureThreshold: 1, failIf: () => true })
    for (const breaker of [plain, strict]) {
      const ran = await run([breaker], (n) => Promise.reject(steering[n]), { count: 2 })
      await end(ran)
    }
    expect([plain.state, strict.state]).toEqual(['closed', 'open'])
  })

  test('a listener that throws hurts nobody', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const breaker = circuitBreaker({
      failureThreshold: 1,
      onStateChange: () => {
        throw new Error('disk full')
      },
    })
    const ran = await run([breaker], () => Promise.reject(new Error('refused')))
    expect([await ran.statuses(), breaker.state]).toEqual(['failed/1', 'open'])
    expect(warned).toHaveBeenCalledOnce()
    await end(ran)
  })

  test.each<[any, string]>([
    [{ failureThreshold: 0 }, 'failureThreshold must be a whole number from 1'],
    [{ halfOpenMaxCalls: 0 }, 'halfOpenMaxCalls must be a whole number from 1'],
    [{ successThreshold: 0 }, 'successThreshold must be a number above 0 and at most 1, got 0'],
    [{ successThreshold: 50 }, 'got 50'],
    [{ recoveryTimeot: '1s' }, 'did you mean "recoveryTimeout"?'],
    [{ failIf: true }, 'failIf must be a function'],
  ])('%j is refused', (wrong, message) => {
    expect(failure('ERR_OPTION', () => circuitBreaker(wrong)).message).toContain(message)
  })
})
