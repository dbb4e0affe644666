import { describe, expect, test } from 'vitest'
import type { Settlement } from '../../src/backend/backend.ts'
import type { Codec } from '../../src/codec/codec.ts'
import { QError } from '../../src/error.ts'
import { pollEvery } from '../../src/poll/poll.ts'
import { Demand } from '../../src/worker/demand.ts'
import { MAX_FLUSH_BYTES } from '../../src/worker/settler.ts'
import { sizeOf } from '../../src/worker/settlement-size.ts'
import { gate, scene } from './scene.ts'

const MIB = 1024 * 1024
/** Bytes as they are, and small numbers: nothing here is about JSON. */
const codec: Codec<number> = {
  tag: 'raw',
  encode: (value: unknown) => (value instanceof Uint8Array ? value : Uint8Array.of(value as number)),
  decode: (stored) => stored[0]!,
}
const large = { codec, maxPayloadBytes: 64 * MIB }
const resultBytes = (each: Settlement): number => (each.kind === 'done' ? (each.result?.bytes.byteLength ?? 0) : 0)

describe('outcomes', () => {
  test('go to the store about 8 MiB at a time, and one that is larger goes alone', async () => {
    const held = gate()
    const calls: number[][] = []
    const it = scene(
      (memory) => ({
        async settle(items) {
          calls.push(items.map(resultBytes))
          if (calls.length === 1) await held.promise
          return memory.settle(items)
        },
      }),
      large,
    )
    const ids = await it.push(30)
    let ran = 0
    const worker = it.builder.concurrency(30).build((n) => {
      ran += 1
      return new Uint8Array(n === 20 ? 10 * MIB : MIB)
    })
    await worker.start()
    await it.clock.until(() => ran === 30)
    held.open()
    await it.clock.until(() => !worker.hasPendingTasks)
    expect(new Set(await Promise.all(ids.map(it.status)))).toEqual(new Set(['done/1']))
    const sums = calls.map((sizes) => sizes.reduce((sum, size) => sum + size, 0))
    for (const [index, sizes] of calls.entries())
      expect(sizes.length === 1 || sums[index]! <= MAX_FLUSH_BYTES, String(sizes)).toBe(true)
    expect(calls.filter((sizes) => sizes.includes(10 * MIB))).toEqual([[10 * MIB]])
    expect(calls.length).toBeLessThan(12)
    await worker.stop()
  })

  test('of many small results still go a thousand at a time', async () => {
    const held = gate()
    const sizes: number[] = []
    const it = scene((memory) => ({
      async settle(items) {
        sizes.push(items.length)
        if (sizes.length === 1) await held.promise
        return memory.settle(items)
      },
    }))
    await it.push(2_500)
    let ran = 0
    const worker = it.builder.concurrency(500).build(() => {
      ran += 1
      return 'a short result'
    })
    await worker.start()
    await it.clock.until(() => ran === 2_500)
    held.open()
    await it.clock.pass(10)
    expect(Math.max(...sizes)).toBe(1_000)
    await worker.stop()
  })

  test('that the store does not take stop the worker at 64 MiB', async () => {
    let down = true
    const it = scene(
      (memory) => ({
        async settle(items) {
          if (down) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
          return memory.settle(items)
        },
      }),
      large,
    )
    await it.push(150)
    let ran = 0
    const worker = it.builder
      .concurrency(4)
      .lease('1h')
      .build(() => {
        ran += 1
        return new Uint8Array(MIB)
      })
    await worker.start()
    await it.clock.until(() => ran >= 64)
    await it.clock.pass(5_000)
    expect(ran).toBeLessThanOrEqual(64 + 4)
    down = false
    await it.clock.until(() => ran === 150)
    await worker.stop()
  })

  test('make room for the next when the store has answered, whatever it answers', async () => {
    for (const answer of ['applied', 'stale'] as const) {
      const it = scene(() => ({ settle: async (items) => items.map(() => answer) }), {
        ...large,
        poll: pollEvery('1h'),
      })
      const [first, second] = [gate(), gate()]
      await it.push(2)
      let ran = 0
      const worker = it.builder.concurrency(1).build(async () => {
        await [first, second][ran++]!.promise
        return new Uint8Array(64 * MIB)
      })
      await worker.start()
      await it.clock.pass(10)
      first.open()
      await it.clock.pass(100)
      expect(ran).toBe(2)
      second.open()
      await worker.stop()
    }
  })

  test('count with all that they carry: results, errors with their causes, checkpoints and what follows', () => {
    const base = { id: 'i', token: 't' }
    const mib = new Uint8Array(MIB)
    const cause = { name: 'Error', message: 'y'.repeat(1_000) }
    const it = scene()
    const follow = [it.storage.encode(1), { ...it.storage.encode(2), payload: { codec: 'json', bytes: mib } }]
    const sizes = (
      [
        { ...base, kind: 'released' },
        { ...base, kind: 'done', result: null },
        { ...base, kind: 'done', result: { codec: 'json', bytes: mib } },
        { ...base, kind: 'done', result: null, follow },
        { ...base, kind: 'progress', checkpoint: mib },
        { ...base, kind: 'killed', error: { name: 'Error', message: 'x', stack: 's'.repeat(30_000), cause } },
      ] satisfies Settlement[]
    ).map(sizeOf)
    expect(sizes.slice(0, 2)).toEqual([0, 0])
    for (const size of sizes.slice(2, 5)) {
      expect(size).toBeGreaterThanOrEqual(MIB)
      expect(size).toBeLessThan(MIB + 2_000)
    }
    expect(sizes[5]).toBeGreaterThan(31_000)
  })
})

describe('claims', () => {
  test('ahead of the free slots are bounded by what payloads weigh', () => {
    const demand = new Demand(10, 10_000)
    for (let round = 0; round < 10; round++) {
      demand.ended(0)
      demand.claimed(10, 10, 50, 10 * MIB)
    }
    expect(demand.want(0, 0)).toBe(10 + 16)
    expect(demand.want(10, 0)).toBe(16)
    expect(demand.want(10, 8)).toBe(0)
    // One large claim is believed at once, small ones after it bit by bit.
    demand.claimed(10, 10, 50, 10 * 64 * MIB)
    expect(demand.want(10, 0)).toBe(0)
    expect(demand.want(3, 0)).toBe(7)
    for (let round = 0; round < 100; round++) demand.claimed(10, 10, 50, 1_000)
    expect(demand.want(10, 0)).toBe(40)
  })

  test('of a worker with payloads of 1 MiB stay around 16 MiB', async () => {
    const it = scene(undefined, { ...large, codec: { ...codec, encode: () => new Uint8Array(MIB) } })
    await it.push(100)
    let ran = 0
    const worker = it.builder.concurrency(2).build(() => void (ran += 1))
    await worker.start()
    await it.clock.until(() => ran === 100)
    const asked = it.of('claimed').map((event) => event.asked)
    expect(Math.max(...asked)).toBeGreaterThan(2)
    expect(Math.max(...asked)).toBeLessThanOrEqual(2 + 16)
    await worker.stop()
  })
})
