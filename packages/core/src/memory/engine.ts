/** The parts of one memory backend, and the steps that its calls have in common. */
import type { Clock } from '../clock.ts'
import { QError } from '../error.ts'
import type { RunInfo } from '../backend/runs.ts'
import type { Outcome, TaskId } from '../task/task.ts'
import { History } from './history.ts'
import { Instances } from './instances.ts'
import { Limits } from './limits.ts'
import type { PushPlan } from './push-plan.ts'
import type { Row } from './row.ts'
import { isFinished } from './row.ts'
import { RunStore } from './run-store.ts'
import type { Turn } from './settle.ts'
import { cancelRow } from './settle.ts'
import { TaskStore } from './task-store.ts'
import { toOutcome } from './views.ts'
import { Waiters } from './waiters.ts'
import { Wakers } from './wakers.ts'

/** Everything a memory backend holds. */
export class Engine {
  readonly clock: Clock
  readonly store: TaskStore
  readonly instances: Instances = new Instances()
  readonly history: History = new History()
  readonly limits: Limits = new Limits()
  readonly runs: RunStore
  readonly waiters: Waiters<Outcome>
  readonly runWaiters: Waiters<RunInfo>
  readonly wakers: Wakers

  constructor(clock: Clock, keepFinished: number) {
    this.clock = clock
    this.store = new TaskStore(keepFinished)
    this.runs = new RunStore(keepFinished)
    this.waiters = new Waiters(clock, 'task')
    this.runWaiters = new Waiters(clock, 'run')
    this.wakers = new Wakers(clock, (queue) => this.store.order(queue))
  }

  /** Stores what was planned and notes the queues that changed. */
  carryOut(plan: PushPlan, now: number, changed: Set<string>): void {
    for (const queue of plan.carryOut()) changed.add(queue)
    for (const row of plan.created) {
      this.runs.attach(row)
      this.history.pushed(row, now)
    }
  }

  /** Ends the hold of a row as its turn says, and notes its queue when something waits there that did not before. */
  letGo(row: Row, { next, result }: Turn, ranMs: number | undefined, now: number, changed: Set<string>): void {
    if (next === 'held') return
    if (result !== null) this.history.attemptEnded(row, result, ranMs, now)
    this.instances.drop(row)
    this.limits.release(row.id)
    row.token = null
    row.hold = null
    if (next === 'finished' || row.run === null) row.cancel = null
    if (next === 'waits') {
      this.store.order(row.queue).add(row, now)
      changed.add(row.queue)
    } else this.finished(row)
  }

  /** A waiting row is due now, if it was not before. */
  hasten(row: Row, now: number, changed: Set<string>): void {
    if (row.runAt > now) this.store.change(row, { runAt: now }, now)
    changed.add(row.queue)
  }

  /** Ends a waiting row as `cancelled`. */
  cancelWaiting(row: Row, reason: string | undefined, now: number, changed: Set<string>): void {
    this.store.order(row.queue).remove(row)
    row.cancel = null
    cancelRow(row, reason, now)
    this.history.cancelled(row, now)
    this.finished(row)
    changed.add(row.queue)
  }

  /** Another life under the same id for a row that ended: due now, nothing counted, its last error and its history kept. */
  revive(row: Row, now: number): void {
    this.store.unfinish(row)
    row.status = 'pending'
    row.runAt = now
    row.attempt = 0
    row.crashes = 0
    row.finishedAt = null
    row.result = null
    row.checkpoint = null
    if (row.deadline !== null && row.deadline <= now) row.deadline = null
    this.store.order(row.queue).add(row, now)
  }

  /** Puts a row that ended among the finished, and tells those who wait for it. */
  finished(row: Row): void {
    this.store.finished(row)
    this.runs.stepEnded(row)
    if (isFinished(row)) this.waiters.finished(toOutcome(row))
  }

  /** Ends every wait and every subscription. */
  close(error: unknown): void {
    this.wakers.clear()
    this.waiters.failAll(error)
    this.runWaiters.failAll(error)
    this.history.events.failAll(error)
  }
}

/** For a task that is not there. */
export function notFound(id: TaskId): QError {
  return new QError(
    'ERR_TASK_NOT_FOUND',
    `The memory backend has no task ${String(id).slice(0, 60)}. It was never pushed here, was removed, or finished so long ago that it was forgotten (keepFinished).`,
  )
}
