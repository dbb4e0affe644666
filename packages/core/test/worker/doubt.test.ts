import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { gate, scene } from './scene.ts'

const lost = () => new QError('ERR_BACKEND_UNAVAILABLE', 'reply lost')

describe('a claim whose reply is lost', () => {
  test('after a pause and a resume gives its tasks back, though the worker went on meanwhile', async () => {
    const held = gate()
    let claims = 0
    const it = scene((memory) => ({
      async claim(request) {
        const first = claims++ === 0
        const reply = await memory.claim(request)
        if (!first) return reply
        await held.promise
        throw lost()
      },
    }))
    const ids = await it.push(3)
    const worker = it.builder.build(() => 1)
    await worker.start()
    const before = worker.instance
    worker.pause()
    worker.resume()
    await it.clock.pass(100)
    expect(claims).toBeGreaterThan(1)
    expect(await it.status(ids[0]!)).toBe('queued/1')
    held.open()
    await it.clock.pass(5_000)
    expect(await Promise.all(ids.map(it.status))).toEqual(Array(3).fill('done/1'))
    expect(worker.instance).not.toBe(before)
    expect(it.of('start')).toHaveLength(2)
    await worker.stop()
  })

  test('after its instance is gone already changes nothing more', async () => {
    const held = gate()
    let claims = 0
    const it = scene((memory) => ({
      async claim(request) {
        const first = claims++ === 0
        const reply = await memory.claim(request)
        if (!first) return reply
        await held.promise
        throw lost()
      },
    }))
    const [id] = await it.push(1)
    const worker = it.builder.lease('4s').build(() => 1)
    await worker.start()
    worker.pause()
    await it.memory.deregister(worker.instance)
    await it.clock.pass(2_000)
    worker.resume()
    await it.clock.pass(2_000)
    const { instance } = worker
    expect(it.of('start')).toHaveLength(2)
    expect(await it.status(id!)).toBe('done/1')
    held.open()
    await it.clock.pass(5_000)
    expect(worker.instance).toBe(instance)
    await worker.stop()
  })
})

test('an instance that retires stays until each outcome of its tasks is stored, one that was set aside included', async () => {
  let refuse = true
  let lose = false
  const runs: number[] = []
  const it = scene((memory) => ({
    async settle(items) {
      const text = (each: (typeof items)[number]): string =>
        each.kind === 'done' ? new TextDecoder().decode(each.result?.bytes) : ''
      if (refuse && items.some((each) => text(each) === '"odd"')) throw new Error('not now')
      return memory.settle(items)
    },
    async claim(request) {
      const reply = await memory.claim(request)
      if (!lose || reply.tasks.length === 0) return reply
      lose = false
      throw lost()
    },
  }))
  const worker = it.builder.build((n) => {
    runs.push(n)
    return n === -1 ? 'odd' : n
  })
  const [odd, other] = await it.storage.pushBulk([-1, 5])
  await worker.start()
  // Tried four times, then set aside; the other one of its instance is stored.
  await it.clock.pass(3_000)
  expect(await it.status(other!.id)).toBe('done/1')
  const before = worker.instance
  lose = true
  const { id } = await it.storage.push(7)
  await it.clock.pass(1_000)
  expect(worker.instance).not.toBe(before)
  // Outcomes of the next instance are answered meanwhile.
  const later = await it.push(20)
  await it.clock.pass(8_000)
  expect((await Promise.all(later.map(it.status))).every((status) => status === 'done/1')).toBe(true)
  expect(await it.status(odd!.id)).toMatch(/^(queued|running)\/1$/)
  refuse = false
  await it.clock.pass(20_000)
  expect(await it.status(odd!.id)).toBe('done/1')
  expect(await it.status(id)).toBe('done/1')
  expect(runs.filter((n) => n === -1)).toHaveLength(1)
  expect(it.of('lease-lost')).toEqual([])
  await worker.stop()
})
