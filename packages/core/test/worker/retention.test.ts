import { expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { scene } from './scene.ts'

test('finished tasks are forgotten as the retention of the queue says, about once a minute', async () => {
  const it = scene(undefined, { retention: { done: '10m' } })
  const ids = await it.push(3)
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(590_000)
  expect(await it.status(ids[0]!)).toBe('done/1')
  await it.clock.pass(100_000)
  expect(await Promise.all(ids.map(it.status))).toEqual(['unknown', 'unknown', 'unknown'])
  expect(it.of('vacuumed')).toEqual([{ type: 'vacuumed', tasks: 3, runs: 0 }])
  await worker.stop()
  expect(it.clock.timers).toBe(0)
})

test('a full batch is followed by the next at once, and a failure by the next round', async () => {
  const calls: number[] = []
  let left = 2_500
  const it = scene(
    () => ({
      async vacuum(_queue, _retention, limit) {
        calls.push(limit)
        if (calls.length === 2) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
        const gone = Math.min(left, limit)
        left -= gone
        return gone
      },
    }),
    { retention: { done: '10m' } },
  )
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.until(() => calls.length >= 2)
  await it.clock.pass(10_000)
  expect(calls).toEqual([1_000, 1_000])
  expect(it.of('error')).toMatchObject([{ where: 'vacuum' }])
  await it.clock.pass(60_000)
  expect(left).toBe(0)
  expect(it.of('vacuumed').map(({ tasks }) => tasks)).toEqual([1_000, 1_000, 500])
  await worker.stop()
})

test('runs of workflows are forgotten with them, until none is left', async () => {
  let left = 3
  const it = scene(
    () => ({
      async vacuumRuns(_queue, retention) {
        expect(retention).toMatchObject({ doneMs: 600_000 })
        if (left === 0) return 0
        left -= 1
        return 1
      },
    }),
    { retention: { done: '10m' } },
  )
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(100_000)
  expect(left).toBe(0)
  expect(it.of('vacuumed')).toEqual([1, 2, 3].map(() => ({ type: 'vacuumed', tasks: 0, runs: 1 })))
  await worker.stop()
})

test('nothing is forgotten without a retention, or by a worker in doubt of its lease', async () => {
  let calls = 0
  let down = false
  const overrides: Parameters<typeof scene>[0] = (memory) => ({
    async vacuum() {
      calls += 1
      return 0
    },
    async beat(request) {
      if (down) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
      return memory.beat(request)
    },
    async register(worker) {
      if (down) throw new QError('ERR_BACKEND_UNAVAILABLE', 'away')
      return memory.register(worker)
    },
  })
  const kept = scene(overrides)
  const plain = kept.builder.build(() => 1)
  await plain.start()
  await kept.clock.pass(300_000)
  expect(calls).toBe(0)
  await plain.stop()
  const it = scene(overrides, { retention: { done: '10m' } })
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(200_000)
  expect(calls).toBeGreaterThan(0)
  down = true
  await it.clock.pass(20_000)
  calls = 0
  await it.clock.pass(300_000)
  expect(calls).toBe(0)
  await worker.stop()
})
