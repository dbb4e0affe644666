/** The process that `memory.ts` looks at: does one job and says how large it grew. */
import { setImmediate as breathe } from 'node:timers/promises'
import { WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { openPool } from './database.ts'
import { quantile } from './harness.ts'
import { CONCURRENCY } from './ours/drain.ts'
import { QUEUE } from './ours/storage.ts'
import type { Payload } from './payload.ts'
import { payloads } from './payload.ts'
import { peakRss } from './peak.ts'
import { fusedDelete } from './raw/fused-delete.ts'
import { createRawTable, fillRawTable, PINNED_PLAN } from './raw/table.ts'

/** What it can do. The push of a kind comes before its drain, in the same schema. */
export type MemoryJob = 'raw-push' | 'raw-drain' | 'q-push' | 'q-drain'

const MB = 1_000_000
const SAMPLE_MS = 50

const [job, schema, countText] = process.argv.slice(2) as [MemoryJob, string, string]
const count = Number(countText)
const url = process.env['BENCH_DATABASE_URL']!

const jobs: Readonly<Record<MemoryJob, () => Promise<void>>> = {
  async 'raw-push'() {
    const pool = openPool(url, 1)
    await createRawTable(pool, schema)
    await fillRawTable(pool, schema, count)
    await pool.end()
  },
  async 'raw-drain'() {
    const pool = openPool(url, 1, PINNED_PLAN)
    const client = await pool.connect()
    await fusedDelete.drain([client], schema, (payload) => JSON.parse(payload.toString()))
    client.release()
    await pool.end()
  },
  async 'q-push'() {
    const pool = openPool(url, 10)
    await PostgresStorage.setup(pool, { schema })
    await using storage = new PostgresStorage<Payload>({ pool, schema, queue: QUEUE })
    await storage.pushAll(asyncPayloads(count))
    await pool.end()
  },
  async 'q-drain'() {
    const pool = openPool(url, 10)
    await using storage = new PostgresStorage<Payload>({ pool, schema, queue: QUEUE })
    let handled = 0
    const worker = new WorkerBuilder('bench')
      .backend(storage)
      .concurrency(CONCURRENCY)
      .build(() => {
        handled += 1
        if (handled === count) void worker.stop()
      })
    await worker.run()
    await pool.end()
  },
}

/** A source that really is asynchronous now and then, like a file or a cursor. */
async function* asyncPayloads(total: number): AsyncGenerator<Payload> {
  for (const each of payloads(total)) {
    if (each.n % 100 === 0) await breathe()
    yield each
  }
}

const startMb = process.memoryUsage.rss() / MB
const samples: number[] = []
const sampling = setInterval(() => samples.push(process.memoryUsage.rss() / MB), SAMPLE_MS)
const start = performance.now()
await jobs[job]()
const seconds = (performance.now() - start) / 1000
clearInterval(sampling)
console.log(
  JSON.stringify({ peakMb: peakRss() / MB, medianMb: quantile(samples, 0.5), startMb, perSecond: count / seconds }),
)
