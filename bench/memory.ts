/**
 * How much memory a million tasks take: pushed from an async iterable, and drained by a worker.
 *
 * Each job is a process of its own, whose largest resident set the system remembers. It runs as plain JavaScript,
 * like a user's program: the compiler that strips types would otherwise count with 25 MB.
 */
import { childOf } from './child.ts'
import type { BenchDatabase } from './database.ts'
import { withSchema } from './database.ts'
import type { Series } from './harness.ts'
import { named, summary } from './harness.ts'
import type { MemoryJob } from './memory-child.ts'
import type { Check, Result } from './report.ts'

const BOUND_MB = 250

const JOBS: readonly { readonly job: MemoryJob; readonly name: string; readonly note: string }[] = [
  { job: 'raw-push', name: 'raw unnest', note: 'prepared INSERT … SELECT FROM unnest, 1,000 rows each' },
  { job: 'raw-drain', name: 'raw fused delete', note: 'delete the last 500 and claim the next in one statement' },
  { job: 'q-push', name: 'q pushAll', note: 'storage.pushAll of an async iterable' },
  { job: 'q-drain', name: 'q worker', note: 'a worker, concurrency 10, everything else default' },
]

/** Measures memory. */
export async function memory(database: BenchDatabase, quick: boolean): Promise<Result> {
  const count = quick ? 100_000 : 1_000_000
  const series: Series[] = []
  await using child = await childOf('memory-child')
  for (const kind of ['raw', 'q']) {
    await withSchema(database, async (schema) => {
      for (const { job, name, note } of JOBS.filter((each) => each.job.startsWith(kind))) {
        const figures = await child.run(database.url, [job, schema, String(count)])
        process.stderr.write(`  ${name}: ${Math.round(figures['peakMb'] ?? NaN)} MB\n`)
        series.push({ name, note, rounds: [figures] })
      }
    })
  }
  const check = (name: string, what: string): Check => ({
    what,
    value: summary(named(series, name), 'peakMb').median,
    bound: BOUND_MB,
    kind: 'most',
    unit: ' MB',
  })
  const inWords = count.toLocaleString('en-US')
  return {
    name: 'memory',
    about: `largest resident set (10^6 bytes) of a process that handles ${inWords} tasks of 100 bytes`,
    columns: [
      { figure: 'peakMb', title: 'peak MB', digits: 0 },
      { figure: 'medianMb', title: 'median MB', digits: 0 },
      { figure: 'startMb', title: 'at start MB', digits: 0 },
      { figure: 'perSecond', title: 'per second', digits: 0 },
    ],
    series,
    checks: [
      check('q pushAll', `pushAll of an async iterable of ${inWords}`),
      check('q worker', `a worker that drains ${inWords} pending tasks`),
    ],
  }
}
