import { describe, expect, test, vi } from 'vitest'
import { pollOn } from '../../src/poll/on.ts'
import { type PollStrategy, pollEvery } from '../../src/poll/poll.ts'
import { pollRace } from '../../src/poll/race.ts'
import { pollWhen } from '../../src/poll/when.ts'
import { failure } from '../failure.ts'
import { gate } from '../worker/scene.ts'
import { Items, looking, tick } from './looking.ts'

describe('pollWhen', () => {
  test('looks when its promise resolves, and asks for the next one', async () => {
    const gates = [gate(), gate(), gate()]
    const idles: number[] = []
    const { it, looks, stop } = await looking(
      pollWhen((idle) => {
        idles.push(idle)
        return gates[idles.length - 1]!.promise
      }),
    )
    await it.clock.pass(60_000)
    expect([looks(), idles]).toEqual([1, [1]])
    gates[0]!.open()
    await it.clock.pass(10)
    expect([looks(), idles]).toEqual([2, [1, 2]])
    await stop()
  })
  test('a promise that was open when something else woke the worker is waited for again', async () => {
    const opened = gate()
    let made = 0
    const poll = pollWhen(() => {
      made += 1
      return opened.promise
    })
    const worker = {}
    const first = tick(poll, worker)
    first.end.abort()
    await first.clock.pass(0)
    opened.open()
    const second = tick(poll, worker)
    await second.clock.pass(10)
    expect([second.ticked(), made]).toEqual([true, 1])
  })
  test('workers that share it have a promise each', async () => {
    const gates = [gate(), gate()]
    let made = 0
    const poll = pollWhen(() => gates[made++]!.promise)
    const [a, b] = [tick(poll, {}), tick(poll, {})]
    gates[1]!.open()
    await a.clock.pass(0)
    await b.clock.pass(10)
    expect([a.ticked(), b.ticked()]).toEqual([false, true])
  })
  test('promises that resolve at once, or reject, do not keep the worker busy', async () => {
    for (const next of [
      () => Promise.resolve(),
      () => Promise.reject(new Error('gone')),
      () => {
        throw new Error('x')
      },
    ]) {
      const { it, looks, stop } = await looking(pollWhen(next))
      await it.clock.pass(60_000)
      expect(looks()).toBeGreaterThan(10)
      expect(looks()).toBeLessThan(100)
      await stop()
    }
  })
  test('a promise that stays open gets one reaction, however often workers stop waiting for it', async () => {
    const promise = new Promise(() => undefined)
    const reactions = vi.spyOn(promise, 'then')
    const poll = pollWhen(() => promise)
    const workers = [{}, {}]
    const afterTicks: number[] = []
    for (let round = 0; round < 50; round++) {
      for (const worker of workers) {
        const ticking = tick(poll, worker)
        ticking.end.abort()
        await ticking.clock.pass(0)
        expect(ticking.ticked()).toBe(true)
      }
      afterTicks.push(reactions.mock.calls.length)
    }
    expect(afterTicks.at(-1)).toBe(afterTicks[0])
  })
  test('takes a function', () => {
    expect(failure('ERR_OPTION', () => pollWhen(Promise.resolve() as any)).message).toContain('takes a function')
  })
})

describe('pollOn', () => {
  test('looks once for each item', async () => {
    const items = new Items()
    const { it, looks, stop } = await looking(pollOn(items))
    await it.clock.pass(60_000)
    expect(looks()).toBe(1)
    for (const item of ['a', 'b', 'c']) {
      items.put(item)
      await it.clock.pass(10)
    }
    expect(looks()).toBe(4)
    await stop()
  })
  test('every worker that shares it looks for each item, and one that was busy looks once for all it missed', async () => {
    const items = new Items()
    const poll = pollOn(items)
    const [a, b] = [{}, {}]
    const first = [tick(poll, a), tick(poll, b)]
    items.put('x')
    for (const each of first) await each.clock.pass(0)
    expect(first.map((each) => each.ticked())).toEqual([true, true])
    items.put('y', 'z')
    await first[0]!.clock.pass(0)
    const missed = tick(poll, a)
    await missed.clock.pass(0)
    const again = tick(poll, a)
    await again.clock.pass(0)
    expect([missed.ticked(), again.ticked(), items.opened]).toEqual([true, false, 1])
  })
  test('an item that comes while a tick is given up is not lost', async () => {
    const items = new Items()
    const poll = pollOn(items)
    const worker = {}
    const first = tick(poll, worker)
    await first.clock.pass(0)
    first.end.abort()
    items.put('x')
    await first.clock.pass(0)
    const second = tick(poll, worker)
    await second.clock.pass(0)
    expect(second.ticked()).toBe(true)
  })
  test('once it has ended or failed, workers look every five seconds', async () => {
    for (const error of [undefined, new Error('connection lost')]) {
      const items = new Items()
      const { it, looks, stop } = await looking(pollOn(items))
      items.end(error)
      await it.clock.pass(60_000)
      expect(looks()).toBeGreaterThanOrEqual(12)
      expect(looks()).toBeLessThanOrEqual(14)
      await stop()
    }
  })
  test('a stream that can be opened again is, after a while', async () => {
    const streams: Items[] = []
    const { it, looks, stop } = await looking(
      pollOn(() => {
        const items = new Items()
        streams.push(items)
        return items
      }),
    )
    streams[0]!.end(new Error('connection lost'))
    await it.clock.pass(11_000)
    expect(streams).toHaveLength(2)
    const before = looks()
    streams[1]!.put('x')
    await it.clock.pass(10)
    expect(looks()).toBe(before + 1)
    await stop()
    await it.clock.pass(60_000)
    expect(streams).toHaveLength(2)
  })
  test('a stream without pauses does not keep the process busy', async () => {
    async function* endless(): AsyncGenerator<number> {
      for (let n = 0; ; n++) yield n
    }
    const { it, looks, stop } = await looking(pollOn(endless()))
    await it.clock.pass(1_000)
    expect(looks()).toBeLessThan(50)
    await stop()
  })
  test('takes a stream', () => {
    expect(failure('ERR_OPTION', () => pollOn([] as any)).message).toContain('takes an async iterable')
  })
})

describe('pollRace', () => {
  test('looks at the first of its ticks, and the others lose nothing', async () => {
    const items = new Items()
    const opened = gate()
    const { it, looks, stop } = await looking(
      pollRace(
        pollEvery('10s'),
        pollOn(items),
        pollWhen(() => opened.promise),
      ),
    )
    await it.clock.pass(9_999)
    expect(looks()).toBe(1)
    await it.clock.pass(1)
    expect(looks()).toBe(2)
    items.put('x')
    await it.clock.pass(10)
    expect(looks()).toBe(3)
    await it.clock.pass(9_989)
    expect(looks()).toBe(3)
    opened.open()
    await it.clock.pass(10)
    expect(looks()).toBe(4)
    await stop()
  })
  test('one that fails leaves it to the others', async () => {
    const broken: PollStrategy = {
      tick: () => {
        throw new Error('broken')
      },
    }
    const { it, looks, stop } = await looking(pollRace(broken, pollEvery('10s')))
    await it.clock.pass(60_000)
    expect(looks()).toBe(7)
    await stop()
  })
  test('leaves no timer when it ends', async () => {
    const race = tick(pollRace(pollEvery('1h'), pollEvery('2h')))
    await race.clock.pass(0)
    race.end.abort()
    await race.clock.pass(0)
    expect([race.ticked(), race.clock.timers]).toEqual([true, 0])
    const won = tick(pollRace(pollEvery('1s'), pollEvery('2h')), {}, 0)
    await won.clock.pass(1_000)
    expect([won.ticked(), won.clock.timers]).toEqual([true, 0])
  })
  test('serves several workers, one life after the other', async () => {
    const poll = pollRace(pollEvery('1s').withBackoff({ jitter: 0 }), pollOn(new Items()))
    for (let life = 0; life < 2; life++) {
      const { it, looks, stop } = await looking(poll)
      await it.clock.pass(60_000)
      expect(looks()).toBeGreaterThan(10)
      await stop()
    }
  })
  test('says what is wrong with its strategies', () => {
    expect(failure('ERR_OPTION', () => pollRace()).message).toContain('at least one strategy')
    expect(failure('ERR_OPTION', () => pollRace(pollEvery(1), {} as any)).message).toContain('strategy 2 has no tick()')
  })
})
