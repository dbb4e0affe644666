/** A collection far larger than any statement or value, on the memory backend. */
import { WorkerBuilder } from '@q/core'
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { expect, it, vi } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { list } from '../../src/engine/work/step.ts'

const ELEMENTS = 100_000

it('a filterMap of 100,000 elements keeps their order, in few steps and in statements of 1,000 rows at most', async () => {
  const backend = new MemoryBackend()
  const spies = {
    settle: vi.spyOn(backend, 'settle'),
    readSteps: vi.spyOn(backend, 'readSteps'),
    readPages: vi.spyOn(backend, 'readPages'),
    writePages: vi.spyOn(backend, 'writePages'),
  }
  const store = new MemoryStorage<unknown>({ backend, queue: 'flows' })
  const flow = new Workflow<number>('large')
    .andThen('range', async function* (to) {
      for (let n = 0; n < to; n++) yield n
    })
    .filterMap('thirds', (n) => (n % 3 === 0 ? n : undefined))
  const run = await flow.pushStart(store, ELEMENTS)
  await new WorkerBuilder('w').backend(store).build(flow).runUntil(run.finished)
  const kept = await run.result()
  expect(kept).toHaveLength(Math.ceil(ELEMENTS / 3))
  expect(kept.every((n, index) => n === index * 3)).toBe(true)
  expect(await list(run.steps())).toHaveLength(1 + 1 + ELEMENTS / 500 + 1)
  const rows = [
    ...spies.settle.mock.calls.map(([settlements]) =>
      settlements.reduce((sum, { follow = [], run: part }) => sum + 1 + follow.length + (part?.arrive?.length ?? 0), 0),
    ),
    ...spies.readSteps.mock.calls.map(([ids]) => ids.length),
    ...spies.readPages.mock.calls.map(([, , limit]) => limit),
    ...spies.writePages.mock.calls.map(([, , pages]) => pages.length),
  ]
  expect(Math.max(...rows)).toBeLessThanOrEqual(1_000)
  expect(rows.length).toBeLessThan(1_000)
}, 30_000)
