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
  WorkerCommand,
  WorkerRegistration,
} from '../backend/backend.ts'
import type { FetchById, NudgeReason, Wake } from '../backend/capability.ts'
import { queueOfFilter } from '../backend/arguments.ts'
import type {
  Cancel,
  CancelAnswer,
  CommandWorker,
  ControlAnswer,
  Limit,
  LimitAnswer,
  LimitRequest,
  Pause,
  Remove,
  ResumeAnswer,
  ResumeById,
  Retention,
  TaskChange,
  Unique,
  Update,
  Vacuum,
} from '../backend/control.ts'
import type {
  AttemptRecord,
  Count,
  CountTasks,
  ErrorGroup,
  Events,
  ListAttempts,
  ListErrorGroups,
  ListQueues,
  ListTasks,
  ListWorkers,
  LogLine,
  MetricPoint,
  MetricRequest,
  Metrics,
  Page,
  PageRequest,
  QueueInfo,
  Report,
  TaskEvent,
  TaskFilter,
  TaskReport,
  WorkerInfo,
} from '../backend/visibility.ts'
import type { Clock } from '../clock.ts'
import { checkClock, systemClock, wallClock } from '../clock.ts'
import { checkQueueName } from '../contract/queue-name.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import type { InstanceId, NewTask, Outcome, Receipt, StoredTask, TaskId } from '../task/task.ts'
import * as control from './control.ts'
import { Engine, notFound } from './engine.ts'
import * as listing from './listing.ts'
import { MemoryRuns } from './memory-runs.ts'
import { candidates, PushPlan } from './push-plan.ts'
import * as reports from './reports.ts'
import type { FinishedRow } from './row.ts'
import { isFinished } from './row.ts'
import type { InTransaction } from './transaction.ts'
import { refuseTransaction } from './transaction.ts'
import { toAttempts, toOutcome, toStored } from './views.ts'
import * as work from './work.ts'

/** How a {@link MemoryBackend} is set up. All optional. */
export interface MemoryBackendOptions {
  /** The store's clock, by its wall time. Default: the process's own. Tests pass a virtual one. */
  readonly clock?: Clock
  /**
   * How many finished tasks are remembered, and how many runs that have ended, 0 to 10,000,000. Default 10,000. Beyond
   * that the oldest are forgotten altogether, steps with their run: `wait` and `fetchById` do not find them, a repeated settlement answers `stale`,
   * and their ids and keys can be used again.
   */
  readonly keepFinished?: number
}

/** Names of the options in {@link MemoryBackendOptions}. */
export const MEMORY_BACKEND_OPTIONS: readonly (keyof MemoryBackendOptions)[] = ['clock', 'keepFinished']

const DEFAULT_KEEP_FINISHED = 10_000
const MOST_KEEP_FINISHED = 10_000_000

/** Tasks in the memory of this process. Offers every capability but `transaction`. */
export class MemoryBackend
  extends MemoryRuns
  implements
    Backend,
    Wake,
    FetchById,
    Unique,
    Update,
    Cancel,
    ResumeById,
    Remove,
    Pause,
    CommandWorker,
    Vacuum,
    Limit,
    ListTasks,
    CountTasks,
    ListQueues,
    ListWorkers,
    ListAttempts,
    Report,
    Metrics,
    ListErrorGroups,
    Events
{
  readonly name: string = 'memory'
  readonly unique = true
  /** The store's clock. */
  readonly clock: Clock
  /** @throws QError `ERR_OPTION` */
  constructor(options: MemoryBackendOptions = {}) {
    checkKnownOptions('MemoryBackend', options, MEMORY_BACKEND_OPTIONS)
    const { clock = systemClock, keepFinished = DEFAULT_KEEP_FINISHED } = options
    checkInteger('MemoryBackend', 'keepFinished', keepFinished, 0, MOST_KEEP_FINISHED)
    super(new Engine(wallClock(checkClock('MemoryBackend', clock)), keepFinished))
    this.clock = clock
  }

  async push(tasks: readonly NewTask[], options?: InTransaction): Promise<readonly Receipt[]> {
    const engine = this.open()
    refuseTransaction('push', options)
    const now = engine.clock.now()
    const changed = new Set<string>()
    const plan = new PushPlan(engine.store, candidates(tasks, now), now, 'throw')
    engine.carryOut(plan, now, changed)
    engine.wakers.changed(changed)
    return plan.receipts
  }

  async claim(request: ClaimRequest): Promise<ClaimReply> {
    return work.claim(this.open(), request)
  }

  async settle(settlements: readonly Settlement[], options?: InTransaction): Promise<readonly SettleAnswer[]> {
    const engine = this.open()
    refuseTransaction('settle', options)
    return work.settle(engine, settlements)
  }

  async register(worker: WorkerRegistration): Promise<void> {
    work.register(this.open(), worker)
  }

  async beat(request: BeatRequest): Promise<BeatReply> {
    return work.beat(this.open(), request)
  }

  async deregister(instance: InstanceId): Promise<void> {
    work.deregister(this.open(), instance)
  }

  async sweep(): Promise<SweepReport> {
    return work.sweep(this.open())
  }

  async *wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncGenerator<Outcome, void, void> {
    const { store, waiters } = this.open()
    const open = new Set<TaskId>()
    const finished: FinishedRow[] = []
    for (const id of new Set(ids)) {
      const row = store.get(id)
      if (row === undefined) throw notFound(id)
      if (isFinished(row)) finished.push(row)
      else open.add(id)
    }
    finished.sort((a, b) => a.finishOrder - b.finishOrder)
    yield* waiters.wait(open, finished.map(toOutcome), options)
  }

  async wake(queues: readonly string[], nudge: (queue: string, reason: NudgeReason) => void): Promise<() => void> {
    return this.open().wakers.subscribe(queues, nudge)
  }

  async update(id: TaskId, change: TaskChange): Promise<ControlAnswer> {
    return control.update(this.open(), id, change)
  }

  async cancel(ids: readonly TaskId[], reason?: string): Promise<readonly CancelAnswer[]> {
    return control.cancel(this.open(), ids, reason)
  }

  async resumeById(ids: readonly TaskId[]): Promise<readonly ResumeAnswer[]> {
    return control.resumeById(this.open(), ids)
  }

  async remove(ids: readonly TaskId[]): Promise<readonly ControlAnswer[]> {
    return control.remove(this.open(), ids)
  }

  async pause(queue: string, info: { readonly by?: string; readonly reason?: string } = {}): Promise<void> {
    control.pause(this.open(), queue, info)
  }

  async resume(queue: string): Promise<void> {
    control.resume(this.open(), queue)
  }

  async commandWorker(instance: InstanceId, command: WorkerCommand): Promise<boolean> {
    return control.commandWorker(this.open(), instance, command)
  }

  async vacuum(queue: string, retention: Retention, limit: number): Promise<number> {
    return control.vacuum(this.open(), queue, retention, limit)
  }

  async acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
    return work.acquire(this.open(), requests)
  }

  async fetchById(id: TaskId): Promise<StoredTask | null> {
    const row = this.open().store.get(id)
    return row === undefined ? null : toStored(row)
  }

  async listTasks(filter: TaskFilter, page?: PageRequest): Promise<Page<StoredTask>> {
    return listing.listTasks(this.open(), filter, page)
  }

  async countTasks(filter: TaskFilter): Promise<Count> {
    return { value: listing.countTasks(this.open(), filter), kind: 'exact' }
  }

  async listQueues(filter?: { readonly queue?: string }): Promise<readonly QueueInfo[]> {
    return listing.listQueues(this.open(), queueOfFilter('listQueues', filter))
  }

  async listWorkers(filter?: { readonly queue?: string }, page?: PageRequest): Promise<Page<WorkerInfo>> {
    return listing.listWorkers(this.open(), queueOfFilter('listWorkers', filter), page)
  }

  async listAttempts(id: TaskId): Promise<readonly AttemptRecord[]> {
    const row = this.open().store.get(id)
    return row === undefined ? [] : toAttempts(row)
  }

  async report(given: readonly TaskReport[]): Promise<void> {
    reports.report(this.open(), given)
  }

  async readLog(
    id: TaskId,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<readonly LogLine[]> {
    return reports.readLog(this.open(), id, options)
  }

  async metrics(request: MetricRequest): Promise<readonly MetricPoint[]> {
    return this.open().history.statistics.points(request)
  }

  async listErrorGroups(filter?: { readonly queue?: string }, page?: PageRequest): Promise<Page<ErrorGroup>> {
    const { history, clock } = this.open()
    return history.errorGroups.list(queueOfFilter('listErrorGroups', filter), page, clock.now())
  }

  /** What happens from this call on. The last 10,000 events of a queue can be read again by `after`. */
  events(
    queue: string,
    options: { readonly after?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<TaskEvent, void, void> {
    checkKnownOptions('events', options, ['after', 'signal'])
    return this.engine.history.events.read(checkQueueName(queue), options.after, options.signal)
  }
}
