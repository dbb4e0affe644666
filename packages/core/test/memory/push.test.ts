import { describe, expect, test } from 'vitest'
import { rejection } from '../failure.ts'
import { newTask, collect, Setup } from './setup.ts'

const payload = (...bytes: number[]) => ({ codec: 'json', bytes: Uint8Array.from(bytes) })

test('the stored bytes are not the array of the caller, nor that of a reader', async () => {
  const setup = new Setup()
  const given = payload(1, 2, 3)
  const metadata: Record<string, string> = { a: '1' }
  const id = await setup.push({ payload: given, metadata })
  given.bytes[0] = 9
  metadata['a'] = '2'
  const claimed = await setup.claimOne(await setup.instance())
  expect(claimed.payload.bytes).toEqual(Uint8Array.of(1, 2, 3))
  expect(claimed.metadata).toEqual({ a: '1' })
  claimed.payload.bytes[0] = 9
  const checkpoint = Uint8Array.of(4)
  await setup.settle(claimed, { kind: 'progress', checkpoint })
  checkpoint[0] = 9
  await setup.settle(claimed, { kind: 'released' })
  const again = await setup.claimOne(await setup.instance())
  expect(again.payload.bytes).toEqual(Uint8Array.of(1, 2, 3))
  expect(again.checkpoint).toEqual(Uint8Array.of(4))
  const result = payload(5)
  await setup.settle(again, { kind: 'done', result })
  result.bytes[0] = 9
  const stored = await setup.backend.fetchById(id)
  expect(stored?.result?.bytes).toEqual(Uint8Array.of(5))
  stored!.result!.bytes[0] = 9
  expect((await setup.backend.fetchById(id))?.result?.bytes).toEqual(Uint8Array.of(5))
})

describe('a key', () => {
  test('with the same payload names the first task, in one call and in the next', async () => {
    const setup = new Setup()
    const tasks = [newTask({ key: 'k' }), newTask({ key: 'k' }), newTask({ key: 'other' })]
    const [first, , other] = tasks.map(({ id }) => id)
    expect(await setup.backend.push(tasks)).toEqual([
      { id: first, outcome: 'created' },
      { id: first, outcome: 'duplicate' },
      { id: other, outcome: 'created' },
    ])
    expect(await setup.backend.push([newTask({ key: 'k' })])).toEqual([{ id: first, outcome: 'duplicate' }])
  })

  test('belongs to its queue', async () => {
    const setup = new Setup()
    await setup.push({ key: 'k' })
    const [receipt] = await setup.backend.push([newTask({ queue: 'b', key: 'k' })])
    expect(receipt?.outcome).toBe('created')
  })

  test('holds after its task has finished', async () => {
    const setup = new Setup()
    const { id } = await setup.finishOne({ key: 'k' })
    expect(await setup.push({ key: 'k' })).toBe(id)
  })

  test.each([
    ['other bytes', payload(2)],
    ['more bytes', payload(0x31, 0x31)],
    ['another codec', { ...payload(0x31), codec: 'bytes' }],
  ])('with %s is refused, and nothing of the call is stored', async (_, other) => {
    const setup = new Setup()
    const first = await setup.push({ key: 'k' })
    const innocent = newTask()
    const call = setup.backend.push([innocent, newTask({ key: 'k', payload: other })])
    const error = await rejection('ERR_KEY_CONFLICT', call)
    expect(error.message).toContain(`queue "q": the key "k" belongs to task ${first}`)
    expect(await setup.backend.fetchById(innocent.id)).toBeNull()
    expect((await setup.claim(await setup.instance(), 10)).tasks).toHaveLength(1)
  })

  test('with another payload is refused within one call too', async () => {
    const setup = new Setup()
    const tasks = [newTask({ key: 'k' }), newTask({ key: 'k', payload: payload(2) })]
    await rejection('ERR_KEY_CONFLICT', setup.backend.push(tasks))
    expect(await setup.backend.fetchById(tasks[0]!.id)).toBeNull()
  })
})

test('an id that exists is a duplicate, in one call and in the next', async () => {
  const setup = new Setup()
  const task = newTask()
  const answers = [
    ...(await setup.backend.push([task, task])),
    ...(await setup.backend.push([{ ...task, queue: 'b' }])),
  ]
  expect(answers.map(({ outcome }) => outcome)).toEqual(['created', 'duplicate', 'duplicate'])
  expect((await setup.claim(await setup.instance(), 10)).tasks).toHaveLength(1)
})

test('a time that is no number is refused, and nothing of the call is stored', async () => {
  const setup = new Setup()
  const innocent = newTask()
  await rejection('ERR_OPTION', setup.backend.push([innocent, newTask({ due: { at: NaN } })]))
  expect(await setup.backend.fetchById(innocent.id)).toBeNull()
})

test('pushing nothing is fine', async () => {
  expect(await new Setup().backend.push([])).toEqual([])
})

describe('keepFinished', () => {
  test('forgets the oldest finished tasks with their ids and keys, and never one that is not finished', async () => {
    const setup = new Setup({ keepFinished: 2 })
    const waiting = await setup.push({ queue: 'other' })
    const finished = []
    for (const key of ['a', 'b', 'c']) finished.push(await setup.finishOne({ key }))
    const found = await Promise.all(finished.map(({ id }) => setup.backend.fetchById(id)))
    expect(found.map((task) => task?.status)).toEqual([undefined, 'done', 'done'])
    expect(await setup.backend.fetchById(waiting)).not.toBeNull()
    expect(await setup.push({ key: 'b' })).toBe(finished[1]!.id)
    expect(await setup.push({ key: 'a' })).not.toBe(finished[0]!.id)
    expect(await setup.settle(finished[0]!, { kind: 'released' })).toBe('stale')
    expect(await setup.settle(finished[1]!, { kind: 'released' })).toBe('already')
    await rejection('ERR_TASK_NOT_FOUND', collect(setup.backend.wait([finished[0]!.id])))
  })

  test('may be 0: those who wait get the outcome all the same', async () => {
    const setup = new Setup({ keepFinished: 0 })
    const id = await setup.push()
    const outcomes = collect(setup.backend.wait([id]))
    const claimed = await setup.claimOne(await setup.instance())
    await setup.settle(claimed, { kind: 'done', result: null })
    expect(await outcomes).toMatchObject([{ id, status: 'done' }])
    expect(await setup.backend.fetchById(id)).toBeNull()
  })
})
