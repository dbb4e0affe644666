/**
 * What must be true of every run, whatever was done to it: a pure check of what was pushed, what the database
 * recorded and what the workers wrote down. The numbers are those of the reliability notes of this project.
 */
import type { Status } from '@q/core'
import { isFinal, TRANSITIONS } from '@q/core'
import type { Step } from './history.ts'
import type { Entry } from './ledger.ts'

/** What a producer knows of a push: it returned; it may or may not be stored; it surely is not. */
export type PushOutcome = 'ok' | 'unknown' | 'fail'

/** Everything known of a run. */
export interface Run {
  /** Task id → what its producer was told. */
  readonly pushes: ReadonlyMap<string, PushOutcome>
  readonly history: readonly Step[]
  readonly entries: readonly Entry[]
  /** Status of every task that the tables hold now. */
  readonly statuses: ReadonlyMap<string, Status>
  /** False when tasks are meant to be left over. Default true. */
  readonly quiescent?: boolean
  /** True when the server crashed: it may have forgotten its latest claims, but nothing else. Default false. */
  readonly forgetful?: boolean
}

const CLAIMED: readonly Status[] = ['queued', 'running']
const BACK: readonly Status[] = ['pending', 'failed']
/** Clocks of the database and of the workers are one clock, rounded to milliseconds. */
const ROUNDING_MS = 2

/** Every violation in words; none when all is well. At most 20 of each kind. */
export function violations(run: Run): string[] {
  const steps = byId(run.history)
  const entries = byId(run.entries)
  return [
    ...some(pushedOnce(run, steps)),
    ...some(run.quiescent === false ? [] : allTerminal(run)),
    ...some(eachTask(run, steps, endedOnce)),
    ...some(eachTask(run, steps, (id, of) => effectOfDone(id, of, entries.get(id) ?? []))),
    ...some(eachTask(run, steps, (id, of) => startsWithinClaims(id, of, run.forgetful ? [] : (entries.get(id) ?? [])))),
    ...some(eachTask(run, steps, tokensGrow)),
    ...some(eachTask(run, steps, notBeforeDue)),
    ...some(eachTask(run, steps, legalSteps)),
  ]
}

/** I1: `ok` exactly once, `unknown` at most once, `fail` never; and nothing that nobody pushed. */
function* pushedOnce(run: Run, steps: ReadonlyMap<string, Step[]>): Iterable<string> {
  for (const [id, outcome] of run.pushes) {
    const stored = (steps.get(id) ?? []).filter((step) => step.from === null).length
    const present = run.statuses.has(id)
    if (outcome === 'ok' && (stored !== 1 || !present))
      yield `I1 ${id}: pushed, stored ${stored} times, ${present ? 'present' : 'LOST'}`
    if (outcome === 'unknown' && (stored > 1 || (stored === 1 && !present)))
      yield `I1 ${id}: unknown push, stored ${stored} times, ${present ? 'present' : 'LOST'}`
    if (outcome === 'fail' && stored > 0) yield `I1 ${id}: failed push was stored`
  }
  for (const id of run.statuses.keys()) if (!run.pushes.has(id)) yield `I1 ${id}: nobody pushed it`
}

/** I2: everything accepted has ended. */
function* allTerminal(run: Run): Iterable<string> {
  for (const [id, status] of run.statuses) if (!isFinal(status)) yield `I2 ${id}: still ${status}`
}

/** I3: at most one end. */
function* endedOnce(id: string, steps: readonly Step[]): Iterable<string> {
  const ends = steps.filter((step) => isFinal(step.to))
  if (ends.length > 1) yield `I3 ${id}: ended ${ends.length} times`
}

/** I4: what is done took effect, in the very attempt that is recorded as done. */
function* effectOfDone(id: string, steps: readonly Step[], entries: readonly Entry[]): Iterable<string> {
  const done = steps.find((step) => step.to === 'done')
  if (done === undefined) return
  if (!entries.some((entry) => entry.kind === 'effect' && entry.attempt === done.attempt))
    yield `I4 ${id}: done in attempt ${done.attempt} without an effect of that attempt`
}

/** I5: no more starts than claims, and the attempt is the number of claims that were not given back. */
function* startsWithinClaims(id: string, steps: readonly Step[], entries: readonly Entry[]): Iterable<string> {
  const starts = entries.filter((entry) => entry.kind === 'start').length
  let claims = 0
  let attempt = 0
  for (const step of steps) {
    if (step.from !== null && !CLAIMED.includes(step.from) && CLAIMED.includes(step.to)) {
      claims += 1
      if (step.attempt !== attempt + 1) yield `I5 ${id}: claimed as attempt ${step.attempt} after ${attempt}`
    } else if (step.attempt > attempt || step.attempt < attempt - 1) {
      yield `I5 ${id}: attempt went from ${attempt} to ${step.attempt} without a claim`
    }
    attempt = step.attempt
  }
  if (starts > claims) yield `I5 ${id}: started ${starts} times, claimed ${claims} times`
}

/** I6 and I7: a claim's token is larger than all before; only a claim or a taking back makes one; the end carries the last. */
function* tokensGrow(id: string, steps: readonly Step[]): Iterable<string> {
  let token = 0n
  for (const step of steps) {
    const now = BigInt(step.token)
    const claim = step.to === 'queued'
    if (claim && now <= token) yield `I6 ${id}: claimed with token ${now} after ${token}`
    if (claim && step.from !== null && CLAIMED.includes(step.from)) yield `I7 ${id}: claimed while ${step.from}`
    // Who takes a task from a worker gives it a new token, so that the worker's settlement is stale.
    // What ends without its worker, by the sweep or by a cancel, has none.
    const ends = step.to === 'killed' || step.to === 'cancelled'
    const taken = (BACK.includes(step.to) && now > token) || (ends && now === 0n)
    if (!claim && !taken && now !== token)
      yield `I6 ${id}: ${step.from} to ${step.to} by token ${now}, the current one was ${token}`
    if (now !== 0n) token = now
  }
}

/** I8: not claimed, so not started, before its time. */
function* notBeforeDue(id: string, steps: readonly Step[]): Iterable<string> {
  for (const step of steps)
    if (step.to === 'queued' && step.at + ROUNDING_MS < step.dueAt)
      yield `I8 ${id}: claimed ${step.dueAt - step.at} ms before it was due`
}

/** I10: only steps of the state graph. */
function* legalSteps(id: string, steps: readonly Step[]): Iterable<string> {
  let before: Status | null = null
  for (const step of steps) {
    const legal =
      step.from === before && (step.from === null ? step.to === 'pending' : TRANSITIONS[step.from].includes(step.to))
    if (!legal) yield `I10 ${id}: ${step.from} to ${step.to} when it was ${before}`
    before = step.to
  }
}

function* eachTask(
  run: Run,
  steps: ReadonlyMap<string, Step[]>,
  check: (id: string, steps: readonly Step[]) => Iterable<string>,
): Iterable<string> {
  for (const id of new Set([...run.pushes.keys(), ...steps.keys()])) yield* check(id, steps.get(id) ?? [])
}

function some(found: Iterable<string>): string[] {
  const all = [...found]
  return all.length <= 20 ? all : [...all.slice(0, 20), `… and ${all.length - 20} more`]
}

/** Groups by task. */
export function byId<T extends { readonly id?: string | undefined }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    if (item.id === undefined) continue
    const group = groups.get(item.id)
    if (group === undefined) groups.set(item.id, [item])
    else group.push(item)
  }
  return groups
}
