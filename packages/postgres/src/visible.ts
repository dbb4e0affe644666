/** The part of the backend that reads: tasks, lists, counts, statistics, reports, events. No SQL here. */
import type {
  AttemptRecord,
  Count,
  CountTasks,
  ErrorGroup,
  Events,
  FetchById,
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
  StoredTask,
  TaskEvent,
  TaskFilter,
  TaskId,
  TaskReport,
  WorkerInfo,
} from '@q/core'
import { listAttempts } from './attempts.ts'
import { countTasks } from './count.ts'
import { isUuid } from './cursor.ts'
import { listErrorGroups } from './error-groups.ts'
import { readEvents } from './events.ts'
import { Ground } from './ground.ts'
import { listTasks } from './list.ts'
import { metrics } from './metrics.ts'
import { taskQuery } from './query/read.ts'
import { listQueues } from './queues.ts'
import { readLog, report } from './reports.ts'
import { toStoredTask } from './row.ts'
import { listWorkers } from './workers.ts'

/** Maps each reading method to its query. */
export abstract class VisibleBackend
  extends Ground
  implements
    FetchById,
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
  async fetchById(id: TaskId): Promise<StoredTask | null> {
    this.assertOpen('read a task')
    if (!isUuid(id)) return null
    const [row] = await this.read(taskQuery(this.schema, id), 'read a task')
    return row === undefined ? null : toStoredTask(row)
  }

  async listTasks(filter: TaskFilter, page?: PageRequest): Promise<Page<StoredTask>> {
    return listTasks(this.read, this.schema, filter, page)
  }

  async countTasks(filter: TaskFilter): Promise<Count> {
    return countTasks(this.read, this.schema, filter)
  }

  async listQueues(filter?: { readonly queue?: string }): Promise<readonly QueueInfo[]> {
    return listQueues(this.read, this.schema, filter)
  }

  async listWorkers(filter?: { readonly queue?: string }, page?: PageRequest): Promise<Page<WorkerInfo>> {
    return listWorkers(this.read, this.schema, filter, page)
  }

  async listAttempts(id: TaskId): Promise<readonly AttemptRecord[]> {
    this.assertOpen('list attempts')
    return listAttempts(this.read, this.schema, id)
  }

  async report(reports: readonly TaskReport[]): Promise<void> {
    this.assertOpen('report')
    await report(this.run, this.schema, reports)
  }

  async readLog(
    id: TaskId,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<readonly LogLine[]> {
    this.assertOpen('read a log')
    return readLog(this.read, this.schema, id, options)
  }

  async metrics(request: MetricRequest): Promise<readonly MetricPoint[]> {
    this.assertOpen('read statistics')
    return metrics(this.read, this.schema, request)
  }

  async listErrorGroups(filter?: { readonly queue?: string }, page?: PageRequest): Promise<Page<ErrorGroup>> {
    return listErrorGroups(this.read, this.schema, filter, page)
  }

  events(
    queue: string,
    options?: { readonly after?: string; readonly signal?: AbortSignal },
  ): AsyncIterable<TaskEvent> {
    return readEvents(this.read, this.schema, queue, options, this.closing)
  }
}
