import { describe, expect, test } from 'vitest'
import { MemoryBackend } from '../../src/memory/index.ts'
import { ManualClock } from '../manual-clock.ts'
import { newTask, boom, LEASE_MS, Setup } from './setup.ts'

async function watching(queues: readonly string[] = ['q']) {
  const setup = new Setup()
  const nudges: string[] = []
  const stop = await setup.backend.wake(queues, (queue) => nudges.push(queue))
  /** Nudges since the last look. */
  const seen = (): string[] => nudges.splice(0)
  return { setup, seen, stop }
}

describe('a nudge comes', () => {
  test('once per queue and push, for the queues asked for', async () => {
    const { setup, seen } = await watching(['a', 'b', 'b'])
    await setup.backend.push(['a', 'a', 'b', 'c'].map((queue) => newTask({ queue })))
    expect(seen()).toEqual(['a', 'b'])
  })

  test('when a scheduled task comes due, the earliest first', async () => {
    const { setup, seen } = await watching()
    await setup.push({ due: { afterMs: 5_000 } })
    await setup.push({ due: { afterMs: 2_000 } })
    expect(seen()).toEqual([])
    expect(setup.clock.nextMs).toBe(2_000)
    setup.clock.advance(1_999)
    expect(seen()).toEqual([])
    setup.clock.advance(1)
    expect(seen()).toEqual(['q'])
    setup.clock.advance(3_000)
    expect(seen()).toEqual(['q'])
    expect(setup.clock.timers).toBe(0)
  })

  test('when a task scheduled before the subscription comes due', async () => {
    const setup = new Setup()
    await setup.push({ due: { afterMs: 1_000 } })
    const nudges: string[] = []
    await setup.backend.wake(['q'], (queue) => nudges.push(queue))
    setup.clock.advance(1_000)
    expect(nudges).toEqual(['q'])
  })

  test('for a scheduled task also while others are due and nobody claims them', async () => {
    const { setup, seen } = await watching()
    await setup.push()
    await setup.push({ due: { afterMs: 1_000 } })
    seen()
    await setup.claim(await setup.instance(), 10)
    setup.clock.advance(1_000)
    expect(seen()).toEqual(['q'])
  })

  test('for a retry, a deferral, a release, a return and a recovery', async () => {
    const { setup, seen } = await watching()
    await setup.push()
    const instance = await setup.instance()
    seen()
    await setup.settle(await setup.claimOne(instance), {
      kind: 'failed',
      error: boom,
      retryAfterMs: 500,
    })
    expect(seen()).toEqual([])
    setup.clock.advance(500)
    expect(seen()).toEqual(['q'])
    await setup.settle(await setup.claimOne(instance), { kind: 'deferred', afterMs: 500 })
    setup.clock.advance(500)
    expect(seen()).toEqual(['q'])
    await setup.settle(await setup.claimOne(instance), { kind: 'released' })
    expect(seen()).toEqual(['q'])
    await setup.claimOne(instance)
    await setup.backend.deregister(instance)
    expect(seen()).toEqual(['q'])
    await setup.claimOne(await setup.instance())
    setup.clock.advance(LEASE_MS)
    await setup.backend.sweep()
    expect(seen()).toEqual(['q'])
  })

  test('for follow-on tasks, in their queue', async () => {
    const { setup, seen } = await watching(['q', 'next'])
    await setup.push()
    const claimed = await setup.claimOne(await setup.instance())
    seen()
    await setup.settle(claimed, {
      kind: 'done',
      result: null,
      follow: [newTask({ queue: 'next' })],
    })
    expect(seen()).toEqual(['next'])
  })
})

describe('no nudge comes', () => {
  test('after the subscription ended, which leaves no timer; ending it again does nothing', async () => {
    const { setup, seen, stop } = await watching()
    await setup.push({ due: { afterMs: 1_000 } })
    expect(setup.clock.timers).toBe(1)
    stop()
    stop()
    expect(setup.clock.timers).toBe(0)
    await setup.push()
    setup.clock.advance(1_000)
    expect(seen()).toEqual([])
  })

  test('for a duplicate', async () => {
    const { setup, seen } = await watching()
    await setup.push({ key: 'k' })
    seen()
    await setup.push({ key: 'k' })
    expect(seen()).toEqual([])
  })

  test('after the backend was closed, which leaves no timer', async () => {
    const { setup, seen } = await watching()
    await setup.push({ due: { afterMs: 1_000 } })
    await setup.backend.close()
    expect(setup.clock.timers).toBe(0)
    expect(seen()).toEqual([])
  })
})

test('one subscription ending leaves the others of its queue', async () => {
  const { setup, seen, stop } = await watching()
  let others = 0
  await setup.backend.wake(['q'], () => (others += 1))
  stop()
  await setup.push({ due: { afterMs: 1_000 } })
  setup.clock.advance(1_000)
  expect(seen()).toEqual([])
  expect(others).toBe(1)
})

test('a nudge that throws fails neither the push nor other nudges', async () => {
  const setup = new Setup()
  let others = 0
  await setup.backend.wake(['q'], () => {
    throw new Error('hostile')
  })
  await setup.backend.wake(['q'], () => (others += 1))
  await setup.push()
  expect(others).toBe(1)
})

test('a timer that fires a moment too early is set again', async () => {
  const clock = new ManualClock()
  const after = clock.after.bind(clock)
  clock.after = (ms, run) => after(Math.max(1, ms - 2), run)
  const backend = new MemoryBackend({ clock })
  const nudges: number[] = []
  await backend.wake(['q'], () => nudges.push(clock.now()))
  const at = clock.now() + 1_000
  await backend.push([newTask({ due: { at } })])
  clock.advance(2_000)
  expect(nudges).toEqual([at])
})
