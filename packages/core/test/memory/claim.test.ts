import { describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/id.ts'
import { rejection } from '../failure.ts'
import { newTask, Setup } from './setup.ts'

test('tasks come by priority, then time, then id', async () => {
  const setup = new Setup()
  const now = setup.clock.now()
  const low = await setup.push({ priority: -1, due: { at: now - 9_000 } })
  const second = await setup.push({ due: { at: now - 1 } })
  const third = await setup.push()
  const fourth = await setup.push()
  const first = await setup.push({ due: { at: now - 2 } })
  const top = await setup.push({ priority: 1 })
  const { tasks } = await setup.claim(await setup.instance(), 10)
  expect(tasks.map(({ id }) => id)).toEqual([top, first, second, third, fourth, low])
})

test('the order holds for 5,000 tasks pushed in any order and claimed in any pieces', async () => {
  const setup = new Setup()
  const now = setup.clock.now()
  const tasks = Array.from({ length: 5_000 }, (_, n) =>
    newTask({ priority: (n * 7) % 5, due: { at: now - ((n * 7_919) % 1_000) } }),
  )
  await setup.backend.push(tasks)
  const instance = await setup.instance()
  const claimed: string[] = []
  for (let limit = 1; claimed.length < tasks.length; limit = (limit % 97) + 1)
    claimed.push(...(await setup.claim(instance, limit)).tasks.map(({ id }) => id))
  const at = (task: (typeof tasks)[number]): number => ('at' in task.due ? task.due.at : 0)
  const sorted = tasks.toSorted((a, b) => b.priority - a.priority || at(a) - at(b) || (a.id < b.id ? -1 : 1))
  expect(claimed).toEqual(sorted.map(({ id }) => id))
})

test('a task is handed out once, with its attempt counted and a token that only grows', async () => {
  const setup = new Setup()
  const [a, b] = [await setup.instance(), await setup.instance()]
  await setup.push()
  const first = await setup.claimOne(a)
  expect((await setup.claim(b)).tasks).toEqual([])
  expect(first).toMatchObject({ attempt: 1, crashes: 0 })
  await setup.settle(first, { kind: 'released' })
  const second = await setup.claimOne(b)
  expect(second.attempt, 'given back by the release').toBe(1)
  expect(Number(second.token)).toBeGreaterThan(Number(first.token))
})

test('queues do not block one another', async () => {
  const setup = new Setup()
  for (let n = 0; n < 3; n++) {
    await setup.push({ queue: 'a' })
    await setup.push({ queue: 'b' })
  }
  const queues = ['a', 'b', 'none'].map((queue) => ({ queue, limit: 2 }))
  const { tasks } = await setup.backend.claim({ instance: await setup.instance(), queues })
  expect(tasks.map(({ queue }) => queue)).toEqual(['a', 'a', 'b', 'b'])
})

describe('nextDueMs', () => {
  test('is null when nothing waits, also while tasks are held', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    expect((await setup.claim(instance)).nextDueMs).toBeNull()
    await setup.push()
    expect((await setup.claim(instance)).nextDueMs).toBeNull()
  })

  test('is 0 when more is due, and the shortest span of all queues when nothing is', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    await setup.push()
    await setup.push()
    await setup.push({ due: { afterMs: 5_000 } })
    await setup.push({ queue: 'b', due: { afterMs: 3_000 } })
    expect((await setup.claim(instance)).nextDueMs).toBe(0)
    expect((await setup.claim(instance)).nextDueMs).toBe(5_000)
    const both = { instance, queues: ['q', 'b'].map((queue) => ({ queue, limit: 1 })) }
    expect((await setup.backend.claim(both)).nextDueMs).toBe(3_000)
  })

  test('a scheduled task is claimed when its time comes and not a millisecond before', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    await setup.push({ due: { afterMs: 5_000 } })
    setup.clock.advance(4_999)
    expect(await setup.claim(instance)).toMatchObject({ tasks: [], nextDueMs: 1 })
    setup.clock.advance(1)
    expect((await setup.claim(instance)).tasks).toHaveLength(1)
  })
})

test('a clock that steps back does not hide what was due', async () => {
  const setup = new Setup()
  const instance = await setup.instance()
  await setup.push()
  expect((await setup.claim(instance, 1, 'other')).tasks).toEqual([])
  setup.clock.jump(-60_000)
  expect((await setup.claim(instance)).tasks).toHaveLength(1)
})

describe('mistakes', () => {
  test('an instance that was never registered claims nothing', async () => {
    const setup = new Setup()
    await setup.push()
    await rejection('ERR_LEASE_LOST', setup.claim(uuidv7()))
    expect((await setup.claim(await setup.instance())).tasks).toHaveLength(1)
  })

  test.each([0, -1, 1_001, 1.5, NaN])('a limit of %s', async (limit) => {
    const setup = new Setup()
    const error = await rejection('ERR_OPTION', setup.claim(await setup.instance(), limit))
    expect(error.message).toContain('limit must be a whole number from 1 to 1000')
  })

  test.each([999, 3_600_001, NaN])('a lease of %s ms', async (leaseMs) => {
    const setup = new Setup()
    await rejection('ERR_OPTION', setup.instance(leaseMs))
  })
})
