import { describe, expect, test } from 'vitest'
import { pollEvery } from '../../src/poll/poll.ts'
import { task } from '../../src/task/builder.ts'
import { gate, scene } from './scene.ts'

const noWake = { wake: undefined }

describe('an idle worker', () => {
  test('starts a pushed task at once where the backend nudges', async () => {
    const it = scene(undefined, { poll: pollEvery('1h') })
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(5_000)
    const [id] = await it.push(1)
    await it.clock.pass(0)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })

  test('finds it at the next poll where nothing nudges', async () => {
    const it = scene(() => noWake, { poll: pollEvery('3s') })
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(4_000)
    const [id] = await it.push(1)
    await it.clock.pass(1_999)
    expect(await it.status(id!)).toBe('pending/0')
    await it.clock.pass(1)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })

  test('looks when a known task comes due, between polls', async () => {
    const it = scene(() => noWake, { poll: pollEvery('1h') })
    const { id } = await it.storage.push(task(1).runAfter('90s'))
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(89_999)
    expect(await it.status(id)).toBe('pending/0')
    await it.clock.pass(2)
    expect(await it.status(id)).toBe('done/1')
    await worker.stop()
  })

  test('counts looks that found nothing for its poll strategy, from 0 after work', async () => {
    const idles: number[] = []
    const poll = {
      tick: async (
        idle: number,
        ...rest: Parameters<ReturnType<typeof pollEvery>['tick']> extends [number, ...infer Rest] ? Rest : never
      ) => {
        idles.push(idle)
        await pollEvery('1s').tick(idle, ...rest)
      },
    }
    const it = scene(() => noWake, { poll })
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(2_500)
    await it.push(1)
    await it.clock.pass(1_000)
    expect(idles).toEqual([1, 2, 3, 0])
    await worker.stop()
  })

  test('survives a poll strategy that fails, and one that answers at once', async () => {
    for (const tick of [
      () => Promise.reject(new Error('broken')),
      () => {
        throw new Error('broken')
      },
      () => Promise.resolve(),
    ]) {
      let claims = 0
      const it = scene(
        (memory) => ({
          ...noWake,
          claim: (request) => {
            claims += 1
            return memory.claim(request)
          },
        }),
        { poll: { tick } },
      )
      const worker = it.builder.build(() => 1)
      await worker.start()
      await it.clock.pass(2_000)
      expect(claims).toBeGreaterThan(1)
      expect(claims).toBeLessThanOrEqual(2_001)
      await worker.stop()
    }
  })
})

test('a nudge during a claim is kept for its end', async () => {
  const held = gate()
  let claims = 0
  const it = scene(
    (memory) => ({
      async claim(request) {
        const reply = await memory.claim(request)
        if (claims++ === 0) await held.promise
        return reply
      },
    }),
    { poll: pollEvery('1h') },
  )
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(10)
  const [id] = await it.push(1)
  await it.clock.pass(10)
  expect(claims).toBe(1)
  held.open()
  await it.clock.pass(1)
  expect(await it.status(id!)).toBe('done/1')
  await worker.stop()
})

test('many nudges are one look', async () => {
  let claims = 0
  const it = scene(
    (memory) => ({
      claim: (request) => {
        claims += 1
        return memory.claim(request)
      },
    }),
    { poll: pollEvery('1h') },
  )
  const worker = it.builder.concurrency(100).build(() => new Promise(() => undefined))
  await worker.start()
  await it.clock.pass(10)
  const before = claims
  await Promise.all(Array.from({ length: 50 }, () => it.push(1)))
  await it.clock.pass(10)
  expect(worker.taskCount).toBe(50)
  expect(claims - before).toBeLessThanOrEqual(3)
  void worker.stop({ timeout: 0 })
  await it.clock.pass(2_000)
})

test('claims again at once while claims come back full', async () => {
  const it = scene(() => noWake, { poll: pollEvery('1h') })
  const ids = await it.push(100)
  const worker = it.builder.concurrency(3).build(() => 1)
  await worker.start()
  await it.clock.pass(10)
  expect(await it.status(ids[99]!)).toBe('done/1')
  await worker.stop()
})

test('a store that says "due now" and hands out nothing is not asked in a frenzy', async () => {
  let claims = 0
  const it = scene(
    () => ({
      ...noWake,
      async claim() {
        claims += 1
        return { tasks: [], nextDueMs: 0 }
      },
    }),
    { poll: pollEvery('1h') },
  )
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(5_000)
  expect(claims).toBeGreaterThan(5)
  expect(claims).toBeLessThan(20)
  await worker.stop()
})

test('a failing subscription is tried again while polling goes on', async () => {
  let tries = 0
  const it = scene(
    (memory) => ({
      async wake(queues, nudge) {
        if (++tries < 3) throw new Error('no connection')
        return memory.wake(queues, nudge)
      },
    }),
    { poll: pollEvery('1h') },
  )
  const worker = it.builder.build(() => 1)
  await worker.start()
  const [id] = await it.push(1)
  await it.clock.pass(1_000)
  expect([tries, await it.status(id!)]).toEqual([3, 'done/1'])
  expect(it.of('error')).toMatchObject([{ where: 'wake' }, { where: 'wake' }])
  await worker.stop()
})

test('a listener that went deaf is an error event, and the worker goes on', async () => {
  let deaf: ((error: unknown) => void) | undefined
  const it = scene((memory) => ({
    wake(queues, nudge, onError?: (error: unknown) => void) {
      deaf = onError
      return memory.wake(queues, nudge)
    },
  }))
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(10)
  deaf?.(new Error('connection lost'))
  expect(it.of('error')).toMatchObject([{ where: 'wake', error: { message: 'connection lost' }, retryMs: null }])
  await worker.stop()
  deaf?.(new Error('after the end'))
  expect(it.of('error')).toHaveLength(1)
})
