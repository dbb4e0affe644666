import { expect, test } from 'vitest'
import type { Backend } from '../../src/backend/backend.ts'
import type { WorkerHandle } from '../../src/worker/handle.ts'
import { Emitter } from '../../src/worker/emitter.ts'
import { Patience } from '../../src/worker/patience.ts'
import { sweepUntil } from '../../src/worker/sweeper.ts'
import { ManualClock } from '../manual-clock.ts'

const EVERY_MS = 1_000
/** Longer than any pause with its jitter. */
const ROUND_MS = 1_300

test('after its lease was in doubt a worker lets the others beat twice before it takes their tasks', async () => {
  const clock = new ManualClock()
  let sweeps = 0
  let trusted = true
  const backend = {
    sweep: () => {
      sweeps += 1
      return Promise.resolve({ instances: 0, recovered: 0, killed: 0, more: false })
    },
  } as Backend
  const stop = new AbortController()
  const host = {
    backend,
    clock,
    events: new Emitter({} as WorkerHandle, []),
    patience: new Patience(clock),
    trusted: () => trusted,
    recovered: () => undefined,
  }
  const round = async (): Promise<number> => {
    const before = sweeps
    clock.advance(ROUND_MS)
    await new Promise((resolve) => setImmediate(resolve))
    return sweeps - before
  }
  const over = sweepUntil(stop.signal, EVERY_MS, host)
  expect(await round()).toBe(1)
  trusted = false
  expect(await round()).toBe(0)
  trusted = true
  expect([await round(), await round(), await round()]).toEqual([0, 0, 1])
  stop.abort()
  await over
})
