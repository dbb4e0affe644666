import { sleep } from '@q/core'
import { expect, test, vi } from 'vitest'
import { VIRTUAL_START_MS, VirtualClock } from '../src/index.ts'

test('time stands still until it is advanced', async () => {
  const clock = new VirtualClock()
  expect(clock.now()).toBe(VIRTUAL_START_MS)
  await clock.advance('1m')
  expect(clock.now()).toBe(VIRTUAL_START_MS + 60_000)
})

test('timers run in the order of their time, equal ones in the order they were set', async () => {
  const clock = new VirtualClock(0)
  const ran: string[] = []
  clock.after(20, () => ran.push(`late ${clock.now()}`))
  clock.after(10, () => ran.push(`first ${clock.now()}`))
  clock.after(10, () => ran.push(`second ${clock.now()}`))
  await clock.advance(30)
  expect(ran).toEqual(['first 10', 'second 10', 'late 20'])
  expect(clock.now()).toBe(30)
})

test('a timer runs at its time, not before', async () => {
  const clock = new VirtualClock()
  const run = vi.fn()
  clock.after(100, run)
  await clock.advance(99)
  expect(run).not.toHaveBeenCalled()
  expect([clock.pending, clock.nextMs]).toEqual([1, 1])
  await clock.advance(1)
  expect(run).toHaveBeenCalledOnce()
  expect([clock.pending, clock.nextMs]).toEqual([0, null])
})

test('a timer set by another runs in the same advance when its time comes', async () => {
  const clock = new VirtualClock(0)
  const ran: number[] = []
  const again = (): void => {
    ran.push(clock.now())
    clock.after(10, again)
  }
  clock.after(10, again)
  await clock.advance(35)
  expect(ran).toEqual([10, 20, 30])
})

test('promises settle between timers, and timers set by them are seen', async () => {
  const clock = new VirtualClock(0)
  const ran: string[] = []
  const slow = async (): Promise<void> => {
    await sleep(clock, 10)
    for (let i = 0; i < 20; i++) await Promise.resolve()
    ran.push(`woken ${clock.now()}`)
    await sleep(clock, 5)
    ran.push(`woken again ${clock.now()}`)
  }
  clock.after(11, () => ran.push(`other ${clock.now()}`))
  const done = slow()
  await clock.advance(20)
  await done
  expect(ran).toEqual(['woken 10', 'other 11', 'woken again 15'])
})

test('a cancelled timer never runs, and cancelling twice is fine', async () => {
  const clock = new VirtualClock()
  const run = vi.fn()
  const cancel = clock.after(5, run)
  cancel()
  cancel()
  await clock.advance(10)
  expect(run).not.toHaveBeenCalled()
  expect(clock.pending).toBe(0)
})

test('advance(0) runs what is due now', async () => {
  const clock = new VirtualClock()
  const run = vi.fn()
  clock.after(0, run)
  await clock.advance(0)
  expect(run).toHaveBeenCalledOnce()
})

test('a timer that throws makes advance reject where time stands', async () => {
  const clock = new VirtualClock(0)
  clock.after(5, () => {
    throw new Error('from the timer')
  })
  await expect(clock.advance(10)).rejects.toThrow('from the timer')
  expect(clock.now()).toBe(5)
})

test('fake global timers do not stop the clock', async () => {
  vi.useFakeTimers()
  try {
    const clock = new VirtualClock(0)
    await clock.advance(10)
    expect(clock.now()).toBe(10)
  } finally {
    vi.useRealTimers()
  }
})

test('an hour of ticks every second takes no real time to speak of', async () => {
  const clock = new VirtualClock(0)
  let ticks = 0
  const tick = (): void => {
    ticks++
    clock.after(1_000, tick)
  }
  tick()
  await clock.advance('1h')
  expect(ticks).toBe(3_601)
})
