import { describe, expect, test, vi } from 'vitest'
import type { Backend } from '../../src/backend/backend.ts'
import { QError } from '../../src/error.ts'
import type { MemoryBackend } from '../../src/memory/index.ts'
import type { WorkerListener } from '../../src/worker/emitter.ts'
import { gate, scene } from './scene.ts'

type Method = 'register' | 'claim' | 'settle' | 'beat' | 'sweep' | 'deregister'

/** Fails a method some times: before it did anything, after it did it, or by throwing at once. */
function failing(method: Method, times: number, how: 'before' | 'after' | 'sync', error: unknown) {
  let left = times
  return (memory: MemoryBackend): { [Name in Method]?: Backend[Name] } => {
    const original = memory[method].bind(memory) as (...args: unknown[]) => Promise<unknown>
    const replaced = (...args: unknown[]): Promise<unknown> => {
      if (left <= 0) return original(...args)
      left -= 1
      if (how === 'sync') throw error
      return how === 'before' ? Promise.reject(error) : original(...args).then(() => Promise.reject(error))
    }
    return { [method]: replaced }
  }
}

const methods: Method[] = ['register', 'claim', 'settle', 'beat', 'sweep', 'deregister']
const errors: [string, unknown][] = [
  ['unavailable', new QError('ERR_BACKEND_UNAVAILABLE', 'away')],
  ['an error without a code', new Error('Connection terminated unexpectedly')],
  ['undefined', undefined],
]

describe.each(methods)('%s failing', (method) => {
  test.each(
    errors.flatMap(([name, error]) => (['before', 'after', 'sync'] as const).map((how) => [name, how, error] as const)),
  )('five times with %s, %s, ends no worker and loses no task', async (_name, how, error) => {
    const it = scene(failing(method, 5, how, error))
    const ids = await it.push(30)
    const worker = it.builder.lease('10s').build(() => 1)
    const run = worker.run()
    await it.clock.pass(60_000)
    void worker.stop()
    await it.clock.pass(20_000)
    await run
    expect(new Set((await Promise.all(ids.map(it.status))).map((status) => status.split('/')[0]))).toEqual(
      new Set(['done']),
    )
    expect(it.of('error').filter(({ where }) => where === method).length).toBeGreaterThanOrEqual(
      method === 'deregister' ? 1 : 3,
    )
  })
})

test('a minute without the store is survived', async () => {
  let down = false
  const check = () => {
    if (down) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
  }
  const it = scene((memory) => ({
    async claim(request) {
      check()
      return memory.claim(request)
    },
    async settle(items) {
      check()
      return memory.settle(items)
    },
    async beat(request) {
      check()
      return memory.beat(request)
    },
    async sweep() {
      check()
      return memory.sweep()
    },
  }))
  const worker = it.builder.concurrency(3).build(() => 1)
  const run = worker.run()
  await it.clock.pass(1_000)
  down = true
  const ids = await it.push(20)
  await it.clock.pass(60_000)
  down = false
  await it.clock.pass(20_000)
  expect(new Set(await Promise.all(ids.map(it.status)))).toEqual(new Set(['done/1']))
  void worker.stop()
  await it.clock.pass(100)
  await run
})

describe('the watchdog', () => {
  test('gives up a claim without an answer, says so, and gets back what it took', async () => {
    const held = gate()
    let claims = 0
    const it = scene((memory) => ({
      async claim(request) {
        const first = claims++ === 0
        const reply = await memory.claim(request)
        if (first) await held.promise
        return reply
      },
    }))
    const [id] = await it.push(1)
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(58_000)
    expect(it.of('stalled')).toEqual([])
    await it.clock.pass(4_000)
    expect(it.of('stalled')).toHaveLength(1)
    expect(claims).toBeGreaterThan(1)
    // What the lost claim took came back with the instance that was retired.
    expect(await it.status(id!)).toBe('done/1')
    held.open()
    await it.clock.pass(2_000)
    expect(await it.status(id!)).toBe('done/1')
    expect(it.of('lease-lost')).toEqual([])
    await worker.stop()
  })

  test('gives up a settle without an answer and sends it again', async () => {
    let calls = 0
    const it = scene((memory) => ({
      settle: (items) => (calls++ === 0 ? new Promise(() => undefined) : memory.settle(items)),
    }))
    const [id] = await it.push(1)
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(70_000)
    expect(await it.status(id!)).toBe('done/1')
    await worker.stop()
  })

  test('is quiet while there is nothing to do, no room, or a pause', async () => {
    const it = scene()
    const opened = gate()
    const worker = it.builder.concurrency(1).build(() => opened.promise)
    await worker.start()
    await it.clock.pass(300_000)
    await it.push(3)
    await it.clock.pass(300_000)
    worker.pause()
    await it.clock.pass(300_000)
    expect(it.of('stalled')).toEqual([])
    opened.open()
    await it.clock.pass(10)
    await worker.stop()
  })
})

describe('listeners', () => {
  test('that throw or reject hurt nobody and are told to the others', async () => {
    const it = scene()
    const ids = await it.push(5)
    const bad: WorkerListener = () => {
      throw new Error('listener')
    }
    const worse: WorkerListener = async () => {
      throw new Error('later')
    }
    const worker = it.builder
      .onEvent(bad)
      .onEvent(worse)
      .build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    expect(await it.status(ids[4]!)).toBe('done/1')
    expect(it.of('error').every(({ where }) => where === 'listener')).toBe(true)
    expect(it.of('error').length).toBeGreaterThan(5)
    await worker.stop()
  })

  test('without any, trouble goes to the console, once a minute of each kind', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const it = scene(failing('claim', 50, 'before', new Error('away')))
    const { WorkerBuilder } = await import('../../src/worker/builder.ts')
    const worker = new WorkerBuilder('quiet')
      .backend(it.storage)
      .clock(it.clock)
      .build(() => 1)
    await worker.start()
    await it.clock.pass(30_000)
    expect(warn.mock.calls.map(([line]) => String(line).slice(0, 40))).toEqual([
      '[q] worker "quiet": claim failed, next t',
    ])
    warn.mockRestore()
    await worker.stop()
  })
})

describe('a claim whose reply was lost', () => {
  test('is given back although the worker lives on and an older task of it runs, which keeps its lease and its outcome', async () => {
    let lose = false
    const stored = gate()
    const it = scene((memory) => ({
      async claim(request) {
        const reply = await memory.claim(request)
        if (!lose || reply.tasks.length === 0) return reply
        lose = false
        throw new QError('ERR_BACKEND_UNAVAILABLE', 'connection lost')
      },
      async settle(items) {
        if (items.some(({ id }) => id === long)) await stored.promise
        return memory.settle(items)
      },
    }))
    const [long] = await it.push(1)
    const opened = gate()
    let runs = 0
    const worker = it.builder.concurrency(2).build((_n, ctx) => {
      runs += 1
      return ctx.taskId === long ? opened.promise : undefined
    })
    await worker.start()
    await it.clock.pass(1_000)
    const before = worker.instance
    lose = true
    const [lost] = await it.push(1)
    await it.clock.pass(30_000)
    expect(worker.instance).not.toBe(before)
    expect([await it.status(long!), await it.status(lost!)]).toEqual(['running/1', 'queued/1'])
    // Others are not held up by it.
    const [next] = await it.push(1)
    await it.clock.pass(100)
    expect(await it.status(next!)).toBe('done/1')
    opened.open()
    await it.clock.pass(5_000)
    expect([await it.status(long!), await it.status(lost!)]).toEqual(['running/1', 'queued/1'])
    stored.open()
    await it.clock.pass(3_000)
    expect([await it.status(long!), await it.status(lost!)]).toEqual(['done/1', 'done/1'])
    expect([runs, it.of('lease-lost')]).toEqual([3, []])
    await worker.stop()
  })
})

describe('a pause during a claim', () => {
  const paused = async (end: 'answered' | 'lost') => {
    const held = gate()
    let claims = 0
    const it = scene((memory) => ({
      async claim(request) {
        const reply = await memory.claim(request)
        if (claims++ > 0) return reply
        await held.promise
        if (end === 'lost') throw new QError('ERR_BACKEND_UNAVAILABLE', 'connection lost')
        return reply
      },
    }))
    const [id] = await it.push(1)
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    worker.pause()
    held.open()
    await it.clock.pass(10)
    return { it, worker, id: id! }
  }
  test('gives back what it brings', async () => {
    const { it, worker, id } = await paused('answered')
    expect(await it.status(id)).toBe('pending/0')
    await worker.stop()
  })
  test('whose reply is lost gets back what it took once it goes on', async () => {
    const { it, worker, id } = await paused('lost')
    expect(await it.status(id)).toBe('queued/1')
    worker.resume()
    await it.clock.pass(3_000)
    expect(await it.status(id)).toBe('done/1')
    await worker.stop()
  })
})
