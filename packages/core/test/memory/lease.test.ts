import { describe, expect, test } from 'vitest'
import { CRASH_BUDGET } from '../../src/backend/backend.ts'
import { uuidv7 } from '../../src/id.ts'
import { rejection } from '../failure.ts'
import { boom, LEASE_MS, newTask, Setup } from './setup.ts'

/** Lets a new instance die with one task in its hands. */
async function crashOnce(setup: Setup): Promise<{ id: string; killed: number }> {
  const { id } = await setup.claimOne(await setup.instance(1_000))
  setup.clock.advance(1_000)
  return { id, killed: (await setup.backend.sweep()).killed }
}

describe('a lease', () => {
  test('ends nothing by itself: only a sweep does', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    await setup.push()
    await setup.push()
    const claimed = await setup.claimOne(instance)
    setup.clock.advance(LEASE_MS * 10)
    expect((await setup.claim(instance)).tasks).toHaveLength(1)
    expect(await setup.settle(claimed, { kind: 'done', result: null })).toBe('applied')
    const beat = { instance, leaseMs: LEASE_MS, running: [] }
    expect(await setup.backend.beat(beat)).toEqual({ lease: 'held', lost: [] })
    expect(await setup.backend.sweep()).toEqual({
      instances: 0,
      recovered: 0,
      killed: 0,
      more: false,
    })
  })

  test('is renewed by a beat and by registering again', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    await setup.push()
    await setup.claimOne(instance)
    setup.clock.advance(LEASE_MS - 1)
    await setup.backend.beat({ instance, leaseMs: LEASE_MS, running: [] })
    setup.clock.advance(LEASE_MS - 1)
    await setup.backend.register({ instance, name: 'w', queues: [], leaseMs: LEASE_MS })
    setup.clock.advance(LEASE_MS - 1)
    expect((await setup.backend.sweep()).instances).toBe(0)
    setup.clock.advance(1)
    expect(await setup.backend.sweep()).toMatchObject({ instances: 1, recovered: 1 })
  })

  test('that was swept is not revived', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    await setup.push()
    const { id, token } = await setup.claimOne(instance)
    setup.clock.advance(LEASE_MS)
    await setup.backend.sweep()
    const running = [{ id, token }]
    expect(await setup.backend.beat({ instance, leaseMs: LEASE_MS, running })).toEqual({
      lease: 'lost',
      lost: [id],
    })
    await rejection('ERR_LEASE_LOST', setup.claim(instance))
    expect((await setup.backend.fetchById(id))?.status).toBe('failed')
  })
})

test('a beat shows tasks as running and names those whose token is no longer current', async () => {
  const setup = new Setup()
  const instance = await setup.instance()
  for (let n = 0; n < 3; n++) await setup.push()
  const { tasks } = await setup.claim(instance, 3)
  const [held, settled, unnamed] = tasks
  await setup.settle(settled!, { kind: 'failed', error: boom, retryAfterMs: 0 })
  const unknown = { id: uuidv7(), token: '1' }
  const running = [held!, settled!, unknown]
  expect(await setup.backend.beat({ instance, leaseMs: LEASE_MS, running })).toEqual({
    lease: 'held',
    lost: [settled!.id, unknown.id],
  })
  const statuses = [held, settled, unnamed].map(async (task) => (await setup.backend.fetchById(task!.id))?.status)
  expect(await Promise.all(statuses)).toEqual(['running', 'failed', 'queued'])
})

describe('a sweep', () => {
  test('counts the crash, keeps the attempt and makes the task due at once', async () => {
    const setup = new Setup()
    await setup.push()
    const { id } = await crashOnce(setup)
    expect(await setup.backend.fetchById(id)).toMatchObject({
      status: 'failed',
      attempt: 1,
      crashes: 1,
      error: { code: 'ERR_CRASHED' },
    })
    expect(await setup.claimOne(await setup.instance())).toMatchObject({
      id,
      attempt: 2,
      crashes: 1,
    })
  })

  test('kills a task whose attempts are spent', async () => {
    const setup = new Setup()
    const id = await setup.push({ maxAttempts: 2 })
    expect((await crashOnce(setup)).killed).toBe(0)
    expect((await crashOnce(setup)).killed).toBe(1)
    const task = await setup.backend.fetchById(id)
    expect(task).toMatchObject({ status: 'killed', attempt: 2, crashes: 2 })
    expect(task?.error?.message).toContain('attempt 2 of 2, crash 2')
    const attempts = await setup.backend.listAttempts(id)
    expect(attempts.map(({ result }) => result)).toEqual(['crashed', 'crashed'])
    const { items } = await setup.backend.listErrorGroups()
    expect(items).toMatchObject([{ queue: 'q', count: 2, sample: id }])
  })

  test('kills a task whose crash budget is spent', async () => {
    const setup = new Setup()
    const id = await setup.push()
    for (let crashes = 1; crashes < CRASH_BUDGET; crashes++) expect((await crashOnce(setup)).killed).toBe(0)
    expect((await crashOnce(setup)).killed).toBe(1)
    const task = await setup.backend.fetchById(id)
    expect(task).toMatchObject({ status: 'killed', crashes: CRASH_BUDGET })
    expect(task?.error?.message).toContain(`that is the limit of ${CRASH_BUDGET}`)
  })

  test('is bounded, and says when there is more', async () => {
    const setup = new Setup()
    await setup.backend.push(Array.from({ length: 2_500 }, () => newTask()))
    for (let n = 0; n < 5; n++) await setup.claim(await setup.instance(), 500)
    setup.clock.advance(LEASE_MS)
    expect(await setup.backend.sweep()).toEqual({
      instances: 2,
      recovered: 1_000,
      killed: 0,
      more: true,
    })
    expect(await setup.backend.sweep()).toMatchObject({ instances: 2, more: true })
    expect(await setup.backend.sweep()).toMatchObject({ instances: 1, recovered: 500, more: false })
  })
})

describe('quarantine', () => {
  test('a task that two workers died holding comes alone, in its turn, and others after it', async () => {
    const setup = new Setup()
    const poison = await setup.push({ priority: 5 })
    await crashOnce(setup)
    await crashOnce(setup)
    const before = await setup.push({ priority: 9 })
    const after = await setup.push()
    const other = await setup.push({ queue: 'other' })
    const instance = await setup.instance()
    const ids = async (): Promise<{ ids: string[]; nextDueMs: number | null }> => {
      const queues = ['q', 'other'].map((queue) => ({ queue, limit: 10 }))
      const { tasks, nextDueMs } = await setup.backend.claim({ instance, queues })
      return { ids: tasks.map(({ id }) => id), nextDueMs }
    }
    expect(await ids()).toEqual({ ids: [before, other], nextDueMs: 0 })
    expect(await ids()).toEqual({ ids: [poison], nextDueMs: 0 })
    expect(await ids()).toEqual({ ids: [after], nextDueMs: null })
  })

  test('a task that one worker died holding still comes with others', async () => {
    const setup = new Setup()
    await setup.push()
    await crashOnce(setup)
    await setup.push()
    expect((await setup.claim(await setup.instance(), 10)).tasks).toHaveLength(2)
  })
})

test('deregistering gives everything back as if released, and unknown instances are fine', async () => {
  const setup = new Setup()
  const instance = await setup.instance()
  const id = await setup.push()
  const claimed = await setup.claimOne(instance)
  await setup.backend.deregister(instance)
  await setup.backend.deregister(instance)
  expect(await setup.backend.fetchById(id)).toMatchObject({
    status: 'pending',
    attempt: 0,
    crashes: 0,
  })
  expect(await setup.settle(claimed, { kind: 'done', result: null })).toBe('stale')
  await rejection('ERR_LEASE_LOST', setup.claim(instance))
  expect((await setup.claim(await setup.instance())).tasks).toHaveLength(1)
})

test.each(['deregistered', 'swept'])('an instance that is %s gives back only what it still holds', async (end) => {
  const setup = new Setup()
  const instance = await setup.instance()
  for (let n = 0; n < 3; n++) await setup.push()
  const { tasks } = await setup.claim(instance, 3)
  const [done, failed, held] = tasks
  await setup.settle(done!, { kind: 'done', result: null })
  await setup.settle(failed!, { kind: 'failed', error: boom, retryAfterMs: 0 })
  if (end === 'deregistered') await setup.backend.deregister(instance)
  setup.clock.advance(LEASE_MS)
  const swept = await setup.backend.sweep()
  expect(swept.recovered).toBe(end === 'swept' ? 1 : 0)
  expect((await setup.backend.fetchById(done!.id))?.status).toBe('done')
  expect(await setup.backend.fetchById(failed!.id)).toMatchObject({
    attempt: 1,
    crashes: 0,
    error: boom,
  })
  const again = await setup.claim(await setup.instance(), 10)
  expect(new Set(again.tasks.map(({ id }) => id))).toEqual(new Set([failed!.id, held!.id]))
  expect(again.tasks).toHaveLength(2)
})

test('a beat of an instance that is not registered shows nothing as running', async () => {
  const setup = new Setup()
  const id = await setup.push()
  const { token } = await setup.claimOne(await setup.instance())
  const beat = { instance: uuidv7(), leaseMs: LEASE_MS, running: [{ id, token }] }
  expect(await setup.backend.beat(beat)).toEqual({ lease: 'lost', lost: [] })
  expect((await setup.backend.fetchById(id))?.status).toBe('queued')
})
