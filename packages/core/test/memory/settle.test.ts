import { describe, expect, test } from 'vitest'
import type { Settlement } from '../../src/backend/backend.ts'
import { rejection } from '../failure.ts'
import { boom, newTask, Setup } from './setup.ts'

const result = { codec: 'json', bytes: Uint8Array.of(0x32) }

describe('a settlement', () => {
  test.each([
    [{ kind: 'done', result } as const, { status: 'done', result, error: null }],
    [{ kind: 'done', result: null } as const, { status: 'done', result: null }],
    [{ kind: 'killed', error: boom } as const, { status: 'killed', error: boom }],
    [{ kind: 'cancelled', error: boom } as const, { status: 'cancelled', error: boom }],
    [{ kind: 'cancelled' } as const, { status: 'cancelled', error: null }],
  ])('%j ends the task', async (settlement, expected) => {
    const setup = new Setup()
    const id = await setup.push()
    const claimed = await setup.claimOne(await setup.instance())
    setup.clock.advance(5)
    expect(await setup.settle(claimed, settlement)).toBe('applied')
    const finishedAt = setup.clock.now()
    expect(await setup.backend.fetchById(id)).toMatchObject({ ...expected, finishedAt, attempt: 1 })
  })

  test('failed keeps the attempt, the error, and waits', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    const id = await setup.push()
    const first = await setup.claimOne(instance)
    await setup.settle(first, { kind: 'failed', error: boom, retryAfterMs: 1_000 })
    expect(await setup.backend.fetchById(id)).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: boom,
    })
    setup.clock.advance(999)
    expect((await setup.claim(instance)).tasks).toEqual([])
    setup.clock.advance(1)
    expect(await setup.claimOne(instance)).toMatchObject({ id, attempt: 2 })
  })

  test('released puts the task back as it was: time, attempt, status and error', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    const id = await setup.push()
    const fresh = await setup.backend.fetchById(id)
    setup.clock.advance(50)
    await setup.settle(await setup.claimOne(instance), { kind: 'released' })
    expect(await setup.backend.fetchById(id)).toEqual(fresh)
    await setup.settle(await setup.claimOne(instance), {
      kind: 'failed',
      error: boom,
      retryAfterMs: 0,
    })
    const failed = await setup.backend.fetchById(id)
    setup.clock.advance(50)
    await setup.settle(await setup.claimOne(instance), { kind: 'released' })
    expect(await setup.backend.fetchById(id)).toEqual(failed)
  })

  test('deferred gives the attempt back and waits', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    const id = await setup.push()
    await setup.settle(await setup.claimOne(instance), { kind: 'deferred', afterMs: 1_000 })
    expect(await setup.backend.fetchById(id)).toMatchObject({ status: 'pending', attempt: 0 })
    expect((await setup.claim(instance)).nextDueMs).toBe(1_000)
    setup.clock.advance(1_000)
    expect((await setup.claimOne(instance)).attempt).toBe(1)
  })

  test('progress keeps the claim, may be repeated, and the next attempt sees the last one', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    await setup.push()
    const claimed = await setup.claimOne(instance)
    for (const byte of [1, 2, 2])
      expect(await setup.settle(claimed, { kind: 'progress', checkpoint: Uint8Array.of(byte) })).toBe('applied')
    await setup.settle(claimed, { kind: 'failed', error: boom, retryAfterMs: 0 })
    expect((await setup.claimOne(instance)).checkpoint).toEqual(Uint8Array.of(2))
  })
})

describe('repeating', () => {
  test('an applied settlement answers already and changes nothing, in one call and in the next', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    const id = await setup.push()
    const { token } = await setup.claimOne(instance)
    const done: Settlement = { id, token, kind: 'done', result: null, follow: [newTask()] }
    const killed: Settlement = { id, token, kind: 'killed', error: boom, follow: [newTask()] }
    expect(await setup.backend.settle([done, done, killed])).toEqual(['applied', 'already', 'already'])
    expect(await setup.backend.settle([killed])).toEqual(['already'])
    expect((await setup.backend.fetchById(id))?.status).toBe('done')
    expect((await setup.claim(instance, 10)).tasks, 'followed once').toHaveLength(1)
  })

  test('answers already even when the task was claimed again meanwhile', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    await setup.push()
    const first = await setup.claimOne(instance)
    await setup.settle(first, { kind: 'failed', error: boom, retryAfterMs: 0 })
    const second = await setup.claimOne(instance)
    expect(await setup.settle(first, { kind: 'failed', error: boom, retryAfterMs: 0 })).toBe('already')
    expect(await setup.settle(second, { kind: 'done', result: null })).toBe('applied')
  })

  test('a progress after the end answers already', async () => {
    const setup = new Setup()
    const claimed = await setup.finishOne()
    expect(await setup.settle(claimed, { kind: 'progress', checkpoint: Uint8Array.of(1) })).toBe('already')
  })
})

test('a stale token changes nothing and hurts nobody else in the call', async () => {
  const setup = new Setup()
  const [dead, living] = [await setup.instance(1_000), await setup.instance()]
  await setup.push()
  const lost = await setup.claimOne(dead)
  await setup.push()
  const good = await setup.claimOne(living)
  setup.clock.advance(1_000)
  await setup.backend.sweep()
  const follow = [newTask({ queue: 'follow' })]
  expect(
    await setup.backend.settle([
      { id: lost.id, token: lost.token, kind: 'done', result: null, follow },
      { id: good.id, token: good.token, kind: 'done', result: null },
      { id: good.id, token: lost.token, kind: 'done', result: null },
      { id: newTask().id, token: good.token, kind: 'done', result: null },
    ]),
  ).toEqual(['stale', 'applied', 'stale', 'stale'])
  expect((await setup.backend.fetchById(lost.id))?.status).toBe('failed')
  expect(await setup.backend.fetchById(follow[0]!.id)).toBeNull()
})

describe('follow-on tasks', () => {
  test('are stored with the settlement; known ids and keys are skipped, whatever their payload', async () => {
    const setup = new Setup()
    const known = newTask({ queue: 'b', key: 'k' })
    await setup.backend.push([known])
    await setup.push()
    const fresh = newTask({ queue: 'b' })
    const otherPayload = { codec: 'json', bytes: Uint8Array.of(7) }
    const follow = [fresh, known, fresh, newTask({ queue: 'b', key: 'k', payload: otherPayload })]
    const instance = await setup.instance()
    const claimed = await setup.claimOne(instance)
    expect(await setup.settle(claimed, { kind: 'done', result: null, follow })).toBe('applied')
    const { tasks } = await setup.claim(instance, 10, 'b')
    expect(tasks.map(({ id }) => id)).toEqual([known.id, fresh.id])
  })

  test('that cannot be stored leave the task as it was', async () => {
    const setup = new Setup()
    await setup.push()
    const claimed = await setup.claimOne(await setup.instance())
    const follow = [newTask({ due: { afterMs: NaN } })]
    await rejection('ERR_OPTION', setup.settle(claimed, { kind: 'done', result: null, follow }))
    expect((await setup.backend.fetchById(claimed.id))?.status).toBe('queued')
    expect(await setup.settle(claimed, { kind: 'done', result: null })).toBe('applied')
  })
})

test.each([NaN, Infinity])('a delay of %s is refused and changes nothing', async (delay) => {
  const setup = new Setup()
  await setup.push()
  const claimed = await setup.claimOne(await setup.instance())
  const before = await setup.backend.fetchById(claimed.id)
  await rejection('ERR_OPTION', setup.settle(claimed, { kind: 'deferred', afterMs: delay }))
  await rejection('ERR_OPTION', setup.settle(claimed, { kind: 'failed', error: boom, retryAfterMs: delay }))
  expect(await setup.backend.fetchById(claimed.id)).toEqual(before)
})
