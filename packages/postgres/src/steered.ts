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
import { groupCommit, QError } from '@q/core'
import { cancel, commandWorker, pause, remove, resumeById, update, vacuum } from './control.ts'
import { MAX_BATCH, together, unwrap } from './grouping.ts'
import { acquire, checkRequests } from './limit.ts'
import { LowWater } from './low-water.ts'
import { resumeQueueQuery } from './query/control.ts'
import { VisibleBackend } from './visible.ts'

/** Maps each method of control to its query. */
export abstract class SteeredBackend
  extends VisibleBackend
  implements Unique, Update, Cancel, ResumeById, Remove, Pause, CommandWorker, Vacuum, Limit
{
  readonly unique = true
  /** From where claims look; forgotten when tasks come back behind it. */
  protected readonly low: LowWater = new LowWater()
  readonly #acquires = groupCommit<readonly LimitRequest[], readonly LimitAnswer[] | QError>(
    (calls) => together(calls, (requests) => acquire(this.run, this.schema, requests)),
    { max: MAX_BATCH, weigh: (requests) => requests.length },
  )

  async update(id: TaskId, change: TaskChange): Promise<ControlAnswer> {
    return update(this.run, this.schema, id, change)
  }

  async cancel(ids: readonly TaskId[], reason?: string): Promise<readonly CancelAnswer[]> {
    return cancel(this.run, this.schema, ids, reason)
  }

  async resumeById(ids: readonly TaskId[]): Promise<readonly ResumeAnswer[]> {
    this.low.reset()
    return resumeById(this.run, this.schema, ids)
  }

  async remove(ids: readonly TaskId[]): Promise<readonly ControlAnswer[]> {
    return remove(this.run, this.schema, ids)
  }

  async pause(queue: string, info: { readonly by?: string; readonly reason?: string } = {}): Promise<void> {
    await pause(this.run, this.schema, queue, info)
  }

  async resume(queue: string): Promise<void> {
    await this.run(resumeQueueQuery(this.schema, queue), 'resume a queue')
  }

  async commandWorker(instance: InstanceId, command: WorkerCommand): Promise<boolean> {
    return commandWorker(this.run, this.schema, instance, command)
  }

  async vacuum(queue: string, retention: Retention, limit: number): Promise<number> {
    return vacuum(this.run, this.schema, queue, retention, limit)
  }

  async acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
    this.assertOpen('acquire limits')
    checkRequests(requests)
    return requests.length === 0 ? [] : unwrap(await this.#acquires.add(requests))
  }
}
