import { describe, expect, test } from 'vitest'
import { pollOn } from '../../src/poll/on.ts'
import { pollEvery } from '../../src/poll/poll.ts'
import { pollRace } from '../../src/poll/race.ts'
import { gate } from '../worker/scene.ts'
import { Items, looking } from './looking.ts'

describe('the stream of pollOn', () => {
  test('the stream is told to end after the last worker that waited for it, and not before', async () => {
    const items = new Items()
    const poll = pollRace(pollEvery('1h'), pollOn(items))
    const [a, b] = [await looking(poll), await looking(poll)]
    expect(items.opened).toBe(1)
    await a.stop()
    items.put('x')
    await b.it.clock.pass(10)
    expect([b.looks(), items.ended]).toEqual([2, 0])
    await b.stop()
    items.put('y')
    await b.it.clock.pass(10)
    expect(items.ended).toBe(1)
  })
  test('a stream that does not end keeps nobody from their end, and its items count no more', async () => {
    for (const returned of [
      () => new Promise<never>(() => undefined),
      () => Promise.reject(new Error('x')),
      undefined,
    ]) {
      const next = gate<IteratorResult<number>>()
      const iterator = { next: () => next.promise, ...(returned === undefined ? {} : { return: returned }) }
      const { it, stop } = await looking(pollOn({ [Symbol.asyncIterator]: () => iterator }))
      await stop()
      next.open({ done: false, value: 1 })
      await it.clock.pass(60_000)
      expect(it.clock.timers).toBe(0)
    }
  })
  test('a worker that comes after the last one opens the stream again', async () => {
    const streams: Items[] = []
    const poll = pollOn(() => {
      const items = new Items()
      streams.push(items)
      return items
    })
    await (await looking(poll)).stop()
    const { it, looks, stop } = await looking(poll)
    // What becomes of the first one does not matter to those who read the second.
    streams[0]!.end()
    await it.clock.pass(6_000)
    expect([streams.length, looks()]).toEqual([2, 1])
    streams[1]!.put('x')
    await it.clock.pass(10)
    expect([streams.length, looks()]).toEqual([2, 2])
    await stop()
  })
})
