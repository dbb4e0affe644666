/** The half of a storage that acts on what is stored: tasks, the queue, its workers. Each is a capability of the backend. */
import type { WorkerCommand } from '../backend/backend.ts'
import { required, supports } from '../backend/capability.ts'
import type { CancelAnswer, ControlAnswer, ResumeAnswer, TaskChange } from '../backend/control.ts'
import type { RetentionOptions } from '../contract/retention.ts'
import { checkRetention } from '../contract/retention.ts'
import { QError } from '../error.ts'
import { checkTaskId, isUuid } from '../id.ts'
import { checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import type { PushOptions } from '../task/push-options.ts'
import { checkDue } from '../task/push-options.ts'
import type { InstanceId, TaskId } from '../task/task.ts'
import { Reader } from './reader.ts'
import type { UpdateOptions } from './update.ts'
import { checkUpdate } from './update.ts'

/** Ids sent to the backend at once. */
const BATCH = 1_000
/** Tasks deleted by one statement of {@link Control.vacuum}. */
const VACUUM_BATCH = 1_000
/** The longest reason that is kept, in characters. */
const MAX_REASON = 500

/** Who stops a queue, and why: shown to whoever asks. */
export interface PauseOptions {
  readonly by?: string
  readonly reason?: string
}

/**
 * Acts on tasks, the queue and its workers. Every method throws QError `ERR_NOT_SUPPORTED` where the backend has no such
 * capability.
 *
 * An id means one task of the whole backend: what takes ids acts on tasks of any queue, except `update` and
 * `reschedule`. A storage encodes args as its own queue does, so those leave tasks of other queues alone.
 */
export class Control<Input, Tx = never, Result = unknown, Args = Input, Returns = Result> extends Reader<
  Input,
  Tx,
  Result,
  Args,
  Returns
> {
  /**
   * Ends tasks from any process, of whatever queue. One that waits ends at once; the handler of one that runs sees its
   * signal abort within a heartbeat, at once where the backend can nudge. Once this returned, no further attempt begins.
   * @param reason Kept as the message of the task's error, cut at 500 characters.
   * @returns One answer per id, in order.
   * @throws QError `ERR_TASK_ID`, `ERR_OPTION`
   */
  cancel(id: TaskId, reason?: string): Promise<CancelAnswer>
  cancel(ids: readonly TaskId[], reason?: string): Promise<CancelAnswer[]>
  async cancel(ids: TaskId | readonly TaskId[], reason?: string): Promise<CancelAnswer | CancelAnswer[]> {
    const store = required(this.backend, 'cancel')
    const why = reason === undefined ? undefined : storable('cancel: reason', reason)
    return each(ids, (batch) => store.cancel(batch, why))
  }

  /**
   * Changes a task that waits; what is not named stays. Args are checked and encoded as at a push.
   * @returns `applied`, or why not: `busy` (a worker holds it), `ended`, `unknown` (also for tasks of other queues, whose args this storage cannot write).
   * @throws QError `ERR_INVALID`, `ERR_SCHEMA_ASYNC`, `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION`, `ERR_DURATION`, `ERR_TASK_ID`
   */
  async update(id: TaskId, change: UpdateOptions<Input>): Promise<ControlAnswer> {
    return this.#change(checkTaskId(id), checkUpdate(change, this.values))
  }

  /**
   * Gives a task that waits another time.
   * @returns As {@link Control.update}.
   * @throws QError `ERR_OPTION`, `ERR_DURATION`, `ERR_TASK_ID`
   */
  async reschedule(id: TaskId, when: Pick<PushOptions, 'runAt' | 'runAfter'>): Promise<ControlAnswer> {
    checkKnownOptions('reschedule', when, ['runAt', 'runAfter'])
    const due = checkDue('reschedule', when)
    if (due === undefined) throw new QError('ERR_OPTION', 'reschedule: give runAt (a moment) or runAfter (a span).')
    return this.#change(checkTaskId(id), { due })
  }

  /**
   * Makes tasks run now: one that waits is due at once, one that ended begins a new life under its id, with all its
   * attempts before it. A `unique` key that another task has taken over meanwhile is not taken back.
   * @returns One answer per id, in order.
   * @throws QError `ERR_TASK_ID`
   */
  resumeById(id: TaskId): Promise<ResumeAnswer>
  resumeById(ids: readonly TaskId[]): Promise<ResumeAnswer[]>
  async resumeById(ids: TaskId | readonly TaskId[]): Promise<ResumeAnswer | ResumeAnswer[]> {
    const store = required(this.backend, 'resumeById')
    return each(ids, (batch) => store.resumeById(batch))
  }

  /**
   * Deletes tasks that no worker holds, with their history, lines and keys.
   * @returns One answer per id, in order.
   * @throws QError `ERR_TASK_ID`
   */
  remove(id: TaskId): Promise<ControlAnswer>
  remove(ids: readonly TaskId[]): Promise<ControlAnswer[]>
  async remove(ids: TaskId | readonly TaskId[]): Promise<ControlAnswer | ControlAnswer[]> {
    const store = required(this.backend, 'remove')
    return each(ids, (batch) => store.remove(batch))
  }

  /**
   * Stops the queue for all workers, those that start later included, until {@link Control.resume}. Running tasks go on,
   * pushes are accepted. Pausing again changes nothing, neither who nor why.
   * @throws QError `ERR_OPTION`
   */
  async pause(options: PauseOptions = {}): Promise<void> {
    checkKnownOptions('pause', options, ['by', 'reason'] satisfies readonly (keyof PauseOptions)[])
    const { by, reason } = options
    await required(this.backend, 'pause').pause(this.queue, {
      ...(by === undefined ? {} : { by: storable('pause: by', by) }),
      ...(reason === undefined ? {} : { reason: storable('pause: reason', reason) }),
    })
  }

  /** Lets the queue go on. */
  async resume(): Promise<void> {
    await required(this.backend, 'pause').resume(this.queue)
  }

  /**
   * Asks one worker, wherever it runs, to `pause`, to `stop` or to `work` again. Instances are in {@link Reader.workers}.
   * @returns False when there is no such worker.
   * @throws QError `ERR_OPTION`
   */
  async commandWorker(instance: InstanceId, command: WorkerCommand): Promise<boolean> {
    if (command !== 'work' && command !== 'pause' && command !== 'stop')
      throw new QError('ERR_OPTION', `commandWorker: command must be "work", "pause" or "stop", got ${show(command)}.`)
    const store = required(this.backend, 'commandWorker')
    const id = String(instance).toLowerCase()
    return isUuid(id) && (await store.commandWorker(id, command))
  }

  /**
   * Deletes finished tasks that are older than given, in batches, until none is left.
   * @param retention Default: the retention of the queue or storage.
   * @returns How many were deleted.
   * @throws QError `ERR_OPTION`, `ERR_DURATION`
   */
  async vacuum(retention?: RetentionOptions): Promise<number> {
    const store = required(this.backend, 'vacuum')
    const spans = retention === undefined ? this.retention : checkRetention('vacuum', retention)
    if (spans === undefined)
      throw new QError(
        'ERR_OPTION',
        'vacuum: say what to delete, such as vacuum({ done: "7d" }); the queue has no retention.',
      )
    let deleted = 0
    for (let batch = VACUUM_BATCH; batch === VACUUM_BATCH; deleted += batch)
      batch = await store.vacuum(this.queue, spans, VACUUM_BATCH)
    return deleted
  }

  async #change(id: TaskId, change: TaskChange): Promise<ControlAnswer> {
    const store = required(this.backend, 'update')
    // A task never changes its queue: it is enough to look before.
    if (supports(this.backend, 'fetchById') && (await this.fetchById(id)) === null) return 'unknown'
    return store.update(id, change)
  }
}

async function each<Answer>(
  ids: TaskId | readonly TaskId[],
  ask: (batch: readonly TaskId[]) => Promise<readonly Answer[]>,
): Promise<Answer | Answer[]> {
  if (!Array.isArray(ids)) return (await ask([checkTaskId(ids)]))[0]!
  const checked = ids.map((id: unknown) => checkTaskId(id))
  const answers: Answer[] = []
  for (let start = 0; start < checked.length; start += BATCH)
    answers.push(...(await ask(checked.slice(start, start + BATCH))))
  return answers
}

/**
 * Text of a person's, fit for every store.
 * @throws QError `ERR_OPTION`
 */
function storable(name: string, text: string): string {
  if (typeof text !== 'string')
    throw new QError('ERR_OPTION', `${name} must be a text, such as "no longer needed", got ${show(text)}.`)
  return text.slice(0, MAX_REASON).toWellFormed().replaceAll('\0', '\uFFFD')
}
