import { describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/id.ts'
import { failure, rejection } from '../failure.ts'
import { boom, collect, newTask, Setup } from './setup.ts'

describe('a task with a new life', () => {
  test('is not forgotten with those that finished when it did', async () => {
    const setup = new Setup({ keepFinished: 2 })
    const { id } = await setup.finishOne()
    await setup.backend.resumeById([id])
    for (let n = 0; n < 3; n++) await setup.finishOne({ priority: 1 })
    expect((await setup.backend.fetchById(id))?.status).toBe('pending')
    const instance = await setup.instance()
    await setup.settle(await setup.claimOne(instance), { kind: 'done', result: null })
    expect((await setup.backend.fetchById(id))?.status).toBe('done')
  })

  test('can be waited for, and tells its own end', async () => {
    const setup = new Setup()
    const { id } = await setup.finishOne()
    await setup.backend.resumeById([id])
    const outcomes = collect(setup.backend.wait([id]))
    await setup.settle(await setup.claimOne(await setup.instance()), { kind: 'killed', error: boom })
    expect(await outcomes).toMatchObject([{ id, status: 'killed', attempt: 1 }])
  })

  test('has the attempts of both lives in its history', async () => {
    const setup = new Setup()
    const { id } = await setup.finishOne()
    await setup.backend.resumeById([id])
    await setup.claimOne(await setup.instance())
    const attempts = await setup.backend.listAttempts(id)
    expect(attempts.map(({ attempt, result }) => [attempt, result])).toEqual([
      [1, 'done'],
      [1, 'running'],
    ])
  })
})

describe('a removed task', () => {
  test('ends the waits for it, after what they know', async () => {
    const setup = new Setup()
    const gone = await setup.push({ priority: -1 })
    const other = await setup.push()
    const yielded: string[] = []
    const waiting = (async () => {
      for await (const { id } of setup.backend.wait([gone, other])) yielded.push(id)
    })()
    await new Promise(setImmediate)
    await setup.settle(await setup.claimOne(await setup.instance()), { kind: 'done', result: null })
    await setup.backend.remove([gone])
    const error = await rejection('ERR_TASK_NOT_FOUND', waiting)
    expect(error.message).toContain(gone)
    expect(yielded).toEqual([other])
  })
})

describe('timers', () => {
  test('follow the first task that is not yet due, through cancel, update, removal and resumption', async () => {
    const setup = new Setup()
    await setup.backend.wake(['q'], () => {})
    const [a, b, c] = [
      await setup.push({ due: { afterMs: 1_000 } }),
      await setup.push({ due: { afterMs: 2_000 } }),
      await setup.push({ due: { afterMs: 3_000 } }),
    ]
    await setup.backend.cancel([a])
    expect(setup.clock.nextMs).toBe(2_000)
    await setup.backend.update(b, { due: { afterMs: 5_000 } })
    expect(setup.clock.nextMs).toBe(3_000)
    await setup.backend.remove([c])
    expect(setup.clock.nextMs).toBe(5_000)
    await setup.backend.resumeById([b])
    expect(setup.clock.timers).toBe(0)
  })

  test('rest while a queue is paused', async () => {
    const setup = new Setup()
    const nudges: string[] = []
    await setup.backend.wake(['q'], (queue, reason) => nudges.push(`${queue} ${reason}`))
    await setup.push({ due: { afterMs: 1_000 } })
    await setup.backend.pause('q')
    expect(setup.clock.timers).toBe(0)
    await setup.push()
    setup.clock.advance(500)
    expect(nudges).toEqual(['q news'])
    await setup.backend.resume('q')
    expect(nudges).toEqual(['q news', 'q news', 'q work'])
    expect(setup.clock.nextMs).toBe(500)
  })
})

test('a cancel names held tasks once to their queue, and nudges nobody for what ended', async () => {
  const setup = new Setup()
  const instance = await setup.instance()
  for (let n = 0; n < 2; n++) await setup.push()
  const { tasks } = await setup.claim(instance, 2)
  const waits = await setup.push({ queue: 'other' })
  const nudges: string[] = []
  await setup.backend.wake(['q', 'other'], (queue, reason) => nudges.push(`${queue} ${reason}`))
  await setup.backend.cancel([...tasks.map(({ id }) => id), waits])
  expect(nudges).toEqual(['q news'])
})

test('a reason is cut at 500 characters and made storable', async () => {
  const setup = new Setup()
  const id = await setup.push()
  await setup.backend.cancel([id], `\0\ud800${'x'.repeat(600)}`)
  expect((await setup.backend.fetchById(id))?.error?.message).toBe(`\ufffd\ufffd${'x'.repeat(498)}`)
})

test('vacuum looks at the oldest first, and gaps of tasks that live again do not count', async () => {
  const setup = new Setup({ keepFinished: 3 })
  const finished = []
  for (let n = 0; n < 4; n++) finished.push((await setup.finishOne()).id)
  await setup.backend.resumeById([finished[2]!])
  expect(await setup.backend.vacuum('q', { doneMs: 0 }, 1)).toBe(1)
  const found = await Promise.all(finished.map((id) => setup.backend.fetchById(id)))
  expect(found.map((task) => task?.status)).toEqual([undefined, undefined, 'pending', 'done'])
})

describe('mistakes', () => {
  test('change nothing', async () => {
    const setup = new Setup()
    const id = await setup.push()
    const { backend } = setup
    const before = await backend.fetchById(id)
    await rejection('ERR_OPTION', backend.update(id, { due: { at: NaN }, priority: 5 }))
    await rejection('ERR_OPTION', backend.update(id, { deadline: { afterMs: Infinity }, priority: 5 }))
    expect(await backend.fetchById(id)).toEqual(before)
  })

  test.each([0, 10_001, 1.5])('a vacuum of at most %s tasks', async (limit) => {
    await rejection('ERR_OPTION', new Setup().backend.vacuum('q', {}, limit))
  })

  test('a retention of another name or unit', async () => {
    const { backend } = new Setup()
    const retention: object = { done: 5 }
    const error = await rejection('ERR_OPTION', backend.vacuum('q', retention, 10))
    expect(error.message).toContain('did you mean "doneMs"?')
    await rejection('ERR_OPTION', backend.vacuum('q', { doneMs: -1 }, 10))
  })

  test('a command that does not exist', async () => {
    const setup = new Setup()
    const instance = await setup.instance()
    const command = JSON.parse('"halt"')
    const error = await rejection('ERR_OPTION', setup.backend.commandWorker(instance, command))
    expect(error.message).toContain('work, pause, stop')
    expect(await setup.backend.commandWorker(uuidv7(), 'stop')).toBe(false)
  })

  test('an event cursor that no event had', () => {
    const { backend } = new Setup()
    expect(failure('ERR_OPTION', () => backend.events('q', { after: 'x' })).message).toContain('after')
  })
})

test('updating 20,000 waiting tasks in any order keeps the claim in order', async () => {
  const setup = new Setup()
  const now = setup.clock.now()
  const tasks = Array.from({ length: 20_000 }, () => newTask({ due: { afterMs: 60_000 } }))
  await setup.backend.push(tasks)
  const at = (n: number): number => now - ((n * 7_919) % 20_011)
  for (const [n, { id }] of tasks.entries()) await setup.backend.update(id, { due: { at: at(n) } })
  const instance = await setup.instance()
  const claimed: number[] = []
  while (claimed.length < tasks.length)
    claimed.push(...(await setup.claim(instance, 1_000)).tasks.map(({ runAt }) => runAt))
  expect(claimed).toEqual(tasks.map((_, n) => at(n)).sort((a, b) => a - b))
})
