/** The part of the backend through which people act on tasks, queues and workers. No SQL here. */
import type {
  Cancel,
  CancelAnswer,
  CommandWorker,
  ControlAnswer,
  InstanceId,
  Limit,
  LimitAnswer,
  LimitRequest,
  Pause,
  Remove,
  ResumeAnswer,
  ResumeById,
  Retention,
  TaskChange,
  TaskId,
  Unique,
  Update,
  Vacuum,
  WorkerCommand,
} from '@q/core'
import { checkLimitRequests, checkQueueName, groupCommit, QError } from '@q/core'
import { cancel, commandWorker, pause, remove, resumeById, update, vacuum } from './control.ts'
import { MAX_BATCH, together, unwrap } from './grouping.ts'
import { acquire } from './limit.ts'
import { LowWater } from './low-water.ts'
import { resumeQueueQuery } from './query/control.ts'
import { Vacuumed } from './vacuumed.ts'
import { VisibleBackend } from './visible.ts'

/** Maps each method of control to its query. */
export abstract class SteeredBackend
  extends VisibleBackend
  implements Unique, Update, Cancel, ResumeById, Remove, Pause, CommandWorker, Vacuum, Limit
{
  readonly unique = true
  /** From where claims look; forgotten when tasks come back behind it. */
  protected readonly low: LowWater = new LowWater()
  readonly #vacuumed = new Vacuumed()
  readonly #acquires = groupCommit<readonly LimitRequest[], readonly LimitAnswer[] | QError>(
    (calls) => together(calls, (requests) => acquire(this.run, this.schema, requests), 'acquire limits'),
    { max: MAX_BATCH, weigh: (requests) => requests.length },
  )

  async update(id: TaskId, change: TaskChange): Promise<ControlAnswer> {
    this.assertOpen('update a task')
    return update(this.ask, this.schema, id, change)
  }

  async cancel(ids: readonly TaskId[], reason?: string): Promise<readonly CancelAnswer[]> {
    this.assertOpen('cancel tasks')
    return cancel(this.ask, this.schema, ids, reason)
  }

  async resumeById(ids: readonly TaskId[]): Promise<readonly ResumeAnswer[]> {
    this.assertOpen('resume tasks')
    this.low.reset()
    return resumeById(this.ask, this.schema, ids)
  }

  async remove(ids: readonly TaskId[]): Promise<readonly ControlAnswer[]> {
    this.assertOpen('remove tasks')
    return remove(this.ask, this.schema, ids)
  }

  async pause(queue: string, info: { readonly by?: string; readonly reason?: string } = {}): Promise<void> {
    await pause(this.ask, this.schema, queue, info)
  }

  async resume(queue: string): Promise<void> {
    await this.ask(resumeQueueQuery(this.schema, checkQueueName(queue)), 'resume a queue')
  }

  async commandWorker(instance: InstanceId, command: WorkerCommand): Promise<boolean> {
    this.assertOpen('command a worker')
    return commandWorker(this.ask, this.schema, instance, command)
  }

  async vacuum(queue: string, retention: Retention, limit: number): Promise<number> {
    return vacuum(this.ask, this.schema, queue, retention, limit, this.#vacuumed)
  }

  async acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
    this.assertOpen('acquire limits')
    // Before they are put together with those of others.
    checkLimitRequests(requests)
    return requests.length === 0 ? [] : unwrap(await this.#acquires.add(requests))
  }
}
