/** A peer: openworkflow on the same Postgres, three steps, at the same concurrency. */
import { OpenWorkflow } from 'openworkflow'
import { BackendPostgres } from 'openworkflow/postgres'
import type { BenchDatabase } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'

const CONCURRENCY = 100
const STARTERS = 32
let made = 0

/** A contender that runs until the last run has ended. Its statements are not counted: it has a driver of its own. */
export function openworkflow(database: BenchDatabase, meter: Meter): Contender {
  return {
    name: 'openworkflow',
    note: `version 0.10.1, newWorker({ concurrency: ${CONCURRENCY} }), everything else default`,
    size: 1_500,
    run: async (count) => {
      const schema = `openworkflow_${process.pid}_${made++}`
      const backend = await BackendPostgres.connect(database.url, { schema })
      try {
        const ow = new OpenWorkflow({ backend })
        let ended = 0
        let over!: () => void
        const finished = new Promise<void>((resolve) => (over = resolve))
        const flow = ow.defineWorkflow<number, number>({ name: 'bench' }, async ({ input, step }) => {
          const one = await step.run({ name: 'one' }, () => input + 1)
          const two = await step.run({ name: 'two' }, () => one + 1)
          const three = await step.run({ name: 'three' }, () => two + 1)
          ended += 1
          if (ended === count) over()
          return three
        })
        let next = 0
        await Promise.all(
          Array.from({ length: STARTERS }, async () => {
            while (next < count) await flow.run(next++)
          }),
        )
        const worker = ow.newWorker({ concurrency: CONCURRENCY })
        return await meter(count, async () => {
          await worker.start()
          await finished
          await worker.stop()
        })
      } finally {
        await backend.stop()
        await database.admin.query(`drop schema if exists ${schema} cascade`)
      }
    },
  }
}
