/**
 * How long from the call of push to the start of the handler: on an idle worker, and at a steady 500 a second.
 *
 * Producer and worker are one process, so that one clock measures both ends.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchDatabase } from './database.ts'
import type { Figures, Series } from './harness.ts'
import { interleave, named, quantile, ratio } from './harness.ts'
import { openMeter } from './meter.ts'
import type { Meter } from './meter.ts'
import { oursNotify } from './ours/notify.ts'
import type { Payload } from './payload.ts'
import { payload } from './payload.ts'
import { rawListen } from './raw/listen.ts'
import type { Check, Result } from './report.ts'

/** A worker that waits, and the way to give it work. */
export interface Waiting {
  push(payload: Payload): Promise<unknown>
  /** Sets who is told when a handler starts. */
  onStart(listen: (payload: Payload) => void): void
}

/** A way of picking tasks up as they come. */
export interface PickUp {
  readonly name: string
  readonly note: string
  open(database: BenchDatabase, run: (waiting: Waiting) => Promise<Figures>): Promise<Figures>
}

const IDLE_GAP_MS = { min: 20, max: 40 }
const LOAD_PER_SECOND = 500
const SETTLE_IN = 20
const FELL_BEHIND_MS = 50

/** Measures pick-up latency, idle and under load. */
export async function latency(database: BenchDatabase, quick: boolean): Promise<Result> {
  const meter = await openMeter(database)
  const ways = [rawListen, oursNotify]
  const series: Series[] = []
  for (const { load, drive, size } of [
    { load: 'idle', drive: pushNowAndThen, size: quick ? 60 : 200 },
    { load: `${LOAD_PER_SECOND}/s`, drive: pushSteadily, size: LOAD_PER_SECOND * (quick ? 2 : 6) },
  ]) {
    const contenders = ways.map((way) => ({
      name: `${way.name}, ${load}`,
      note: way.note,
      run: (count: number) => way.open(database, (waiting) => measure(waiting, meter, count, drive)),
    }))
    series.push(...(await interleave(contenders, { size, warmUp: SETTLE_IN, rounds: quick ? 2 : 3 })))
  }
  const check = (load: string): Check => {
    const limit = named(series, `${rawListen.name}, ${load}`)
    return {
      what: `pick-up p50 (${load}) against raw LISTEN + claim`,
      value: ratio(named(series, `${oursNotify.name}, ${load}`), limit, 'p50', keptUp).median,
      bound: 1.5,
      kind: 'most',
    }
  }
  return {
    name: 'latency',
    about: 'milliseconds from the call of push to the start of the handler',
    columns: [
      { figure: 'p50', title: 'p50 ms', digits: 2 },
      { figure: 'p99', title: 'p99 ms', digits: 2 },
      { figure: 'statementsPerTask', title: 'stmt/task', digits: 2 },
      { figure: 'walPerTask', title: 'WAL B/task', digits: 0 },
      { figure: 'clientMicrosPerTask', title: 'client µs/task', digits: 0 },
      { figure: 'serverMicrosPerTask', title: 'server µs/task', digits: 0 },
    ],
    series,
    checks: [check('idle'), check(`${LOAD_PER_SECOND}/s`)],
  }
}

/**
 * The limit commits and notifies once per push, which Postgres does one after the other. A round in which the
 * disk was too slow for that measured a queue of commits: next to it anything looks fast.
 */
function keptUp(limit: Figures): boolean {
  return (limit['p50'] ?? NaN) < FELL_BEHIND_MS
}

async function measure(waiting: Waiting, meter: Meter, count: number, drive: Drive): Promise<Figures> {
  const started = new Map<number, number>()
  const took: number[] = []
  let finish: () => void = () => undefined
  let expected = Infinity
  waiting.onStart(({ n }) => {
    took.push(performance.now() - started.get(n)!)
    if (took.length === expected) finish()
  })
  let next = 0
  const push = async (): Promise<void> => {
    const n = next++
    started.set(n, performance.now())
    await waiting.push(payload(n))
  }
  const all = async (tasks: number, how: Drive): Promise<void> => {
    took.length = 0
    expected = tasks
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    await how(tasks, push)
    await finished
  }
  // Connections are opened and plans are made by the first few, alone and together.
  await all(SETTLE_IN, pushNowAndThen)
  await all(SETTLE_IN * 5, pushSteadily)
  const { statementsPerTask, walPerTask, clientMicrosPerTask, serverMicrosPerTask } = await meter(count, () =>
    all(count, drive),
  )
  return {
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    statementsPerTask: statementsPerTask!,
    walPerTask: walPerTask!,
    clientMicrosPerTask: clientMicrosPerTask!,
    serverMicrosPerTask: serverMicrosPerTask!,
  }
}

type Drive = (count: number, push: () => Promise<void>) => Promise<void>

async function pushNowAndThen(count: number, push: () => Promise<void>): Promise<void> {
  for (let n = 0; n < count; n++) {
    await sleep(IDLE_GAP_MS.min + Math.random() * (IDLE_GAP_MS.max - IDLE_GAP_MS.min))
    await push()
  }
}

/** Open loop: a push that takes long does not hold the next one back. */
async function pushSteadily(count: number, push: () => Promise<void>): Promise<void> {
  const start = performance.now()
  const pushes: Promise<void>[] = []
  while (pushes.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - start) / 1000) * LOAD_PER_SECOND))
    while (pushes.length < due) pushes.push(push())
    await sleep(1)
  }
  await Promise.all(pushes)
}
