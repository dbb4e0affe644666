/** Ours: a worker at its defaults on a storage that listens. */
import { WorkerBuilder } from '@q/core'
import type { PickUp } from '../latency.ts'
import type { Payload } from '../payload.ts'
import { CONCURRENCY } from './drain.ts'
import { withStorage } from './storage.ts'

/** Producer and worker use one storage, as a small application does. */
export const oursNotify: PickUp = {
  name: 'q worker',
  note: `PostgresStorage.withNotify and a worker, concurrency ${CONCURRENCY}, everything else default`,
  open: (database, run) =>
    withStorage(
      database,
      async (storage) => {
        let onStart: (payload: Payload) => void = () => undefined
        const worker = new WorkerBuilder('bench')
          .backend(storage)
          .concurrency(CONCURRENCY)
          .build((payload) => onStart(payload))
        const running = worker.run()
        try {
          return await run({
            push: (payload) => storage.push(payload),
            onStart(listen) {
              onStart = listen
            },
          })
        } finally {
          await worker.stop()
          await running
        }
      },
      { notify: true },
    ),
}
