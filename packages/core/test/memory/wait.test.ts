import { describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/id.ts'
import { rejection } from '../failure.ts'
import { boom, newTask, collect, Setup } from './setup.ts'

/** Lets everything happen that needs no time. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function finish(setup: Setup, count: number): Promise<string[]> {
  const { tasks } = await setup.claim(await setup.instance(), count)
  for (const task of tasks) await setup.settle(task, { kind: 'done', result: null })
  return tasks.map(({ id }) => id)
}

describe('wait yields', () => {
  test('each outcome as it comes, in the order they finish, and then ends', async () => {
    const setup = new Setup()
    const ids = [await setup.push(), await setup.push({ priority: 5 }), await setup.push()]
    const yielded: string[] = []
    const waiting = (async () => {
      for await (const outcome of setup.backend.wait(ids)) yielded.push(outcome.id)
    })()
    await settled()
    expect(yielded).toEqual([])
    const first = await finish(setup, 1)
    await settled()
    expect(yielded).toEqual(first)
    const others = await finish(setup, 2)
    await waiting
    expect(yielded).toEqual([...first, ...others])
  })

  test('what has finished before, in that order, each id once', async () => {
    const setup = new Setup()
    const ids = [await setup.push(), await setup.push({ priority: 5 })]
    const order = await finish(setup, 2)
    const outcomes = await collect(setup.backend.wait([...ids, ...ids]))
    expect(outcomes.map(({ id }) => id)).toEqual(order)
    expect(order).toEqual(ids.toReversed())
  })

  test('how a task ended', async () => {
    const setup = new Setup()
    const id = await setup.push()
    const outcomes = collect(setup.backend.wait([id]))
    await settled()
    const claimed = await setup.claimOne(await setup.instance())
    await setup.settle(claimed, { kind: 'killed', error: boom })
    const finishedAt = setup.clock.now()
    expect(await outcomes).toEqual([
      { id, queue: 'q', status: 'killed', attempt: 1, finishedAt, result: null, error: boom },
    ])
  })

  test('a task that a sweep kills', async () => {
    const setup = new Setup()
    const id = await setup.push({ maxAttempts: 1 })
    const outcomes = collect(setup.backend.wait([id]))
    await setup.claimOne(await setup.instance(1_000))
    setup.clock.advance(1_000)
    await setup.backend.sweep()
    expect(await outcomes).toMatchObject([{ id, status: 'killed' }])
  })

  test('to many who wait for the same task', async () => {
    const setup = new Setup()
    const id = await setup.push()
    const waits = Promise.all([1, 2, 3].map(() => collect(setup.backend.wait([id]))))
    await settled()
    await finish(setup, 1)
    expect((await waits).flat().map((outcome) => outcome.id)).toEqual([id, id, id])
  })

  test('nothing, for no ids', async () => {
    expect(await collect(new Setup().backend.wait([], { timeoutMs: 5 }))).toEqual([])
  })
})

describe('wait ends', () => {
  test('before it begins, when an id is unknown', async () => {
    const setup = new Setup()
    const unknown = uuidv7()
    const ids = [await setup.push(), unknown]
    const error = await rejection('ERR_TASK_NOT_FOUND', collect(setup.backend.wait(ids)))
    expect(error.message).toContain(unknown)
  })

  test('after its time, saying how many are open', async () => {
    const setup = new Setup()
    const ids = [await setup.push(), await setup.push(), await setup.push()]
    const waiting = rejection('ERR_WAIT_TIMEOUT', collect(setup.backend.wait(ids, { timeoutMs: 500 })))
    await settled()
    await finish(setup, 1)
    setup.clock.advance(499)
    await settled()
    setup.clock.advance(1)
    expect((await waiting).message).toContain(
      '2 of the tasks waited for have not finished within 500 ms, the first of them',
    )
  })

  test('after its time, naming the one that is open', async () => {
    const setup = new Setup()
    const id = await setup.push()
    const waiting = rejection('ERR_WAIT_TIMEOUT', collect(setup.backend.wait([id], { timeoutMs: 500 })))
    await settled()
    setup.clock.advance(500)
    expect((await waiting).message).toContain(`Task ${id} has not finished within 500 ms. It goes on`)
  })

  test('after its time, but what had arrived is still yielded to a slow reader', async () => {
    const setup = new Setup()
    const ids = [await setup.push(), await setup.push(), await setup.push()]
    const iterator = setup.backend.wait(ids, { timeoutMs: 500 })[Symbol.asyncIterator]()
    const first = iterator.next()
    await settled()
    const finished = await finish(setup, 2)
    expect((await first).value?.id).toBe(finished[0])
    setup.clock.advance(500)
    expect((await iterator.next()).value?.id).toBe(finished[1])
    await rejection('ERR_WAIT_TIMEOUT', iterator.next())
  })

  test('when its signal aborts, with the reason', async () => {
    const setup = new Setup()
    const controller = new AbortController()
    const waiting = collect(setup.backend.wait([await setup.push()], { signal: controller.signal, timeoutMs: 500 }))
    await settled()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(setup.clock.timers).toBe(0)
  })

  test('at once when its signal has aborted before, even for finished tasks', async () => {
    const setup = new Setup()
    const { id } = await setup.finishOne()
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(collect(setup.backend.wait([id], { signal }))).rejects.toThrow('enough')
  })

  test('when the reader stops, leaving no timer', async () => {
    const setup = new Setup()
    const ids = [await setup.push(), await setup.push()]
    await finish(setup, 1)
    for await (const outcome of setup.backend.wait(ids, { timeoutMs: 500 })) {
      expect(setup.clock.timers).toBe(1)
      expect(outcome.status).toBe('done')
      break
    }
    expect(setup.clock.timers).toBe(0)
  })
})

describe('close', () => {
  test('ends those who wait', async () => {
    const setup = new Setup()
    const waiting = rejection('ERR_CLOSED', collect(setup.backend.wait([await setup.push()], { timeoutMs: 9 })))
    await settled()
    await setup.backend.close()
    await waiting
    expect(setup.clock.timers).toBe(0)
  })

  test('ends every later call, and closing again does nothing', async () => {
    const { backend } = new Setup()
    await backend.close()
    await backend.close()
    const instance = uuidv7()
    const calls: (() => Promise<unknown>)[] = [
      () => backend.push([newTask()]),
      () => backend.claim({ instance, queues: [] }),
      () => backend.settle([]),
      () => backend.register({ instance, name: 'w', queues: [], leaseMs: 1_000 }),
      () => backend.beat({ instance, leaseMs: 1_000, running: [] }),
      () => backend.deregister(instance),
      () => backend.sweep(),
      () => collect(backend.wait([])),
      () => backend.wake([], () => {}),
      () => backend.fetchById(uuidv7()),
      () => backend.update(uuidv7(), {}),
      () => backend.cancel([]),
      () => backend.resumeById([]),
      () => backend.remove([]),
      () => backend.pause('q'),
      () => backend.resume('q'),
      () => backend.commandWorker(instance, 'work'),
      () => backend.vacuum('q', {}, 1),
      () => backend.acquire([]),
      () => backend.listTasks({}),
      () => backend.countTasks({}),
      () => backend.listQueues(),
      () => backend.listWorkers(),
      () => backend.listAttempts(uuidv7()),
      () => backend.report([]),
      () => backend.readLog(uuidv7()),
      () => backend.metrics({ from: 0, to: 1, step: 'day' }),
      () => backend.listErrorGroups(),
      () => collect(backend.events('q')),
    ]
    for (const call of calls) await rejection('ERR_CLOSED', call())
  })
})
