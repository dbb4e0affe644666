/** What is done to runs from outside: start, cancel, retry, repair, forget. */
import { checkJoins, checkRetry } from '../backend/run-arguments.ts'
import type { CancelRunAnswer, NewRun, RetryRunAnswer, RunRetry, Runs } from '../backend/runs.ts'
import type { Retention } from '../backend/control.ts'
import { checkQueueName } from '../contract/queue-name.ts'
import type { Receipt } from '../task/task.ts'
import { checkRetention, toldReason } from './control.ts'
import type { Engine } from './engine.ts'
import { setJoins } from './joins.ts'
import { candidates } from './push-plan.ts'
import type { Row } from './row.ts'
import { isFinished } from './row.ts'
import { endWaiting, forgetRun, isRemovable, planRuns, startPlanned, storeSteps } from './run-part.ts'
import type { RunRow } from './run-row.ts'
import { cancelledError } from './settle.ts'

/** See `Runs.startRuns`. */
export function startRuns(engine: Engine, runs: readonly NewRun[]): Receipt[] {
  const now = engine.clock.now()
  const changed = new Set<string>()
  const receipts = startPlanned(engine, planRuns(runs, now), now, changed)
  engine.wakers.changed(changed)
  return receipts
}

/** See `Runs.cancelRuns`. */
export function cancelRuns(engine: Engine, requests: Parameters<Runs['cancelRuns']>[0]): CancelRunAnswer[] {
  const now = engine.clock.now()
  const planned = requests.map(({ id, reason, task }) => ({
    id,
    told: toldReason(reason) ?? 'The run was cancelled.',
    tasks: candidates([task], now),
  }))
  const changed = new Set<string>()
  const news = new Set<string>()
  const answers = planned.map(({ id, told, tasks }): CancelRunAnswer => {
    const run = engine.runs.get(id)
    if (run === undefined) return 'unknown'
    if (run.finishedAt !== null) return 'ended'
    const first = run.status === 'running'
    if (first) {
      run.status = 'cancelling'
      run.error = cancelledError(told)
      storeSteps(engine, tasks, now, changed)
    }
    endWaiting(engine, run, told, now, changed, endsRuns)
    for (const row of run.living) {
      if (row.token === null || endsRuns(row)) continue
      row.cancel ??= { reason: told }
      news.add(row.queue)
    }
    return first ? 'cancelling' : 'already'
  })
  engine.wakers.changed(changed)
  engine.wakers.news(news)
  return answers
}

/** See `Runs.retryRun`. */
export function retryRun(engine: Engine, retry: RunRetry): RetryRunAnswer {
  checkRetry(retry)
  const { id, retries, resume, forget, joins, tasks } = retry
  const now = engine.clock.now()
  const planned = candidates(tasks, now)
  const changed = new Set<string>()
  const run = engine.runs.get(id)
  if (run === undefined) return 'unknown'
  if (run.finishedAt === null || run.living.size > 0) return 'busy'
  if (run.retries !== retries || run.status === 'done') return 'stale'
  run.status = 'running'
  run.retries += 1
  run.output = null
  run.error = null
  run.compensation = null
  run.finishedAt = null
  engine.runs.revive(run)
  for (const step of forget) forgetStep(engine, run, step)
  for (const step of resume) {
    const row = run.steps.get(step)
    if (row === undefined || !isFinished(row)) continue
    engine.revive(row, now)
    run.living.add(row)
    changed.add(row.queue)
  }
  setJoins(run.joins, joins)
  storeSteps(engine, planned, now, changed)
  engine.wakers.changed(changed)
  return 'retried'
}

/** See `Runs.repairRun`. */
export function repairRun(engine: Engine, { id, joins, tasks }: Parameters<Runs['repairRun']>[0]): void {
  checkJoins('repairRun', joins)
  const now = engine.clock.now()
  const planned = candidates(tasks, now)
  const changed = new Set<string>()
  const run = engine.runs.get(id)
  if (run === undefined || run.finishedAt !== null) return
  setJoins(run.joins, joins)
  storeSteps(engine, planned, now, changed)
  engine.wakers.changed(changed)
}

/** See `Runs.vacuumRuns`. */
export function vacuumRuns(engine: Engine, queue: string, retention: Retention, limit: number): number {
  checkQueueName(queue)
  checkRetention('vacuumRuns', retention, limit)
  const now = engine.clock.now()
  const old: RunRow[] = []
  let size = 0
  for (const run of engine.runs.ended()) {
    if (size >= limit) break
    const keepMs = keepFor(retention, run)
    if (run.queue !== queue || keepMs === undefined || (run.finishedAt ?? now) > now - keepMs) continue
    if (!isRemovable(engine, run)) continue
    old.push(run)
    size += 1 + run.steps.size
  }
  for (const run of old) forgetRun(engine, run)
  return old.length
}

function keepFor(retention: Retention, { status }: RunRow): number | undefined {
  if (status === 'done') return retention.doneMs
  return status === 'failed' ? retention.killedMs : retention.cancelledMs
}

/** Control steps are how a run ends. */
function endsRuns({ step }: Row): boolean {
  return step?.node.startsWith('$') === true
}

/** A step that has ended, a join, or both. */
function forgetStep(engine: Engine, run: RunRow, id: string): void {
  run.joins.delete(id)
  const row = run.steps.get(id)
  if (row === undefined) return
  run.steps.delete(id)
  engine.store.remove(row)
}
