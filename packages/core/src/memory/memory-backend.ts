/**
 * A complete backend inside one process: the executable specification of the contract.
 *
 * Every call changes the store in one go, without waiting for anything, so that no two calls ever see
 * each other half done. It is fit for tests, for tools and for work that may die with its process; it
 * keeps nothing when the process ends.
 */
import type {
  Backend,
  BeatReply,
  BeatRequest,
  ClaimReply,
  ClaimRequest,
  SettleAnswer,
  Settlement,
  SweepReport,
  WaitOptions,
  WorkerRegistration,
} from '../backend/backend.ts'
import type { FetchById, Wake } from '../backend/capability.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import type { ClaimedTask, InstanceId, NewTask, Outcome, Receipt, StoredTask, TaskId } from '../task/task.ts'
import { Instances } from './instances.ts'
import type { FinishedRow, Row } from './row.ts'
import { isFinished, toClaimed, toOutcome, toStored } from './row.ts'
import type { Next } from './settle.ts'
import { applySettlement, crash, giveBack } from './settle.ts'
import { TaskStore } from './task-store.ts'
import { Waiters } from './waiters.ts'
import { Wakers } from './wakers.ts'

/** How a {@link MemoryBackend} is set up. All optional. */
export interface MemoryBackendOptions {
  /** The store's clock. Default: the process's own. Tests pass a virtual one. */
  readonly clock?: Clock
  /**
   * How many finished tasks are remembered, 0 to 10,000,000. Default 10,000. Beyond that the oldest are
   * forgotten altogether: `wait` and `fetchById` do not find them, a repeated settlement answers `stale`,
   * and their ids and keys can be used again.
   */
  readonly keepFinished?: number
}

/** Names of the options in {@link MemoryBackendOptions}. */
export const MEMORY_BACKEND_OPTIONS: readonly (keyof MemoryBackendOptions)[] = ['clock', 'keepFinished']

const DEFAULT_KEEP_FINISHED = 10_000
const MOST_KEEP_FINISHED = 10_000_000
const MOST_CLAIMED = 1_000
const MIN_LEASE_MS = 1_000
const MAX_LEASE_MS = 3_600_000
/** A sweep ends no further instance once it has taken back this many tasks. */
const SWEEP_TASKS = 1_000

/** Tasks in the memory of this process. Offers the capabilities `wake` and `fetchById`. */
export class MemoryBackend implements Backend, Wake, FetchById {
  readonly name: string = 'memory'
  readonly #clock: Clock
  readonly #store: TaskStore
  readonly #instances = new Instances()
  readonly #waiters: Waiters
  readonly #wakers: Wakers
  #claims = 0
  #closed = false

  /** @throws QError `ERR_OPTION` */
  constructor(options: MemoryBackendOptions = {}) {
    checkKnownOptions('MemoryBackend', options, MEMORY_BACKEND_OPTIONS)
    const { clock = systemClock, keepFinished = DEFAULT_KEEP_FINISHED } = options
    if (typeof clock?.now !== 'function' || typeof clock.after !== 'function')
      throw new QError('ERR_OPTION', 'MemoryBackend: clock must have the methods now and after.')
    checkInteger('MemoryBackend', 'keepFinished', keepFinished, 0, MOST_KEEP_FINISHED)
    this.#clock = clock
    this.#store = new TaskStore(keepFinished)
    this.#waiters = new Waiters(clock)
    this.#wakers = new Wakers(clock, (queue) => this.#store.order(queue))
  }

  async push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
    this.#assertOpen()
    const now = this.#clock.now()
    const { rows, receipts } = this.#store.plan(tasks, now, 'throw')
    this.#store.insert(rows, now)
    this.#wakers.changed(new Set(rows.map((row) => row.queue)))
    return receipts
  }

  async claim(request: ClaimRequest): Promise<ClaimReply> {
    this.#assertOpen()
    for (const { limit } of request.queues) checkInteger('claim', 'limit', limit, 1, MOST_CLAIMED)
    if (!this.#instances.has(request.instance)) throw leaseLost(request.instance)
    const now = this.#clock.now()
    const tasks: ClaimedTask[] = []
    let nextDueMs: number | null = null
    for (const { queue, limit } of request.queues) {
      const order = this.#store.order(queue)
      for (const row of order.take(limit, now)) tasks.push(this.#handOut(row, request.instance))
      const next = order.nextDueMs(now)
      if (next !== null) nextDueMs = Math.min(next, nextDueMs ?? next)
    }
    return { tasks, nextDueMs }
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
    this.#assertOpen()
    const now = this.#clock.now()
    const changed = new Set<string>()
    try {
      return settlements.map((settlement) => this.#settleOne(settlement, now, changed))
    } finally {
      this.#wakers.changed(changed)
    }
  }

  async register(worker: WorkerRegistration): Promise<void> {
    this.#assertOpen()
    this.#instances.register(worker.instance, this.#leaseUntil(worker.leaseMs))
  }

  async beat(request: BeatRequest): Promise<BeatReply> {
    this.#assertOpen()
    const held = this.#instances.renew(request.instance, this.#leaseUntil(request.leaseMs))
    const lost: TaskId[] = []
    for (const { id, token } of request.running) {
      const row = this.#store.get(id)
      if (row === undefined || row.token !== token) lost.push(id)
      else if (held) row.status = 'running'
    }
    return { lease: held ? 'held' : 'lost', lost }
  }

  async deregister(instance: InstanceId): Promise<void> {
    this.#assertOpen()
    const now = this.#clock.now()
    const changed = new Set<string>()
    for (const row of this.#instances.end(instance)) this.#place(row, giveBack(row), now, changed)
    this.#wakers.changed(changed)
  }

  async sweep(): Promise<SweepReport> {
    this.#assertOpen()
    const now = this.#clock.now()
    const changed = new Set<string>()
    let instances = 0
    let recovered = 0
    let killed = 0
    let ended = this.#instances.expired(now)
    while (ended !== undefined && recovered + killed < SWEEP_TASKS) {
      instances += 1
      for (const row of this.#instances.end(ended)) {
        const next = crash(row, now)
        if (next === 'finished') killed += 1
        else recovered += 1
        this.#place(row, next, now, changed)
      }
      ended = this.#instances.expired(now)
    }
    this.#wakers.changed(changed)
    return { instances, recovered, killed, more: ended !== undefined }
  }

  async *wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncGenerator<Outcome, void, void> {
    this.#assertOpen()
    const open = new Set<TaskId>()
    const finished: FinishedRow[] = []
    for (const id of new Set(ids)) {
      const row = this.#store.get(id)
      if (row === undefined) throw notFound(id)
      if (isFinished(row)) finished.push(row)
      else open.add(id)
    }
    finished.sort((a, b) => a.finishOrder - b.finishOrder)
    yield* this.#waiters.wait(open, finished.map(toOutcome), options)
  }

  async wake(queues: readonly string[], nudge: (queue: string) => void): Promise<() => void> {
    this.#assertOpen()
    return this.#wakers.subscribe(queues, nudge)
  }

  async fetchById(id: TaskId): Promise<StoredTask | null> {
    this.#assertOpen()
    const row = this.#store.get(id)
    return row === undefined ? null : toStored(row)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#wakers.clear()
    this.#waiters.failAll(closed())
  }

  #assertOpen(): void {
    if (this.#closed) throw closed()
  }

  #leaseUntil(leaseMs: number): number {
    return this.#clock.now() + checkInteger('memory', 'leaseMs', leaseMs, MIN_LEASE_MS, MAX_LEASE_MS)
  }

  #handOut(row: Row, instance: InstanceId): ClaimedTask {
    this.#claims += 1
    const token = String(this.#claims)
    row.attempt += 1
    row.status = 'queued'
    row.token = token
    row.holder = instance
    this.#instances.hold(instance, row)
    return toClaimed(row, token)
  }

  /** All or nothing: what can fail comes first. */
  #settleOne(settlement: Settlement, now: number, changed: Set<string>): SettleAnswer {
    const row = this.#store.get(settlement.id)
    if (row === undefined || settlement.token !== row.token)
      return row?.settledToken === settlement.token ? 'already' : 'stale'
    const { rows } = this.#store.plan(settlement.follow ?? [], now, 'skip')
    this.#place(row, applySettlement(row, settlement, now), now, changed)
    this.#store.insert(rows, now)
    for (const { queue } of rows) changed.add(queue)
    return 'applied'
  }

  #place(row: Row, next: Next, now: number, changed: Set<string>): void {
    if (next === 'held') return
    this.#instances.drop(row)
    row.token = null
    row.holder = null
    if (next === 'waits') {
      this.#store.order(row.queue).add(row, now)
      changed.add(row.queue)
    } else {
      this.#store.finished(row)
      if (isFinished(row)) this.#waiters.finished(toOutcome(row))
    }
  }
}

function closed(): QError {
  return new QError('ERR_CLOSED', 'The memory backend was closed. Make a new one; what it held is gone.')
}

function leaseLost(instance: InstanceId): QError {
  return new QError(
    'ERR_LEASE_LOST',
    `Instance ${instance} is not registered, or not any more: its lease ended and its tasks went to others. Register again under a new id.`,
  )
}

function notFound(id: TaskId): QError {
  return new QError(
    'ERR_TASK_NOT_FOUND',
    `The memory backend has no task ${String(id).slice(0, 60)}. It was never pushed here, or it finished so long ago that it was forgotten (keepFinished).`,
  )
}
