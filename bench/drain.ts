/** How fast a worker empties a queue of short tasks that was filled a moment ago and never analysed. */
import type { BenchDatabase } from './database.ts'
import { interleave, named, ratio, summary } from './harness.ts'
import { openMeter } from './meter.ts'
import { oursBackendDrain } from './ours/backend-drain.ts'
import { oursDrain } from './ours/drain.ts'
import { rawDrain } from './raw/drain.ts'
import { fusedDelete } from './raw/fused-delete.ts'
import { overlappedDelete } from './raw/overlapped-delete.ts'
import type { Result } from './report.ts'

/** Measures draining. */
export async function drain(database: BenchDatabase, quick: boolean): Promise<Result> {
  const meter = await openMeter(database)
  const size = quick ? 20_000 : 100_000
  const series = await interleave(
    [
      rawDrain(database, meter, fusedDelete),
      rawDrain(database, meter, overlappedDelete),
      oursBackendDrain(database, meter),
      oursDrain(database, meter),
    ],
    { size, warmUp: size / 2, rounds: quick ? 3 : 5 },
  )
  const ours = named(series, 'q worker')
  const of = (limit: string): number => ratio(ours, named(series, limit), 'perSecond').median
  return {
    name: 'drain',
    about: `${size} no-op tasks of 100 bytes, one worker, until the last completion is durable`,
    columns: [
      { figure: 'perSecond', title: 'per second', digits: 0 },
      { figure: 'statementsPerTask', title: 'stmt/task', digits: 4 },
      { figure: 'walPerTask', title: 'WAL B/task', digits: 0 },
      { figure: 'clientMicrosPerTask', title: 'client µs/task', digits: 1 },
      { figure: 'serverMicrosPerTask', title: 'server µs/task', digits: 1 },
    ],
    series,
    ratios: [
      { what: 'worker, of the raw overlapped delete', value: of('raw overlapped delete') },
      { what: 'worker, of our backend without a worker', value: of('q backend, no worker') },
    ],
    checks: [
      { what: 'drain against the raw fused delete', value: of('raw fused delete'), bound: 0.4, kind: 'least' },
      { what: 'statements per task', value: summary(ours, 'statementsPerTask').median, bound: 0.02, kind: 'most' },
      {
        what: 'WAL of claim and settle per task',
        value: summary(ours, 'walPerTask').median,
        bound: 600,
        kind: 'most',
        unit: ' B',
      },
    ],
  }
}
