/** A map over a hundred thousand elements: how fast, how large its worker grows, and what other queues notice of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { type Child, childOf } from './child.ts'
import type { BenchDatabase } from './database.ts'
import { openPool, withSchema } from './database.ts'
import { type Figures, quantile, type Series } from './harness.ts'
import type { Result } from './report.ts'

const IDLE_PUSHES = 100
const GAP_MS = 30

/** Measures maps. */
export async function map(database: BenchDatabase, quick: boolean): Promise<Result> {
  const count = 100_000
  const rounds = quick ? 1 : 3
  await using child = await childOf('map-child')
  const ran: Figures[] = []
  const cancelled: Figures[] = []
  for (let round = 0; round < rounds; round++) {
    ran.push(await withSchema(database, (schema) => beside(database, child, schema, count)))
    cancelled.push(
      await withSchema(database, async (schema) => {
        await setUp(database, schema)
        return child.run(database.url, [schema, String(count), 'cancel'])
      }),
    )
    process.stderr.write(
      `  round ${round + 1}/${rounds} ${JSON.stringify(ran.at(-1))} ${JSON.stringify(cancelled.at(-1))}\n`,
    )
  }
  const series: Series[] = [
    {
      name: 'q filterMap',
      note: `${count} elements of a generator, half kept, folded in order; a worker at its defaults`,
      rounds: ran,
    },
    { name: 'q filterMap, cancelled', note: 'cancelled after a quarter', rounds: cancelled },
  ]
  const median = (rows: readonly Figures[], figure: string): number =>
    quantile(
      rows.map((row) => row[figure] ?? NaN),
      0.5,
    )
  return {
    name: 'map',
    about: `${count} elements through filterMap with a handler that does nothing, one worker`,
    columns: [
      { figure: 'perSecond', title: 'elements/s', digits: 0 },
      { figure: 'peakMb', title: 'peak MB', digits: 0 },
      { figure: 'largestStatement', title: 'largest statement, rows', digits: 0 },
      { figure: 'idleP95', title: 'other queue idle p95 ms', digits: 1 },
      { figure: 'besideP95', title: 'meanwhile p95 ms', digits: 1 },
      { figure: 'cancelMs', title: 'last start after cancel ms', digits: 0 },
    ],
    series,
    checks: [
      { what: 'elements per second', value: median(ran, 'perSecond'), bound: 10_000, kind: 'least' },
      {
        what: 'largest resident set of the worker',
        value: Math.max(...ran.map((row) => row['peakMb'] ?? NaN)),
        bound: 300,
        kind: 'most',
        unit: ' MB',
      },
      {
        what: 'rows of the largest statement',
        value: Math.max(...ran.map((row) => row['largestStatement'] ?? NaN)),
        bound: 1_000,
        kind: 'most',
      },
      {
        what: 'pick-up p95 of another queue against idle',
        value: quantile(
          ran.map((row) => row['besideP95']! / row['idleP95']!),
          0.5,
        ),
        bound: 3,
        kind: 'most',
        unit: 'x',
      },
      {
        what: 'last element started after a cancel',
        value: Math.max(...cancelled.map((row) => row['cancelMs'] ?? NaN)),
        bound: 1_000,
        kind: 'most',
        unit: ' ms',
      },
    ],
  }
}

async function setUp(database: BenchDatabase, schema: string): Promise<void> {
  const pool = openPool(database.url, 2)
  await PostgresStorage.setup(pool, { schema })
  await pool.end()
}

/** Pick-up latency of another queue, idle and while the child works. */
async function beside(database: BenchDatabase, child: Child, schema: string, count: number): Promise<Figures> {
  const pool = openPool(database.url, 5)
  await PostgresStorage.setup(pool, { schema })
  const other = PostgresStorage.withNotify<number>({ pool, schema, queue: 'other' })
  const latencies: number[] = []
  const worker = new WorkerBuilder('other')
    .backend(other)
    .build((sentAt) => void latencies.push(performance.now() - sentAt))
  await worker.start()
  const pushSome = async (until: () => boolean): Promise<number> => {
    latencies.length = 0
    while (!until()) {
      await other.push(performance.now())
      await sleep(GAP_MS)
    }
    await sleep(200)
    return quantile(latencies, 0.95)
  }
  let pushed = 0
  await pushSome(() => ++pushed > 20)
  pushed = 0
  const idleP95 = await pushSome(() => ++pushed > IDLE_PUSHES)
  let over = false
  let begin!: () => void
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const running = child.run(database.url, [schema, String(count), 'run'], begin).finally(() => (over = true))
  await begun
  const besideP95 = await pushSome(() => over)
  const figures = await running
  await worker.stop()
  await other.close()
  await pool.end()
  return { ...figures, idleP95, besideP95 }
}
