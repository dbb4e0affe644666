/** Ours: a worker at its defaults drains a queue filled a moment ago; history and results are kept. */
import { WorkerBuilder } from '@q/core'
import type { BenchDatabase } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'
import { payloads } from '../payload.ts'
import { assertAllDone, withStorage } from './storage.ts'

/** Concurrency of the worker. */
export const CONCURRENCY = 10

/** A contender that runs until `worker.run()` has returned, which is after the last completion is durable. */
export function oursDrain(database: BenchDatabase, meter: Meter): Contender {
  return {
    name: 'q worker',
    note: `WorkerBuilder, concurrency ${CONCURRENCY}, everything else default; keeps every task, its outcome and its result`,
    run: (count) =>
      withStorage(database, async (storage, schema) => {
        await storage.pushAll(payloads(count))
        let handled = 0
        const worker = new WorkerBuilder('bench')
          .backend(storage)
          .concurrency(CONCURRENCY)
          .build(() => {
            handled += 1
            if (handled === count) void worker.stop()
          })
        const figures = await meter(count, () => worker.run())
        await assertAllDone(database, schema, count, handled)
        return figures
      }),
  }
}
