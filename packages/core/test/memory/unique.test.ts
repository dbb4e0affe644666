import { describe, expect, test } from 'vitest'
import type { Uniqueness } from '../../src/task/task.ts'
import { rejection } from '../failure.ts'
import { boom, newTask, Setup } from './setup.ts'

const only = (more: Partial<Uniqueness> = {}): Uniqueness => ({
  key: 'u',
  while: 'unfinished',
  windowMs: 0,
  otherwise: 'keep',
  ...more,
})
const payload = (byte: number) => ({ codec: 'json', bytes: Uint8Array.of(byte) })

describe('a follow-on task with the unique key of the task it follows', () => {
  test('is stored when the settlement ends that task', async () => {
    const setup = new Setup()
    await setup.push({ unique: only() })
    const claimed = await setup.claimOne(await setup.instance())
    const next = newTask({ unique: only() })
    await setup.settle(claimed, { kind: 'done', result: null, follow: [next] })
    expect((await setup.claimOne(await setup.instance())).id).toBe(next.id)
  })

  test('is skipped when that task waits for its next attempt', async () => {
    const setup = new Setup()
    await setup.push({ unique: only() })
    const claimed = await setup.claimOne(await setup.instance())
    const next = newTask({ unique: only() })
    await setup.settle(claimed, { kind: 'failed', error: boom, retryAfterMs: 0, follow: [next] })
    expect(await setup.backend.fetchById(next.id)).toBeNull()
  })
})

test('a call that is refused replaces nothing', async () => {
  const setup = new Setup()
  const id = await setup.push({ unique: only() })
  await setup.push({ key: 'k' })
  const replacing = newTask({ unique: only({ otherwise: 'replace' }), payload: payload(7), priority: 9 })
  await rejection('ERR_KEY_CONFLICT', setup.backend.push([replacing, newTask({ key: 'k', payload: payload(8) })]))
  const late = newTask({ deadline: { at: NaN } })
  await rejection('ERR_OPTION', setup.backend.push([replacing, late]))
  expect(await setup.backend.fetchById(id)).toMatchObject({ priority: 0, payload: payload(0x31) })
})

test('an idempotency key stands for the payload it was pushed with, whatever its task was given since', async () => {
  const setup = new Setup()
  const id = await setup.push({ key: 'k', unique: only() })
  await setup.backend.update(id, { payload: payload(7) })
  await setup.backend.push([newTask({ unique: only({ otherwise: 'replace' }), payload: payload(8) })])
  expect(await setup.backend.push([newTask({ key: 'k' })])).toEqual([{ id, outcome: 'duplicate' }])
  await rejection('ERR_KEY_CONFLICT', setup.backend.push([newTask({ key: 'k', payload: payload(8) })]))
})

test('a replacement takes the new place in the queue at once', async () => {
  const setup = new Setup()
  const id = await setup.push({ unique: only(), due: { afterMs: 60_000 } })
  const others = [await setup.push({ priority: 1 }), await setup.push({ priority: 3 })]
  await setup.push({ unique: only({ otherwise: 'replace' }), priority: 2 })
  const { tasks } = await setup.claim(await setup.instance(), 10)
  expect(tasks.map((task) => task.id)).toEqual([others[1], id, others[0]])
})

test('forgetting a finished task frees its unique key, but not when another has taken it over', async () => {
  const setup = new Setup({ keepFinished: 1 })
  const unique = only({ windowMs: 60_000 })
  const first = await setup.finishOne({ unique })
  expect(await setup.push({ unique })).toBe(first.id)
  await setup.finishOne()
  const second = await setup.push({ unique: only() })
  expect(second).not.toBe(first.id)
  await setup.settle(await setup.claimOne(await setup.instance()), { kind: 'done', result: null })
  const third = await setup.push({ unique: only() })
  expect(third).not.toBe(second)
  await setup.finishOne({ priority: 1 })
  expect(await setup.backend.fetchById(second)).toBeNull()
  expect(await setup.push({ unique: only() })).toBe(third)
})
