import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import type { Ack, AckHook } from '../../src/worker/ack.ts'
import { defaultSettings } from '../../src/worker/options.ts'
import { compose } from '../../src/middleware/middleware.ts'
import { DEFAULT_RETRY } from '../../src/middleware/retry.ts'
import type { RunningTask } from '../../src/worker/context.ts'
import { Worker } from '../../src/worker/worker.ts'
import { gate, type Scene, scene } from './scene.ts'

function worker(it: Scene, acks: readonly AckHook[], handle: (n: number) => unknown): Worker {
  const settings = {
    ...defaultSettings('w'),
    clock: it.clock,
    acks,
    listeners: [(_worker: unknown, event: (typeof it.events)[number]) => it.events.push(event)],
  }
  const run = compose<RunningTask>([], (task) => handle(task.args as number))
  return new Worker(it.storage, settings, { run, policy: { ...DEFAULT_RETRY, limit: 1 } })
}

describe('an ack hook', () => {
  test('is told of each attempt once its outcome is stored, with the answer', async () => {
    const it = scene()
    const acks: Ack[] = []
    const [done, killed] = await it.push(2)
    const one = worker(it, [(ack) => void acks.push(ack)], (n) => {
      if (n === 1) throw new Error('no')
      return n
    })
    await one.start()
    await it.clock.pass(10)
    expect(
      acks.map(({ task, settlement, answer }) => [task.id, task.queue, task.attempt, settlement.kind, answer]),
    ).toEqual([
      [done, 'numbers', 1, 'done', 'applied'],
      [killed, 'numbers', 1, 'killed', 'applied'],
    ])
    await one.stop()
  })

  test('is told when a claim was lost, and when a reply was', async () => {
    let lose = true
    const answers: unknown[] = []
    const it = scene((memory) => ({
      async settle(items) {
        const stored = await memory.settle(items)
        if (!lose) return stored
        lose = false
        throw new QError('ERR_BACKEND_UNAVAILABLE', 'reply lost')
      },
    }))
    const opened = gate()
    await it.push(2)
    const one = worker(it, [({ answer }) => void answers.push(answer)], (n) => (n === 0 ? 1 : opened.promise))
    await one.start()
    await it.clock.pass(1_000)
    expect(answers).toEqual(['already'])
    await it.memory.deregister(one.instance)
    opened.open()
    await it.clock.pass(1_000)
    // The task ran once more, under the next instance.
    expect(answers).toEqual(['already', 'stale', 'applied'])
    await one.stop()
  })

  test('sees what was stored instead of what could not be', async () => {
    const it = scene((memory) => ({
      async settle(items) {
        if (items.some(({ kind }) => kind === 'done')) throw new QError('ERR_BACKEND', 'invalid byte')
        return memory.settle(items)
      },
    }))
    const kinds: unknown[] = []
    await it.push(1)
    const one = worker(it, [({ settlement }) => void kinds.push(settlement.kind)], () => 1)
    await one.start()
    await it.clock.pass(1_000)
    expect(kinds).toEqual(['killed'])
    await one.stop()
  })

  test('that throws or rejects harms neither the task nor the other hooks', async () => {
    const it = scene()
    let told = 0
    const [id] = await it.push(1)
    const hooks: AckHook[] = [
      () => {
        throw new Error('thrown')
      },
      () => Promise.reject(new Error('rejected')),
      () => void (told += 1),
    ]
    const one = worker(it, hooks, () => 1)
    await one.start()
    await it.clock.pass(10)
    expect([told, await it.status(id!)]).toEqual([1, 'done/1'])
    expect(it.of('error')).toMatchObject([
      { where: 'ack', error: { message: 'thrown' }, retryMs: null },
      { where: 'ack', error: { message: 'rejected' }, retryMs: null },
    ])
    await one.stop()
  })

  test('that is slow is waited for by a stop, and holds up nothing else', async () => {
    const it = scene()
    const slow = gate()
    const ids = await it.push(20)
    const one = worker(it, [() => slow.promise], () => 1)
    await one.start()
    await it.clock.pass(10)
    expect(await it.status(ids[19]!)).toBe('done/1')
    let stopped = false
    const stop = one.stop().then(() => (stopped = true))
    await it.clock.pass(1_000)
    expect(stopped).toBe(false)
    slow.open()
    await it.clock.pass(10)
    await stop
  })
})
