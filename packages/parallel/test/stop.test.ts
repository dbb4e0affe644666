import { describe, expect, test } from 'vitest'
import { attemptOf, handlerOf, rejection } from './scene.ts'

/** Longer than any of these tests may take: what ends earlier was ended. */
const FOR_EVER_MS = 60_000

describe('when the signal aborts', () => {
  test('the handler hears of it on its thread, with the reason, and may end in its own way', async () => {
    await using handler = handlerOf('waitForSignal', { threads: 1, grace: '30s' })
    const { ctx, begun, abort } = attemptOf()
    const run = handler.handle(0, ctx)
    await begun
    abort(new Error('no longer wanted'))
    expect(await run).toBe('stopped: no longer wanted')
  })

  test('a loop that never waits can ask, and the reason itself comes back', async () => {
    await using handler = handlerOf('burnUntilAsked', { threads: 1, grace: '30s' })
    const { ctx, begun, abort } = attemptOf()
    const run = handler.handle(0, ctx)
    await begun
    const reason = new Error('no longer wanted')
    abort(reason)
    expect(await rejection(run)).toBe(reason)
  })

  test.each(['burnLoudly', 'hang'])('%s goes on and is ended with its thread after the grace period', async (name) => {
    await using handler = handlerOf(name, { threads: 1, grace: '100ms' })
    const first = attemptOf()
    const run = rejection(handler.handle(FOR_EVER_MS, first.ctx))
    await first.begun
    const reason = new Error('no longer wanted')
    const before = performance.now()
    first.abort(reason)
    expect(await run).toBe(reason)
    expect(performance.now() - before).toBeGreaterThan(90)
    const second = attemptOf()
    const next = rejection(handler.handle(FOR_EVER_MS, second.ctx))
    await second.begun
    second.abort(reason)
    expect(await next, 'another thread takes the next task').toBe(reason)
  })

  test('a grace of 0 ends the thread at once', async () => {
    await using handler = handlerOf('waitForSignal', { threads: 1, grace: 0 })
    const { ctx, begun, abort } = attemptOf()
    const run = rejection(handler.handle(0, ctx))
    await begun
    const reason = new Error('now')
    abort(reason)
    expect(await run).toBe(reason)
  })

  test('a task that waits for a thread leaves at once, and the others keep their places', async () => {
    await using handler = handlerOf('waitForSignal', { threads: 1, grace: '30s' })
    const [first, second, third] = [attemptOf(), attemptOf(), attemptOf()] as const
    const runs = [first, second, third].map(({ ctx }) => handler.handle(0, ctx))
    await first.begun
    const reason = new Error('not even begun')
    second.abort(reason)
    expect(await rejection(runs[1]!)).toBe(reason)
    expect([handler.running, handler.waiting]).toEqual([1, 1])
    first.abort(new Error('first'))
    await third.begun
    third.abort(new Error('third'))
    expect(await Promise.all([runs[0], runs[2]])).toEqual(['stopped: first', 'stopped: third'])
    expect(second.said).toEqual([])
  })

  test('a task whose signal has aborted already is not run', async () => {
    await using handler = handlerOf('talk', { threads: 1 })
    const { ctx, said, abort } = attemptOf()
    const reason = new Error('too late')
    abort(reason)
    expect(await rejection(handler.handle(0, ctx))).toBe(reason)
    expect(said).toEqual([])
  })

  test('a task whose signal aborts before a thread was asked is not run', async () => {
    await using handler = handlerOf('hang', { threads: 1, grace: '30s' })
    const { ctx, said, abort } = attemptOf()
    const run = rejection(handler.handle(FOR_EVER_MS, ctx))
    const reason = new Error('too late')
    abort(reason)
    expect(await run).toBe(reason)
    expect(said).toEqual([])
  })

  test('a task that was handed to a thread which still starts is not run', async () => {
    await using handler = handlerOf('talk', { threads: 1 })
    const { ctx, said, abort } = attemptOf()
    const run = rejection(handler.handle(0, ctx))
    await Promise.resolve()
    const reason = new Error('too late')
    abort(reason)
    expect(await run).toBe(reason)
    expect(await handler.handle(0, attemptOf().ctx)).toBe('said')
    expect(said).toEqual([])
  })
})
