/** How many workflows of three steps a worker advances per second, beside hand-written loops and a peer. */
import type { BenchDatabase } from './database.ts'
import { interleave, named, ratio, summary } from './harness.ts'
import { openMeter } from './meter.ts'
import { oursWorkflow } from './ours/workflow.ts'
import { openworkflow } from './peers/openworkflow.ts'
import { rawAlone, rawBatched } from './raw/workflow.ts'
import type { Result } from './report.ts'

/** Measures chains. */
export async function workflow(database: BenchDatabase, quick: boolean): Promise<Result> {
  const meter = await openMeter(database)
  const size = quick ? 10_000 : 30_000
  const series = await interleave(
    [
      rawBatched(database, meter),
      rawAlone(database, meter),
      oursWorkflow(database, meter),
      openworkflow(database, meter),
    ],
    { size, warmUp: size / 5, rounds: quick ? 2 : 3 },
  )
  const ours = named(series, 'q workflow')
  const of = (limit: string): number => ratio(ours, named(series, limit), 'perSecond').median
  return {
    name: 'workflow',
    about: `${size} runs of three no-op steps that were started before, one worker at concurrency 100, until the last is durable`,
    columns: [
      { figure: 'perSecond', title: 'runs/s', digits: 0 },
      { figure: 'statementsPerTask', title: 'stmt/run', digits: 3 },
      { figure: 'walPerTask', title: 'WAL B/run', digits: 0 },
      { figure: 'clientMicrosPerTask', title: 'client µs/run', digits: 0 },
      { figure: 'serverMicrosPerTask', title: 'server µs/run', digits: 0 },
    ],
    series,
    ratios: [
      { what: 'of the loop that commits each step', value: of('raw, one commit per step') },
      {
        what: 'WAL of the batched loop',
        value: summary(ours, 'walPerTask').median / summary(named(series, 'raw batched'), 'walPerTask').median,
      },
    ],
    checks: [
      { what: 'workflows against the raw batched loop', value: of('raw batched'), bound: 0.25, kind: 'least' },
      { what: 'workflows against openworkflow', value: of('openworkflow'), bound: 10, kind: 'least', unit: 'x' },
    ],
  }
}
