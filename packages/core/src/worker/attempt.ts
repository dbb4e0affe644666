/**
 * One attempt, top to bottom: decode, middlewares and handler, decision, settlement.
 *
 * Nothing here throws or rejects, whatever the handler does: every path ends in exactly one call of
 * `end`. This is the only place where the retry policy is read.
 */
import type { Settlement } from '../backend/backend.ts'
import { isQError } from '../error.ts'
import { type ErrorRecord, toErrorRecord } from '../error-record.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../middleware/retry.ts'
import { MAX_DURATION_MS } from '../duration.ts'
import {
  type DeferredError,
  type FilteredError,
  isSteering,
  type RetryAfterError,
  type SteeringError,
} from '../steer.ts'
import type { ClaimedTask, ClaimToken, Encoded, NewTask, TaskId } from '../task/task.ts'
import type { RunningTask } from './context.ts'
import { deadlineError } from './deadline.ts'
import type { TaskSource } from './options.ts'
import type { AttachedProgram } from './program.ts'

/** How an attempt ended. */
export interface Decision {
  /** `null`: settled already, by the program. */
  readonly settlement: Settlement | null
  /** What was thrown, where something was. */
  readonly thrown?: unknown
}

/** A decision of the worker's own. */
type Decided = Decision & { readonly settlement: Settlement }

/** What is the same for all attempts of a worker. */
export interface AttemptPlan {
  readonly source: TaskSource
  /** Middlewares around the handler. */
  readonly run: (task: RunningTask) => unknown
  readonly policy: RetryPolicy
  /** What runs in the place of a handler and decides about settlements, if anything does. */
  readonly program?: AttachedProgram | undefined
  /** Takes the decision; called once for each attempt that was not ended from outside. */
  readonly end: (task: RunningTask, decision: Decision) => void
}

/** Runs one attempt. A handler that returns no promise is finished when this returns. */
export function attempt(plan: AttemptPlan, task: RunningTask): void {
  const { source, program } = plan
  const refused = program?.refuse(task.task)
  if (refused !== undefined) return end(plan, task, { settlement: refused })
  try {
    const { payload } = task.task
    task.args = program === undefined ? source.values.decodeArgs(payload) : program.read(payload)
  } catch (error) {
    return conclude(plan, task, killed(task, error))
  }
  try {
    const returned = plan.run(task)
    if (typeof returned !== 'object' || returned === null) return conclude(plan, task, done(plan, task, returned))
    // `resolve` reads `then` of anything, and turns what that throws into a rejection.
    const promise = returned instanceof Promise ? returned : Promise.resolve(returned)
    promise.then(
      (value) => conclude(plan, task, done(plan, task, value)),
      (error: unknown) => conclude(plan, task, failed(plan, task, error)),
    )
  } catch (error) {
    conclude(plan, task, failed(plan, task, error))
  }
}

/** Ends an attempt from outside (timeout, deadline); its handler's own end will change nothing. */
export function fail(plan: AttemptPlan, task: RunningTask, error: unknown): void {
  conclude(plan, task, failed(plan, task, error))
}

function conclude(plan: AttemptPlan, task: RunningTask, decision: Decided): void {
  const { program } = plan
  if (program === undefined || task.ended) return end(plan, task, decision)
  end(plan, task, { ...decision, settlement: program.settle(task.task, decision.settlement) })
}

function end(plan: AttemptPlan, task: RunningTask, decision: Decision): void {
  if (task.ended) return
  // First those who hold something for the attempt: what takes its slot may need it.
  task.end(decision.thrown)
  plan.end(task, decision)
}

function done(plan: AttemptPlan, task: RunningTask, value: unknown): Decided {
  let result: Encoded | null
  try {
    const { program, source } = plan
    result = program === undefined ? source.values.encodeResult(value) : program.encode(value, task)
  } catch (error) {
    // The handler has had its effects; running it again would repeat them and not help.
    return killed(task, error)
  }
  return { settlement: new Done(task.task, result, ran(task), task.follows) }
}

/** The settlement of most tasks. A class for the same reason as `Waiting` in `group-commit.ts`. */
class Done {
  readonly id: TaskId
  readonly token: ClaimToken
  readonly kind = 'done'
  readonly result: Encoded | null
  readonly ranMs: number
  declare readonly follow?: readonly NewTask[]

  constructor({ id, token }: ClaimedTask, result: Encoded | null, ranMs: number, follow?: readonly NewTask[]) {
    this.id = id
    this.token = token
    this.result = result
    this.ranMs = ranMs
    if (follow !== undefined) this.follow = follow
  }
}

function failed(plan: AttemptPlan, task: RunningTask, thrown: unknown): Decided {
  const { id, token } = task.task
  // The store knows who asked, and why.
  if (task.cancelled) return { settlement: { id, token, kind: 'cancelled', ranMs: ran(task) }, thrown }
  if (isQError(thrown, 'ERR_DEADLINE') && isLate(task, 0)) return killed(task, thrown)
  const steer = steering(thrown)
  if (steer?.code === 'ERR_ABORT') return killed(task, thrown)
  if (steer?.code === 'ERR_FILTERED')
    return (steer as FilteredError).ending === 'cancelled'
      ? { settlement: { id, token, kind: 'cancelled', error: toErrorRecord(thrown), ranMs: ran(task) }, thrown }
      : killed(task, thrown)
  if (steer?.code === 'ERR_DEFERRED') {
    const afterMs = span((steer as DeferredError).afterMs) ?? 0
    if (isLate(task, afterMs)) return killed(task, thrown, deadlineError(id, thrown))
    return { settlement: { id, token, kind: 'deferred', afterMs, ranMs: ran(task) }, thrown }
  }
  if (steer === undefined && task.evicted)
    return { settlement: { id, token, kind: 'released', ranMs: ran(task) }, thrown }
  const policy = plan.program?.policy(task.task) ?? plan.policy
  if (task.attempt >= (task.task.maxAttempts ?? policy.limit)) return killed(task, thrown)
  if (steer === undefined && policy.retryIf !== undefined && !worthRetrying(policy.retryIf, thrown, task))
    return killed(task, thrown)
  const asked = steer === undefined ? undefined : span((steer as RetryAfterError).afterMs)
  const retryAfterMs = asked ?? pause(policy, task.attempt)
  if (isLate(task, retryAfterMs)) return killed(task, thrown, deadlineError(id, thrown))
  return {
    settlement: { id, token, kind: 'failed', error: toErrorRecord(thrown), retryAfterMs, ranMs: ran(task) },
    thrown,
  }
}

/** @param reason What to store instead of what was thrown. */
function killed(task: RunningTask, thrown: unknown, reason: unknown = thrown): Decided {
  const error: ErrorRecord = toErrorRecord(reason)
  const { id, token } = task.task
  return { settlement: { id, token, kind: 'killed', error, ranMs: ran(task) }, thrown }
}

/** How long the attempt has run; never negative, though clocks are set back. */
function ran(task: RunningTask): number {
  return Math.max(0, Math.round(task.clock.now() - task.startedAt))
}

/** Whether an attempt that begins `afterMs` from now begins after the task's deadline. */
function isLate(task: RunningTask, afterMs: number): boolean {
  return task.deadlineAt !== Infinity && task.clock.now() + afterMs >= task.deadlineAt
}

/** The error by which a handler steers, if it is one. */
function steering(thrown: unknown): SteeringError | undefined {
  return isSteering(thrown) ? thrown : undefined
}

function worthRetrying(retryIf: NonNullable<RetryPolicy['retryIf']>, thrown: unknown, task: RunningTask): boolean {
  try {
    return retryIf(thrown, task)
  } catch {
    return true
  }
}

function pause(policy: RetryPolicy, attempts: number): number {
  try {
    const ms = span(policy.backoff(attempts))
    if (ms !== undefined) return ms
  } catch {
    // A backoff of the user's that fails must not decide over the task.
  }
  return DEFAULT_RETRY.backoff(attempts)
}

function span(ms: unknown): number | undefined {
  return typeof ms === 'number' && ms >= 0 ? Math.min(Math.ceil(ms), MAX_DURATION_MS) : undefined
}
