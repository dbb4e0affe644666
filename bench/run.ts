/**
 * Runs the benchmarks: `node --conditions=@q/source bench/run.ts [push|drain|latency|memory|workflow|map|all] [--quick]`.
 *
 * Prints a table per benchmark and, for everything the project must show, a line `ok` or `MISSED`. A full run
 * also writes results/<name>.json; a quick one is only a look. Ends with code 1 when something was missed.
 */
import { parseArgs } from 'node:util'
import type { BenchDatabase } from './database.ts'
import { openDatabase } from './database.ts'
import { drain } from './drain.ts'
import { latency } from './latency.ts'
import { describeEnvironment } from './machine.ts'
import { map } from './map.ts'
import { memory } from './memory.ts'
import { push } from './push.ts'
import type { Result } from './report.ts'
import { holds, render, renderCheck, save } from './report.ts'
import { workflow } from './workflow.ts'

const BENCHMARKS: Readonly<Record<string, (database: BenchDatabase, quick: boolean) => Promise<Result>>> = {
  push,
  drain,
  latency,
  memory,
  workflow,
  map,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
})
const asked = positionals.length === 0 || positionals.includes('all') ? Object.keys(BENCHMARKS) : positionals
const unknown = asked.filter((name) => !Object.hasOwn(BENCHMARKS, name))
if (unknown.length > 0) {
  console.error(`Unknown benchmark: ${unknown.join(', ')}. Known: ${Object.keys(BENCHMARKS).join(', ')}, all.`)
  process.exit(2)
}

const results: Result[] = []
await using database = await openDatabase()
const environment = await describeEnvironment(database.admin)
console.log(
  `${environment.cpu}, ${environment.memoryGiB} GiB, ${environment.platform}, load ${environment.loadAtStart}; ` +
    `Node ${environment.node}, Postgres ${environment.postgres}, pg ${environment.pg}, commit ${environment.commit ?? 'none'}`,
)
for (const name of asked) {
  process.stderr.write(`${name}\n`)
  const result = await BENCHMARKS[name]!(database, values.quick)
  results.push(result)
  console.log(render(result))
  if (!values.quick) console.log(`written to ${await save(result, environment)}`)
}

const checks = results.flatMap((result) => result.checks)
if (results.length > 1) console.log(`\nall that must be shown\n${checks.map(renderCheck).join('\n')}`)
if (!checks.every(holds)) process.exitCode = 1
