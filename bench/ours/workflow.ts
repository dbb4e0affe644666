/** Ours: a worker at its defaults runs chains of three steps that were started a moment ago; all results are kept. */
import { WorkerBuilder } from '@q/core'
import { Workflow } from '@q/workflow'
import type { PostgresStorage } from '@q/postgres'
import type { BenchDatabase } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'
import { withStorage } from './storage.ts'

const CONCURRENCY = 100
const START_BATCH = 1_000

/** A contender that runs until the last run has ended and everything is durable. */
export function oursWorkflow(database: BenchDatabase, meter: Meter): Contender {
  return {
    name: 'q workflow',
    note: `Workflow of three steps, concurrency ${CONCURRENCY}, everything else default; each step a task, every run, step and result kept`,
    run: (count) =>
      withStorage(database, async (storage, schema) => {
        const flow = new Workflow<number>('bench')
          .andThen('one', (n) => n + 1)
          .andThen('two', (n) => n + 1)
          .andThen('three', (n) => {
            ended += 1
            if (ended === count) void worker.stop()
            return n + 1
          })
        let ended = 0
        const flows = storage as unknown as PostgresStorage<unknown>
        for (let at = 0; at < count; at += START_BATCH)
          await flow.pushStarts(
            flows,
            Array.from({ length: Math.min(START_BATCH, count - at) }, (_, index) => at + index),
          )
        const worker = new WorkerBuilder('bench').backend(flows).concurrency(CONCURRENCY).build(flow)
        const figures = await meter(count, () => worker.run())
        const { rows } = await database.admin.query<{ done: number; open: number }>(
          `select (select count(*) from ${schema}.run where status = 3)::int4 as done, (select count(*) from ${schema}.live)::int4 as open`,
        )
        if (rows[0]!.done !== count || rows[0]!.open !== 0)
          throw new Error(`Done ${rows[0]!.done}, open ${rows[0]!.open} of ${count}.`)
        return figures
      }),
  }
}
