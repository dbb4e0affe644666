import { expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { MAX_FLUSH } from '../../src/worker/settler.ts'
import { gate, scene } from './scene.ts'

const away = () => new QError('ERR_BACKEND_UNAVAILABLE', 'connection lost')

test('an outcome whose reply was lost is sent again under its token and counted once', async () => {
  let lose = 3
  const it = scene((memory) => ({
    async settle(items) {
      const answers = await memory.settle(items)
      if (lose-- > 0) throw away()
      return answers
    },
  }))
  const ids = await it.push(5)
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(5_000)
  expect(await Promise.all(ids.map(it.status))).toEqual(Array(5).fill('done/1'))
  expect(it.of('error')).toHaveLength(3)
  expect(it.of('settled').reduce((sum, { tasks }) => sum + tasks, 0)).toBe(5)
  expect(it.of('lease-lost')).toEqual([])
  await worker.stop()
})

test('an outcome is kept through a minute without the store', async () => {
  let down = false
  const it = scene((memory) => ({
    async settle(items) {
      if (down) throw away()
      return memory.settle(items)
    },
  }))
  const [id] = await it.push(1)
  const worker = it.builder.build(() => {
    down = true
    return 1
  })
  await worker.start()
  await it.clock.pass(60_000)
  expect(await it.status(id!)).toMatch(/^queued/)
  down = false
  await it.clock.pass(7_000)
  expect(await it.status(id!)).toBe('done/1')
  await worker.stop()
})

test('one outcome that the store refuses does not hurt its neighbours, and ends as killed with the reason', async () => {
  const held = gate()
  let calls = 0
  const it = scene((memory) => ({
    async settle(items) {
      if (calls++ === 0) await held.promise
      if (items.some((each) => each.kind === 'done' && new TextDecoder().decode(each.result?.bytes) === '"bad"'))
        throw new QError('ERR_BACKEND', 'invalid byte sequence')
      return memory.settle(items)
    },
  }))
  const ids = await it.push(100)
  const worker = it.builder.concurrency(100).build((n) => (n === 37 ? 'bad' : n))
  await worker.start()
  await it.clock.pass(10)
  held.open()
  await it.clock.pass(10)
  const statuses = await Promise.all(ids.map(it.status))
  expect(statuses.filter((status) => status === 'done/1')).toHaveLength(99)
  expect(statuses[37]).toBe('killed/1')
  expect((await it.memory.fetchById(ids[37]!))?.error?.message).toContain(
    '"done" of this attempt could not be stored: invalid byte sequence',
  )
  expect(calls).toBeLessThan(25)
  await worker.stop()
})

test('a store that refuses everything is not asked for each outcome by itself, and nothing is lost', async () => {
  let refuse = true
  let calls = 0
  const it = scene((memory) => ({
    async settle(items) {
      calls += 1
      if (refuse) throw new QError('ERR_BACKEND', 'relation does not exist')
      return memory.settle(items)
    },
  }))
  const ids = await it.push(500)
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(20_000)
  const before = calls
  await it.clock.pass(20_000)
  expect(calls - before).toBeLessThan(60)
  refuse = false
  await it.clock.pass(20_000)
  expect(new Set(await Promise.all(ids.map(it.status)))).toEqual(new Set(['done/1']))
  await worker.stop()
})

test('a stale answer is said and changes nothing', async () => {
  const it = scene(() => ({ settle: async (items) => items.map(() => 'stale') }))
  const [id] = await it.push(1)
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(10)
  expect(it.of('lease-lost')).toMatchObject([{ id }])
  expect(it.of('settled')).toEqual([])
  await worker.stop()
})

test('progress of a task that is no longer ours rejects', async () => {
  const it = scene()
  await it.push(1)
  const opened = gate()
  const outcome = gate<unknown>()
  const worker = it.builder.build(async (_n, ctx) => {
    await opened.promise
    await ctx.progress(new Uint8Array([1])).catch(outcome.open)
  })
  await worker.start()
  await it.clock.pass(10)
  await it.memory.deregister(worker.instance)
  opened.open()
  await it.clock.pass(10)
  expect(await outcome.promise).toMatchObject({ code: 'ERR_LEASE_LOST' })
  await worker.stop()
})

test('while the store is away no more than a bounded number of outcomes pile up', async () => {
  let down = false
  const sizes: number[] = []
  const it = scene((memory) => ({
    async settle(items) {
      sizes.push(items.length)
      if (down) throw away()
      return memory.settle(items)
    },
  }))
  await it.push(20_000)
  let ran = 0
  down = true
  const worker = it.builder
    .concurrency(100)
    .lease('1h')
    .build(() => void (ran += 1))
  await worker.start()
  await it.clock.pass(10_000)
  expect(ran).toBeLessThanOrEqual(4_100)
  down = false
  await it.clock.until(() => ran === 20_000)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_FLUSH)
  await worker.stop()
}, 20_000)

test('an error without a code of ours is never a reason to kill, however long it lasts', async () => {
  let away = true
  const it = scene((memory) => ({
    async settle(items) {
      if (away && items.some(({ kind }) => kind === 'done')) throw new Error('socket hang up')
      return memory.settle(items)
    },
  }))
  const ids = await it.push(4)
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(90_000)
  expect(new Set(await Promise.all(ids.map(it.status)))).toEqual(new Set(['queued/1']))
  away = false
  await it.clock.pass(10_000)
  expect(new Set(await Promise.all(ids.map(it.status)))).toEqual(new Set(['done/1']))
  await worker.stop()
})

test('what a transaction holds steps aside: the others are settled, and it comes again until it is free', async () => {
  let held: string | undefined
  let asked = 0
  const it = scene((memory) => ({
    async settle(items) {
      const free = items.filter(({ id }) => id !== held)
      if (free.length < items.length) asked += 1
      const answers = new Map(free.map(({ id }, index) => [id, index]))
      const given = await memory.settle(free)
      return items.map(({ id }) => (id === held ? 'busy' : given[answers.get(id)!]!))
    },
  }))
  const ids = await it.push(5)
  held = ids[2]
  const worker = it.builder.concurrency(5).build(() => 1)
  await worker.start()
  await it.clock.pass(1_000)
  const [status] = (await Promise.all(ids.map(it.status))).splice(2, 1)
  expect(status).toMatch(/^(queued|running)/)
  expect(await Promise.all(ids.filter((id) => id !== held).map(it.status))).toEqual(Array(4).fill('done/1'))
  await it.clock.pass(10_000)
  expect(asked).toBe(3)
  held = undefined
  await it.clock.pass(5_000)
  expect(await it.status(ids[2]!)).toBe('done/1')
  await worker.stop()
})

test('progress of a task that a transaction holds rejects at once and may be tried again', async () => {
  let busy = true
  const it = scene((memory) => ({
    settle: async (items) => (busy ? items.map(() => 'busy' as const) : memory.settle(items)),
  }))
  const [id] = await it.push(1)
  const codes: unknown[] = []
  const worker = it.builder.build(async (_, ctx) => {
    codes.push(await ctx.progress(new Uint8Array([1])).catch((error: unknown) => (error as QError).code))
    busy = false
    codes.push(await ctx.progress(new Uint8Array([2])))
  })
  await worker.start()
  await it.clock.pass(1_000)
  expect(codes).toEqual(['ERR_BACKEND_UNAVAILABLE', undefined])
  expect(await it.status(id!)).toBe('done/1')
  await worker.stop()
})
