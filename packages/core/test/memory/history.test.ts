import { describe, expect, test } from 'vitest'
import { CAPABILITIES, supports } from '../../src/backend/capability.ts'
import type { TaskEvent } from '../../src/backend/visibility.ts'
import { History } from '../../src/memory/history.ts'
import { newRow, wishOf } from '../../src/memory/row.ts'
import { rejection } from '../failure.ts'
import { boom, newTask, Setup } from './setup.ts'

test('every capability is offered but that to lend a transaction', () => {
  const { backend } = new Setup()
  expect(CAPABILITIES.filter((name) => !supports(backend, name))).toEqual(['transaction'])
})

describe('attempts', () => {
  test('are kept, the last thousand of a task', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    const id = await setup.push()
    for (let n = 0; n < 1_005; n++) {
      const claimed = await setup.claimOne(instance)
      await setup.settle(claimed, { kind: 'failed', error: boom, retryAfterMs: 0, ranMs: n })
    }
    const attempts = await setup.backend.listAttempts(id)
    expect(attempts).toHaveLength(1_000)
    expect(attempts[0]).toMatchObject({ attempt: 6, result: 'failed', ranMs: 5 })
    expect(attempts.at(-1)).toMatchObject({ attempt: 1_005 })
    await setup.claimOne(instance)
    const held = await setup.backend.listAttempts(id)
    expect(held).toHaveLength(1_000)
    expect(held.at(-1)).toMatchObject({ attempt: 1_006, result: 'running', instance })
  })

  test('take no more room than that', () => {
    const task = newTask()
    const hold = { instance: 'i', worker: 'w', claimedAt: 0, waitedMs: 0 }
    const row = Object.assign(newRow(task, wishOf(task, 0), 0), { hold, error: boom })
    const history = new History()
    for (let n = 0; n < 1_005; n++) history.attemptEnded(row, 'failed', 1, n)
    expect(row.attempts).toHaveLength(1_000)
  })

  test.each([-1, NaN])('a span of %s is no time of a handler', async (ranMs) => {
    const setup = new Setup()
    const id = await setup.push()
    await setup.settle(await setup.claimOne(await setup.instance()), { kind: 'done', result: null, ranMs })
    expect(await setup.backend.listAttempts(id)).toMatchObject([{ result: 'done', ranMs: null }])
  })

  test('that a reader holds are not the stored ones', async () => {
    const setup = new Setup()
    const id = await setup.push()
    const error = { ...boom, cause: boom }
    await setup.settle(await setup.claimOne(await setup.instance()), { kind: 'killed', error })
    const [read] = await setup.backend.listAttempts(id)
    Object.assign(read!.error!.cause!, { message: 'other' })
    expect((await setup.backend.listAttempts(id))[0]?.error).toEqual(error)
  })
})

describe('lines', () => {
  const line = (message: string) => ({ attempt: 1, level: 'info', message, fields: null, at: 0 }) as const

  test('are kept, the last thousand of a task, and read on after one that is gone', async () => {
    const setup = new Setup()
    await setup.push()
    const { id, token } = await setup.claimOne(await setup.instance())
    await setup.backend.report([{ id, token, lines: [line('first')] }])
    const [first] = await setup.backend.readLog(id)
    for (let n = 0; n < 10; n++)
      await setup.backend.report([{ id, token, lines: Array.from({ length: 101 }, (_, m) => line(`${n * 101 + m}`)) }])
    const lines = await setup.backend.readLog(id, { limit: 1_000 })
    expect(lines.map(({ message }) => message)).toEqual(Array.from({ length: 1_000 }, (_, n) => `${n + 10}`))
    expect(await setup.backend.readLog(id, { after: first!.seq, limit: 1_000 })).toEqual(lines)
    expect(await setup.backend.readLog(id, { after: lines.at(-1)!.seq })).toEqual([])
    expect(await setup.backend.readLog(id)).toHaveLength(200)
  })

  test('of one task are not those of another', async () => {
    const setup = new Setup()
    const other = await setup.push()
    const { id, token } = await setup.claimOne(await setup.instance())
    await setup.push()
    const fresh = await setup.push()
    expect(id).toBe(other)
    await setup.backend.report([{ id, token, lines: [line('mine')] }])
    expect(await setup.backend.readLog(fresh)).toEqual([])
  })

  test.each([{ limit: 0 }, { limit: 1_001 }, { after: 'x' }])('read with %j are refused', async (options) => {
    await rejection('ERR_OPTION', new Setup().backend.readLog('x', options))
  })
})

describe('events', () => {
  async function read(events: AsyncIterator<TaskEvent>, count: number): Promise<TaskEvent[]> {
    const read: TaskEvent[] = []
    while (read.length < count) {
      const { value, done } = await events.next()
      if (done === true) break
      read.push(value)
    }
    return read
  }

  test('are told from the call on, not from the first read on', async () => {
    const setup = new Setup()
    await setup.finishOne()
    const events = setup.backend.events('q')[Symbol.asyncIterator]()
    const { id } = await setup.finishOne()
    expect(await read(events, 1)).toMatchObject([{ id, type: 'done', attempt: 1 }])
  })

  test('are read again after any of them, and by many', async () => {
    const setup = new Setup()
    const start = setup.backend.events('q')[Symbol.asyncIterator]()
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push((await setup.finishOne()).id)
    const all = await read(start, 5)
    expect(all.map(({ id }) => id)).toEqual(ids)
    for (const [n, { cursor }] of all.slice(0, 4).entries()) {
      const again = setup.backend.events('q', { after: cursor })[Symbol.asyncIterator]()
      expect(await read(again, 4 - n)).toEqual(all.slice(n + 1))
    }
  })

  test('are lost to a reader that falls 10,000 behind, the oldest first', async () => {
    const setup = new Setup({ keepFinished: 0 })
    const events = setup.backend.events('q')[Symbol.asyncIterator]()
    const instance = await setup.instance()
    for (let n = 0; n < 10_003; n++) {
      await setup.push()
      await setup.settle(await setup.claimOne(instance), { kind: 'done', result: null })
    }
    const [first] = await read(events, 1)
    expect(first?.cursor).toBe('4')
    expect(new Set((await read(events, 9_999)).map(({ id }) => id)).size).toBe(9_999)
  })

  test('end with their signal, while waiting and before, leaving no listener', async () => {
    const setup = new Setup()
    const controller = new AbortController()
    const events = setup.backend.events('q', { signal: controller.signal })[Symbol.asyncIterator]()
    const waiting = events.next()
    controller.abort(new Error('enough'))
    expect(await waiting).toEqual({ value: undefined, done: true })
    const never = setup.backend.events('q', { signal: controller.signal })[Symbol.asyncIterator]()
    expect((await never.next()).done).toBe(true)
  })

  test('end with the backend', async () => {
    const setup = new Setup()
    const waiting = setup.backend.events('q')[Symbol.asyncIterator]().next()
    await setup.backend.close()
    await rejection('ERR_CLOSED', waiting)
    await rejection('ERR_CLOSED', setup.backend.events('q')[Symbol.asyncIterator]().next())
  })
})
