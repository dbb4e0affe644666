/**
 * Ours without a worker: claims and settles by hand, overlapped. The difference to the worker is what the
 * worker costs; the difference to the raw limits is what history, leases and tokens cost.
 */
import { json, uuidv7 } from '@q/core'
import type { ClaimedTask } from '@q/core'
import type { BenchDatabase } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'
import { payloads } from '../payload.ts'
import { assertAllDone, QUEUE, withStorage } from './storage.ts'

const BATCH = 500

/** A contender that claims the next batch while the last one is settled. */
export function oursBackendDrain(database: BenchDatabase, meter: Meter): Contender {
  return {
    name: 'q backend, no worker',
    note: `backend.claim of ${BATCH} while the last ${BATCH} are settled; keeps everything`,
    run: (count) =>
      withStorage(database, async (storage, schema) => {
        const { backend } = storage
        await storage.pushAll(payloads(count))
        let handled = 0
        const settle = async (tasks: readonly ClaimedTask[]): Promise<void> => {
          await backend.settle(tasks.map(({ id, token }) => ({ id, token, kind: 'done', result: null })))
        }
        const figures = await meter(count, async () => {
          const instance = uuidv7()
          await backend.register({ instance, name: 'bench', queues: [QUEUE], leaseMs: 30_000 })
          let settling: Promise<void> = Promise.resolve()
          for (;;) {
            const { tasks } = await backend.claim({ instance, queues: [{ queue: QUEUE, limit: BATCH }] })
            if (tasks.length === 0) break
            for (const task of tasks) {
              json.decode(task.payload.bytes)
              handled += 1
            }
            await settling
            settling = settle(tasks)
          }
          await settling
          await backend.deregister(instance)
        })
        await assertAllDone(database, schema, count, handled)
        return figures
      }),
  }
}
