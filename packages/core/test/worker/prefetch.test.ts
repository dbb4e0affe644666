import { describe, expect, test } from 'vitest'
import { Demand } from '../../src/worker/demand.ts'
import { gate, scene } from './scene.ts'

describe('demand', () => {
  test('begins with the free slots, grows fourfold while claims come back full, and has a bound', () => {
    const demand = new Demand(10, 10_000)
    const asked: number[] = []
    for (let round = 0; round < 6; round++) {
      const want = demand.want(0, 0)
      asked.push(want)
      demand.ended(0)
      demand.claimed(want, want, 2, 100 * want)
    }
    expect(asked).toEqual([10, 40, 160, 640, 1_000, 1_000])
  })
  test('with long tasks is never more than the free slots', () => {
    const demand = new Demand(10, 10_000)
    demand.ended(5_000)
    for (let round = 0; round < 20; round++) demand.claimed(10, 10, 2, 1_000)
    expect(demand.want(0, 0)).toBe(10)
    expect(demand.want(7, 0)).toBe(3)
    expect(demand.want(10, 0)).toBe(0)
    expect(demand.want(7, 3)).toBe(0)
  })
  test('hides the round trip: twice what is started during one', () => {
    const demand = new Demand(10, 10_000)
    for (let round = 0; round < 50; round++) {
      demand.ended(5)
      demand.claimed(10, 10, 10, 1_000)
    }
    // 10 slots, 5 ms each: 2 start per millisecond, 20 per round trip.
    expect(demand.want(10, 0)).toBeGreaterThanOrEqual(36)
    expect(demand.want(10, 0)).toBeLessThanOrEqual(40)
    expect(demand.want(10, 30)).toBe(0)
    expect(demand.want(10, 10)).toBeGreaterThan(0)
  })
  test('respects the storage’s bufferSize', () => {
    const demand = new Demand(10, 5)
    for (let round = 0; round < 9; round++) {
      demand.ended(0)
      demand.claimed(10, 10, 50, 1_000)
    }
    expect(demand.want(10, 0)).toBe(5)
    expect(demand.want(0, 0)).toBe(15)
  })
})

describe('a worker', () => {
  test('claims only free slots while tasks are long', async () => {
    const it = scene()
    const ids = await it.push(30)
    const open: (() => void)[] = []
    const worker = it.builder.concurrency(5).build(() => new Promise<void>((resolve) => open.push(resolve)))
    await worker.start()
    for (let round = 0; round < 10; round++) {
      await it.clock.pass(5_000)
      const held = (await Promise.all(ids.map(it.status))).filter((status) => /^(queued|running)/.test(status)).length
      expect(held).toBe(5)
      open.shift()!()
    }
    const stopped = worker.stop()
    while (open.length > 0) open.shift()!()
    await it.clock.pass(10)
    await stopped
  })

  test('claims far ahead when tasks are short', async () => {
    const it = scene()
    await it.push(3_000)
    let ran = 0
    const worker = it.builder.build(() => void (ran += 1))
    await worker.start()
    await it.clock.until(() => ran === 3_000)
    const claims = it.of('claimed')
    expect(claims.length).toBeLessThan(12)
    expect(Math.max(...claims.map(({ asked }) => asked))).toBeGreaterThan(500)
    await worker.stop()
  })

  test('gives back what it claimed ahead, attempt refunded, when stopped and when tasks turn out long', async () => {
    const it = scene()
    const ids = await it.push(400)
    const opened = gate()
    const worker = it.builder.build((n) => (n < 50 ? undefined : opened.promise))
    await worker.start()
    await it.clock.pass(10)
    const held = async () =>
      (await Promise.all(ids.map(it.status))).filter((status) => /^(queued|running)/.test(status)).length
    expect(await held()).toBeGreaterThan(100)
    await it.clock.pass(2_500)
    expect(await held()).toBe(10)
    await it.clock.pass(30_000)
    expect(await held()).toBe(10)
    expect(await it.status(ids[399]!)).toBe('pending/0')
    opened.open()
    await it.clock.pass(100)
    expect(await it.status(ids[399]!)).toBe('done/1')
    await worker.stop()
  })

  test('gives back its buffer at stop, attempt refunded', async () => {
    const it = scene()
    const ids = await it.push(400)
    const opened = gate()
    const worker = it.builder.build((n) => (n < 50 ? undefined : opened.promise))
    await worker.start()
    await it.clock.pass(10)
    expect(await it.status(ids[100]!)).toBe('queued/1')
    const stopped = worker.stop()
    await it.clock.pass(10)
    expect(await it.status(ids[100]!)).toBe('pending/0')
    opened.open()
    await it.clock.pass(10)
    await stopped
  })
})
