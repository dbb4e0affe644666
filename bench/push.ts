/** How fast tasks are stored: one caller, 32 callers at once, and in bulk. */
import type { BenchDatabase } from './database.ts'
import { interleave, named, ratio } from './harness.ts'
import { openMeter } from './meter.ts'
import { oursPush, oursPushAll } from './ours/push.ts'
import { rawInsert } from './raw/insert.ts'
import { rawUnnest } from './raw/unnest.ts'
import type { Result } from './report.ts'

/** Measures pushing. */
export async function push(database: BenchDatabase, quick: boolean): Promise<Result> {
  const meter = await openMeter(database)
  const scale = quick ? 0.2 : 1
  const [one, many, bulk] = [2_000 * scale, 20_000 * scale, 100_000 * scale]
  const series = await interleave(
    [
      rawInsert(database, meter, 1, one),
      oursPush(database, meter, 1, one),
      rawInsert(database, meter, 32, many),
      oursPush(database, meter, 32, many),
      rawUnnest(database, meter, bulk),
      oursPushAll(database, meter, bulk),
    ],
    { size: bulk, warmUp: 2_000 * scale, rounds: quick ? 3 : 5 },
  )
  const of = (name: string, limit: string): number =>
    ratio(named(series, name), named(series, limit), 'perSecond').median
  return {
    name: 'push',
    about: 'tasks stored per second, durable when the call returns, payload of 100 bytes',
    columns: [
      { figure: 'perSecond', title: 'per second', digits: 0 },
      { figure: 'statementsPerTask', title: 'stmt/task', digits: 4 },
      { figure: 'walPerTask', title: 'WAL B/task', digits: 0 },
      { figure: 'clientMicrosPerTask', title: 'client µs/task', digits: 1 },
      { figure: 'serverMicrosPerTask', title: 'server µs/task', digits: 1 },
    ],
    series,
    ratios: [
      { what: '1 caller, of the raw insert', value: of('q push, 1', 'raw insert, 1') },
      { what: '32 callers, of the raw insert', value: of('q push, 32', 'raw insert, 32') },
      { what: 'bulk, of the raw unnest', value: of('q pushAll', 'raw unnest') },
    ],
    checks: [
      {
        what: '32 callers at once against one, pushes per second',
        value: of('q push, 32', 'q push, 1'),
        bound: 5,
        kind: 'least',
        unit: 'x',
      },
    ],
  }
}
