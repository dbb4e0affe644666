/** The half of a storage that reads: tasks, their history and lines, figures, events. Each is a capability of the backend. */
import { required } from '../backend/capability.ts'
import type {
  AttemptRecord,
  Count,
  ErrorGroup,
  Page,
  PageRequest,
  QueueInfo,
  TaskEvent,
  WorkerInfo,
} from '../backend/visibility.ts'
import { wallNow } from '../clock.ts'
import { checkTaskId } from '../id.ts'
import { checkKnownOptions } from '../options.ts'
import type { Status } from '../task/status.ts'
import { STATUSES } from '../task/status.ts'
import type { TaskId } from '../task/task.ts'
import type { ListFilter } from './filter.ts'
import { checkFilter, checkPage } from './filter.ts'
import type { ReadLogOptions, TaskLogLine } from './log-reader.ts'
import { checkLogOptions, readLines } from './log-reader.ts'
import { Producer } from './producer.ts'
import type { MetricsOptions, QueueMetrics, QueueStatistics } from './statistics.ts'
import { queueMetrics, queueStatistics } from './statistics.ts'
import type { StoredTaskOf } from './stored-task.ts'
import { typedTask } from './stored-task.ts'
import type { WatchEvent, WatchOptions } from './watch.ts'
import { checkWatchOptions, followLines, watchTask } from './watch.ts'

/** Tasks asked for at once by {@link Reader.checkStatus}. */
const STATUS_BATCH = 20

/** From where events are told, and until when. */
export interface EventOptions {
  /** Those after the event with this cursor. Default: those from now on. */
  readonly after?: string
  /** Ends the stream; nothing is thrown. */
  readonly signal?: AbortSignal
}

/** Reads one queue. Every method throws QError `ERR_NOT_SUPPORTED` where the backend has no such capability. */
export class Reader<Input, Tx = never, Result = unknown, Args = Input, Returns = Result> extends Producer<
  Input,
  Tx,
  Result,
  Args,
  Returns
> {
  /**
   * One task in any status, or `null` when this queue has none with this id.
   * @throws QError `ERR_TASK_ID`
   */
  async fetchById(id: TaskId): Promise<StoredTaskOf<Args, Result> | null> {
    const stored = await required(this.backend, 'fetchById').fetchById(checkTaskId(id))
    return stored === null || stored.queue !== this.queue ? null : typedTask(stored, this.values)
  }

  /**
   * Where each task stands now, in the order given; `unknown` for ids that this queue does not have.
   * @throws QError `ERR_TASK_ID`
   */
  async checkStatus(ids: readonly TaskId[]): Promise<(Status | 'unknown')[]> {
    const found: (Status | 'unknown')[] = []
    const checked = ids.map((id) => checkTaskId(id))
    for (let start = 0; start < checked.length; start += STATUS_BATCH) {
      const batch = checked.slice(start, start + STATUS_BATCH).map((id) => this.fetchById(id))
      for (const stored of await Promise.all(batch)) found.push(stored?.status ?? 'unknown')
    }
    return found
  }

  /**
   * A page of tasks: those that have not ended first, the soonest due first; then those that ended, the latest first.
   * A page may hold fewer than asked and still go on: read until `next` is `null`.
   * @throws QError `ERR_OPTION`
   */
  async list(filter: ListFilter = {}, page: PageRequest = {}): Promise<Page<StoredTaskOf<Args, Result>>> {
    const store = required(this.backend, 'listTasks')
    const { items, next } = await store.listTasks(checkFilter('list', this.queue, filter), checkPage('list', page))
    return { items: items.map((stored) => typedTask(stored, this.values)), next }
  }

  /**
   * How many tasks match, and how exact that is.
   * @throws QError `ERR_OPTION`
   */
  async count(filter: ListFilter = {}): Promise<Count> {
    return required(this.backend, 'countTasks').countTasks(checkFilter('count', this.queue, filter))
  }

  /**
   * The attempts of a task of whatever queue in order, the last 1,000.
   * @throws QError `ERR_TASK_ID`
   */
  async attempts(id: TaskId): Promise<readonly AttemptRecord[]> {
    return required(this.backend, 'listAttempts').listAttempts(checkTaskId(id))
  }

  /**
   * What the handler of a task of whatever queue logged, in order; with `follow` until it has ended.
   * @throws QError `ERR_OPTION`, `ERR_TASK_ID`
   */
  logs(id: TaskId, options: ReadLogOptions = {}): AsyncIterable<TaskLogLine> {
    const { follow = false } = checkLogOptions(options)
    const store = required(this.backend, 'report')
    return follow
      ? followLines(required(store, 'fetchById'), checkTaskId(id), this.clock, options)
      : readLines(store, checkTaskId(id), options)
  }

  /**
   * What becomes of a task of whatever queue, as it happens: changes of status, progress, lines of its log; ends with its final status.
   * @throws QError `ERR_OPTION`, `ERR_TASK_ID`; `ERR_TASK_NOT_FOUND` at the first step.
   */
  watch(id: TaskId, options: WatchOptions = {}): AsyncIterable<WatchEvent> {
    return watchTask(required(this.backend, 'fetchById'), checkTaskId(id), this.clock, checkWatchOptions(options))
  }

  /**
   * What happens to the tasks of this queue from now on, in all processes, until the signal aborts.
   * @throws QError `ERR_OPTION`
   */
  events(options: EventOptions = {}): AsyncIterable<TaskEvent> {
    checkKnownOptions('events', options, ['after', 'signal'] satisfies readonly (keyof EventOptions)[])
    return required(this.backend, 'events').events(this.queue, options)
  }

  /** The queue at a glance: counts by status, who paused it, living workers. */
  async info(): Promise<QueueInfo> {
    const queues = await required(this.backend, 'listQueues').listQueues({ queue: this.queue })
    return queues.find(({ queue }) => queue === this.queue) ?? unused(this.queue)
  }

  /** Whether somebody paused this queue. */
  async isPaused(): Promise<boolean> {
    return (await this.info()).paused !== null
  }

  /**
   * A series with its sums: what was pushed and how it ended, how long handlers ran and tasks waited.
   * @throws QError `ERR_OPTION`, `ERR_DURATION`
   */
  async metrics(options: MetricsOptions = {}): Promise<QueueMetrics> {
    return queueMetrics(this.backend, this.queue, wallNow(this.clock), options)
  }

  /** How the queue stands, and how the past hour, day and week went. */
  async statistics(): Promise<QueueStatistics> {
    return queueStatistics(this.backend, await this.info(), wallNow(this.clock))
  }

  /**
   * Failures that look alike, the latest first.
   * @throws QError `ERR_OPTION`
   */
  async errorGroups(page: PageRequest = {}): Promise<Page<ErrorGroup>> {
    const store = required(this.backend, 'listErrorGroups')
    return store.listErrorGroups({ queue: this.queue }, checkPage('errorGroups', page))
  }

  /**
   * Worker instances of this queue, the living first.
   * @throws QError `ERR_OPTION`
   */
  async workers(page: PageRequest = {}): Promise<Page<WorkerInfo>> {
    return required(this.backend, 'listWorkers').listWorkers({ queue: this.queue }, checkPage('workers', page))
  }
}

/** What is known of a queue that never had a task. */
function unused(queue: string): QueueInfo {
  const none = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  return {
    queue,
    counts: { ...none, scheduled: 0 },
    paused: null,
    workers: 0,
    oldestDueMs: null,
    activity: [0, 0, 0, 0, 0, 0, 0],
  }
}
