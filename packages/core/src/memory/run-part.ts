/** What a settlement does to its run: follow-on steps by way of joins, other runs, a change of status, and listening. */
import type { Arrival, NewRun, RunChange, RunPart } from '../backend/runs.ts'
import { childMessage, RUN_TRANSITIONS } from '../backend/runs.ts'
import type { Receipt } from '../task/task.ts'
import type { Engine } from './engine.ts'
import { arrive } from './joins.ts'
import type { Candidate } from './push-plan.ts'
import { candidates, PushPlan } from './push-plan.ts'
import type { Row } from './row.ts'
import { copyEncoded, copyError, isWaiting } from './row.ts'
import type { PlannedRun, RunRow } from './run-row.ts'
import { planRun, toRunInfo } from './run-row.ts'

/** Steps that one call ends of one run. */
const MOST_ENDED = 1_000

/** What a settlement will do to its run. Nothing is changed yet. */
export interface PlannedPart {
  readonly run: RunRow
  readonly arrivals: readonly { readonly arrival: Arrival; readonly tasks: readonly Candidate[] }[]
  readonly start: readonly PlannedRun[]
  readonly part: RunPart
}

/**
 * Checks and copies what a settlement says of its run.
 * @throws QError `ERR_OPTION`
 */
export function planPart(engine: Engine, part: RunPart | undefined, now: number): PlannedPart | null {
  const run = part === undefined ? undefined : engine.runs.get(part.run)
  if (part === undefined || run === undefined) return null
  const { arrive: arrivals = [], start = [] } = part
  return {
    run,
    arrivals: arrivals.map((arrival) => ({ arrival, tasks: candidates([arrival.task], now) })),
    start: start.map((one) => planRun(one, now)),
    part,
  }
}

/** Does what was planned, after the row of the settlement was put where it goes. Cannot fail. */
export function applyPart(
  engine: Engine,
  row: Row,
  { run, arrivals, start, part }: PlannedPart,
  now: number,
  changed: Set<string>,
): void {
  const opened = arrivals.flatMap(({ arrival, tasks }) => (arrive(run.joins, arrival) ? tasks : []))
  if (opened.length > 0) storeSteps(engine, opened, now, changed)
  if (start.length > 0) startPlanned(engine, start, now, changed)
  if (part.change !== undefined) change(engine, run, part.change, now, changed)
  if (part.listen !== undefined && isWaiting(row)) listen(engine, run, row, part.listen.names, now, changed)
}

/** Stores runs with their first steps; those that exist are left as they are. */
export function startPlanned(
  engine: Engine,
  planned: readonly PlannedRun[],
  now: number,
  changed: Set<string>,
): Receipt[] {
  const tasks: Candidate[] = []
  const receipts = planned.map((one) => {
    const receipt = engine.runs.start(one.run)
    if (receipt.outcome === 'created') tasks.push(...one.tasks)
    return receipt
  })
  if (tasks.length > 0) storeSteps(engine, tasks, now, changed)
  return receipts
}

/**
 * Checks and copies runs.
 * @throws QError `ERR_OPTION`
 */
export function planRuns(runs: readonly NewRun[], now: number): PlannedRun[] {
  return runs.map((run) => planRun(run, now))
}

/** Stores steps; ids that exist are skipped. */
export function storeSteps(engine: Engine, tasks: readonly Candidate[], now: number, changed: Set<string>): void {
  engine.carryOut(new PushPlan(engine.store, tasks, now, 'skip'), now, changed)
}

/** Ends steps that wait, up to a bound, unless they are to be spared. */
export function endWaiting(
  engine: Engine,
  run: RunRow,
  reason: string | undefined,
  now: number,
  changed: Set<string>,
  spared: (row: Row) => boolean = () => false,
): void {
  let ended = 0
  for (const row of run.living) {
    if (ended === MOST_ENDED) return
    if (!isWaiting(row) || spared(row)) continue
    engine.cancelWaiting(row, reason, now, changed)
    ended += 1
  }
}

/** Keeps a message for a run and makes the steps due that wait for it. */
export function post(
  engine: Engine,
  run: RunRow,
  message: Parameters<RunRow['mailbox']['post']>[0],
  now: number,
  changed: Set<string>,
): void {
  for (const row of run.mailbox.post(message)) engine.hasten(row, now, changed)
}

/** Forgets the runs that ended first, beyond as many as are kept. */
function trimRuns(engine: Engine): void {
  let { excess } = engine.runs
  if (excess <= 0) return
  for (const run of engine.runs.ended()) {
    if (excess === 0) return
    if (!isRemovable(engine, run)) continue
    forgetRun(engine, run)
    excess -= 1
  }
}

/** Whether nothing needs a run any more that has ended: no step of its own, and no parent. */
export function isRemovable(engine: Engine, { living, parent }: RunRow): boolean {
  return living.size === 0 && (parent === null || engine.runs.get(parent.run)?.finishedAt !== null)
}

/** Forgets a run with all that belongs to it. */
export function forgetRun(engine: Engine, run: RunRow): void {
  for (const row of run.steps.values()) engine.store.remove(row)
  engine.runs.forget(run)
}

function change(engine: Engine, run: RunRow, wish: RunChange, now: number, changed: Set<string>): void {
  if (!RUN_TRANSITIONS[run.status].includes(wish.status)) return
  run.status = wish.status
  if (wish.output !== undefined) run.output = wish.output === null ? null : copyEncoded(wish.output)
  if (wish.error !== undefined) run.error = wish.error === null ? null : copyError(wish.error)
  if (wish.compensation !== undefined) run.compensation = wish.compensation
  if (RUN_TRANSITIONS[run.status].length === 0) end(engine, run, now, changed)
}

function end(engine: Engine, run: RunRow, now: number, changed: Set<string>): void {
  run.finishedAt = now
  engine.runs.end(run)
  endWaiting(engine, run, `The run has ended: it is ${run.status}.`, now, changed)
  const parent = run.parent === null ? undefined : engine.runs.get(run.parent.run)
  if (parent !== undefined) post(engine, parent, { name: childMessage(run.id), payload: null }, now, changed)
  engine.runWaiters.finished(toRunInfo(run))
  trimRuns(engine)
}

/** Nobody tells a run anything that has ended, and a step that is to end has nothing to wait for. */
function listen(
  engine: Engine,
  run: RunRow,
  row: Row,
  names: readonly string[],
  now: number,
  changed: Set<string>,
): void {
  if (run.finishedAt !== null || row.cancel !== null || run.mailbox.has(names)) engine.hasten(row, now, changed)
  else run.mailbox.listen(row, names)
}
