/** The main job: produces and works at the same time until every task has ended, and shows how far it is. */
import { sleep, type Storage, systemClock, type WorkerListener } from '@q/core'
import type { PostgresTransaction } from '@q/postgres'
import type { Pool } from 'pg'
import { type Job, QUEUES, type QueueInput, type QueueName } from './input.ts'
import { type Produced, produce } from './produce.ts'
import type { RunResult } from './report.ts'
import type { Screen } from './screen.ts'

export type Storages = Readonly<Record<QueueName, Storage<Job, PostgresTransaction>>>

const LOOK_EVERY_MS = 250
/** The job is given up when nothing has moved for this long. */
const STUCK_AFTER_MS = 30_000

/** Counts what workers say, for the progress line; what is true is read from the database. */
export class Tally {
  done = 0
  killed = 0
  failed = 0
  deferred = 0

  readonly listener: WorkerListener = (worker, event) => {
    if (event.type === 'error') console.error(`${worker.name}: ${event.where} failed:`, event.error)
    if (event.type !== 'task-end') return
    if (event.outcome === 'done') this.done += 1
    else if (event.outcome === 'killed') this.killed += 1
    else if (event.outcome === 'failed') this.failed += 1
    else if (event.outcome === 'deferred') this.deferred += 1
  }
}

/** Resolves when every task has ended, or with `undefined` when the signal aborts first. */
export async function runJob(
  screen: Screen,
  pool: Pool,
  schema: string,
  storages: Storages,
  input: readonly QueueInput[],
  tally: Tally,
  signal: AbortSignal,
): Promise<RunResult | undefined> {
  const began = performance.now()
  const wanted = input.reduce((sum, { tasks, undecodable }) => sum + tasks.length + undecodable, 0)
  let pushMs: number | undefined
  let failure: { readonly error: unknown } | undefined
  const produced = new Map<QueueName, Produced>()
  const producing = Promise.all(
    QUEUES.map(async (queue) => {
      const mine = input.find((each) => each.queue === queue)
      if (mine !== undefined) produced.set(queue, await produce(pool, storages[queue], mine))
    }),
  ).then(
    () => void (pushMs = performance.now() - began),
    (error: unknown) => void (failure = { error }),
  )

  let movedAt = began
  let before = ''
  while (!signal.aborted) {
    await sleep(systemClock, LOOK_EVERY_MS, signal)
    if (failure !== undefined) throw failure.error
    const { stored, ended } = await look(pool, schema)
    const now = performance.now()
    const state = `${stored} ${ended} ${tally.failed} ${tally.deferred}`
    if (state !== before) movedAt = now
    before = state
    screen.progress(line({ stored, ended, wanted, tally, ms: now - began }))
    if (ended === wanted && pushMs !== undefined) return { produced, pushMs, workMs: now - began }
    if (now - movedAt > STUCK_AFTER_MS)
      throw new Error(`Nothing has moved for ${STUCK_AFTER_MS / 1_000} s: ${ended} of ${wanted} tasks have ended.`)
  }
  await producing
  return undefined
}

async function look(pool: Pool, schema: string): Promise<{ stored: number; ended: number }> {
  const { rows } = await pool.query<{ stored: number; ended: number }>(
    `select count(*)::int as stored, count(finished_at)::int as ended from ${schema}.tasks`,
  )
  return rows[0] ?? { stored: 0, ended: 0 }
}

function line(at: { stored: number; ended: number; wanted: number; tally: Tally; ms: number }): string {
  const { stored, ended, wanted, tally, ms } = at
  const percent = Math.floor((ended / wanted) * 100)
  return `${(ms / 1_000).toFixed(1).padStart(5)} s  ${String(percent).padStart(3)} %  stored ${stored}  ended ${ended}/${wanted}  failed attempts ${tally.failed}  put off ${tally.deferred}  killed ${tally.killed}`
}
