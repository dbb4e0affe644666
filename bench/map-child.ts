/** The process that `map.ts` looks at: a worker that goes over a large collection, and says how it went. */
import { type Settlement, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { Workflow } from '@q/workflow'
import { openPool } from './database.ts'
import { peakRss } from './peak.ts'

const [schema, countText, mode] = process.argv.slice(2) as [string, string, 'run' | 'cancel']
const count = Number(countText)
const pool = openPool(process.env['BENCH_DATABASE_URL']!, 10)
const storage = PostgresStorage.withNotify<unknown>({ pool, schema, queue: 'map' })

let largest = 0
const { backend } = storage
const settle = backend.settle.bind(backend)
backend.settle = (settlements: readonly Settlement[], options) => {
  const rows = settlements.reduce(
    (sum, { follow = [], run }) => sum + 1 + follow.length + (run?.arrive?.length ?? 0),
    0,
  )
  largest = Math.max(largest, rows)
  return settle(settlements, options)
}

let started = 0
let lastStart = 0
const flow = new Workflow<number>('bench-map')
  .andThen('range', async function* (n) {
    for (let each = 0; each < n; each++) yield each
  })
  .filterMap('even', (n) => {
    started += 1
    lastStart = performance.now()
    return n % 2 === 0 ? n : undefined
  })
  .fold('check', -2, (last, n) => {
    if (n !== last + 2) throw new Error(`${n} comes after ${last}.`)
    return n
  })

const run = await flow.pushStart(storage, count)
const worker = new WorkerBuilder('bench').backend(storage).build(flow)
console.log('begin')
const start = performance.now()
const work = worker.runUntil(run.finished)
let cancelMs = NaN
if (mode === 'cancel') {
  while (started < count / 4) await new Promise((resolve) => setTimeout(resolve, 5))
  const asked = performance.now()
  await run.cancel('half way')
  await work
  cancelMs = Math.max(0, lastStart - asked)
} else {
  await work
  if ((await run.result()) !== count - 2) throw new Error('The result is wrong.')
}
const seconds = (performance.now() - start) / 1000
await storage.close()
await pool.end()
console.log(
  JSON.stringify({
    perSecond: count / seconds,
    peakMb: peakRss() / 1_000_000,
    largestStatement: largest,
    cancelMs,
    share: started / count,
  }),
)
