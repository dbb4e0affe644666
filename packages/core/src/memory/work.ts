/** What workers ask of the store: claims, settlements, and the leases they live by. */
import type {
  BeatReply,
  BeatRequest,
  ClaimReply,
  ClaimRequest,
  SettleAnswer,
  Settlement,
  SweepReport,
  WorkerRegistration,
} from '../backend/backend.ts'
import { checkLimitRequests } from '../backend/arguments.ts'
import type { LimitAnswer, LimitRequest } from '../backend/control.ts'
import { QError } from '../error.ts'
import { checkInteger } from '../options.ts'
import type { ClaimedTask, InstanceId, TaskId } from '../task/task.ts'
import type { Engine } from './engine.ts'
import type { Instance } from './instances.ts'
import { candidates, PushPlan } from './push-plan.ts'
import type { Row } from './row.ts'
import { applyPart, planPart } from './run-part.ts'
import type { Turn } from './settle.ts'
import { applySettlement, crash, giveBack } from './settle.ts'
import { toClaimed } from './views.ts'

const MOST_CLAIMED = 1_000
const MIN_LEASE_MS = 1_000
const MAX_LEASE_MS = 3_600_000
/** A sweep ends no further instance once it has taken back this many tasks. */
const SWEEP_TASKS = 1_000

/** See `Backend.claim`. */
export function claim(engine: Engine, request: ClaimRequest): ClaimReply {
  for (const { limit } of request.queues) checkInteger('claim', 'limit', limit, 1, MOST_CLAIMED)
  const instance = engine.instances.get(request.instance)
  if (instance === undefined) throw leaseLost(request.instance)
  const now = engine.clock.now()
  const tasks: ClaimedTask[] = []
  let nextDueMs: number | null = null
  for (const { queue, limit } of request.queues) {
    const order = engine.store.order(queue)
    for (const row of order.take(limit, now)) tasks.push(handOut(row, instance, engine.store.nextToken(), now))
    const next = order.nextDueMs(now)
    if (next !== null) nextDueMs = Math.min(next, nextDueMs ?? next)
  }
  return { tasks, nextDueMs }
}

/** See `Backend.settle`. */
export function settle(engine: Engine, settlements: readonly Settlement[]): SettleAnswer[] {
  const now = engine.clock.now()
  const changed = new Set<string>()
  try {
    return settlements.map((settlement) => settleOne(engine, settlement, now, changed))
  } finally {
    engine.wakers.changed(changed)
  }
}

/** See `Backend.register`. */
export function register(engine: Engine, worker: WorkerRegistration): void {
  checkLease(worker.leaseMs)
  engine.instances.register(worker, engine.clock.now())
}

/** See `Backend.beat`. */
export function beat(engine: Engine, request: BeatRequest): BeatReply {
  checkLease(request.leaseMs)
  const instance = engine.instances.renew(request.instance, request.leaseMs, engine.clock.now())
  const lost: TaskId[] = []
  const cancelled: TaskId[] = []
  for (const { id, token } of request.running) {
    const row = engine.store.get(id)
    if (row === undefined || row.token !== token) lost.push(id)
    else if (instance !== undefined) {
      row.status = 'running'
      if (row.cancel !== null) cancelled.push(id)
    }
  }
  if (instance === undefined) return { lease: 'lost', lost }
  const paused = instance.about.queues.filter((queue) => engine.store.order(queue).paused !== null)
  return {
    lease: 'held',
    lost,
    ...(cancelled.length === 0 ? {} : { cancelled }),
    ...(paused.length === 0 ? {} : { paused }),
    ...(instance.command === 'work' ? {} : { command: instance.command }),
  }
}

/** See `Backend.deregister`. */
export function deregister(engine: Engine, id: InstanceId): void {
  const now = engine.clock.now()
  takeBack(engine, id, now, (row) => giveBack(row, now))
}

/** See `Backend.sweep`. */
export function sweep(engine: Engine): SweepReport {
  const now = engine.clock.now()
  let instances = 0
  let recovered = 0
  let killed = 0
  let tasks = 0
  let ended = engine.instances.expired(now)
  while (ended !== undefined && tasks < SWEEP_TASKS) {
    instances += 1
    takeBack(engine, ended, now, (row) => {
      const turn = crash(row, now)
      tasks += 1
      if (turn.next === 'waits') recovered += 1
      else if (row.status === 'killed') killed += 1
      return turn
    })
    ended = engine.instances.expired(now)
  }
  return { instances, recovered, killed, more: ended !== undefined }
}

/** See `Limit.acquire`. */
export function acquire(engine: Engine, requests: readonly LimitRequest[]): LimitAnswer[] {
  checkLimitRequests(requests)
  const now = engine.clock.now()
  const holds = (id: TaskId, token: string): boolean => engine.store.get(id)?.token === token
  return requests.map((request) => engine.limits.acquire(request, holds, now))
}

function handOut(row: Row, instance: Instance, token: string, now: number): ClaimedTask {
  row.run?.mailbox.forget(row)
  row.attempt += 1
  row.status = 'queued'
  row.token = token
  row.hold = {
    instance: instance.about.instance,
    worker: instance.about.name,
    claimedAt: now,
    waitedMs: Math.max(0, now - row.runAt),
  }
  instance.held.add(row)
  return toClaimed(row, token, now)
}

/** All or nothing: what can fail comes first. Follow-on tasks meet the task as its settlement left it. */
function settleOne(engine: Engine, settlement: Settlement, now: number, changed: Set<string>): SettleAnswer {
  const row = engine.store.get(settlement.id)
  if (row === undefined || settlement.token !== row.token)
    return row?.settledToken === settlement.token ? 'already' : 'stale'
  const follow = candidates(settlement.follow ?? [], now)
  const part = settlement.kind === 'progress' ? null : planPart(engine, settlement.run, now)
  engine.letGo(row, applySettlement(row, settlement, now), settlement.ranMs, now, changed)
  if (follow.length > 0) engine.carryOut(new PushPlan(engine.store, follow, now, 'skip'), now, changed)
  if (part !== null) applyPart(engine, row, part, now, changed)
  return 'applied'
}

/** Ends an instance and the holds it has. */
function takeBack(engine: Engine, id: InstanceId, now: number, end: (row: Row) => Turn): void {
  const changed = new Set<string>()
  for (const row of engine.instances.end(id, now)) engine.letGo(row, end(row), undefined, now, changed)
  engine.wakers.changed(changed)
}

function checkLease(leaseMs: number): void {
  checkInteger('memory', 'leaseMs', leaseMs, MIN_LEASE_MS, MAX_LEASE_MS)
}

function leaseLost(instance: InstanceId): QError {
  return new QError(
    'ERR_LEASE_LOST',
    `Instance ${instance} is not registered, or not any more: its lease ended and its tasks went to others. Register again under a new id.`,
  )
}
