/** How a retry is worked out. */
import { AbortError, retry, WorkerBuilder } from '@q/core'
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { list } from '../../src/engine/work/step.ts'
import { stepId } from '../../src/ids.ts'
import { planRetry } from '../../src/run/retry.ts'
import { storedSteps } from '../../src/run/steps.ts'
import { hostOf } from '../../src/run/store.ts'

it('a run of 10,000 steps is planned in a moment', async () => {
  const flow = new Workflow<number>('f')
    .andThen('range', async (n) => Array.from({ length: n }, (_, index) => index))
    .map('m', async (x) => x)
    .andThen('b', async () => {
      throw new AbortError(new Error('b'))
    })
  const store = new MemoryStorage<unknown>({ backend: new MemoryBackend(), queue: 'flows' })
  const run = await flow.pushStart(store, 2)
  await new WorkerBuilder('w')
    .backend(store)
    .use(retry({ retries: 0 }))
    .build(flow)
    .runUntil(run.finished)
  const host = hostOf(store)
  const steps = await list(storedSteps(host.runs, run.id))
  const one = steps.find(({ step }) => step!.node === 'm' && step!.index === 1)!
  const many = Array.from({ length: 10_000 }, (_, index) => {
    const place = { run: run.id, node: 'm', index: 10 + index }
    return { ...one, id: stepId(run.id, 'm', place.index), step: place }
  })
  const startedAt = performance.now()
  const { plan } = planRetry(host, flow.graph, await run.info(), [...steps, ...many], { from: 'm' })
  // It was half a minute once, when each was compared to all.
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  expect(plan.resumed).toEqual(['m'])
  expect(plan.forgotten.length).toBeGreaterThan(10_000)
})
