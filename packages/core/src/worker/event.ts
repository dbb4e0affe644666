/** Everything a worker says about itself. */
import type { WorkerCommand } from '../backend/backend.ts'
import type { NewLogLine } from '../backend/visibility.ts'
import type { InstanceId, Progress, TaskId } from '../task/task.ts'

/** What an attempt came to. `lost`: the lease had ended, another worker has or gets the task, nothing was settled. */
export type AttemptOutcome = 'done' | 'failed' | 'killed' | 'cancelled' | 'deferred' | 'released' | 'lost'

/** What was being done when an error happened. */
export type ErrorPlace =
  'register' | 'claim' | 'settle' | 'beat' | 'sweep' | 'vacuum' | 'report' | 'deregister' | 'wake' | 'listener' | 'ack'

/** Who paused a worker: `worker.pause()`, a pause of its queue, or a command to this worker. Each ends by itself. */
export type PauseCause = 'worker' | 'queue' | 'command'

/** One thing that happened in a worker. Spans are milliseconds. */
export type WorkerEvent =
  /** Registered under this instance id: at the start, and again after the lease was lost. */
  | { readonly type: 'start'; readonly instance: InstanceId }
  /** A claim came back with `tasks` of the `asked`. */
  | {
      readonly type: 'claimed'
      readonly tasks: number
      readonly asked: number
      readonly durationMs: number
    }
  | { readonly type: 'task-start'; readonly id: TaskId; readonly queue: string; readonly attempt: number }
  /** The attempt ended and its slot is free; its outcome is on its way to the store. */
  | {
      readonly type: 'task-end'
      readonly id: TaskId
      readonly queue: string
      readonly attempt: number
      readonly outcome: AttemptOutcome
      readonly durationMs: number
      /** What was thrown, if something was. */
      readonly error?: unknown
    }
  /** Somebody asked for the end of a task that runs here: its signal aborts. */
  | { readonly type: 'cancelled'; readonly id: TaskId; readonly queue: string; readonly attempt: number }
  /** A handler said something with `ctx.log`. */
  | { readonly type: 'task-log'; readonly id: TaskId; readonly queue: string; readonly line: NewLogLine }
  /** A handler said how far it is with `ctx.report()`. */
  | {
      readonly type: 'task-progress'
      readonly id: TaskId
      readonly queue: string
      readonly attempt: number
      readonly progress: Progress
    }
  /** `worker.emit(name, data)`: something of the user's own. */
  | { readonly type: 'custom'; readonly name: string; readonly data: unknown }
  /** Lines of handlers were not stored: the store was away for too long, or refused them. */
  | { readonly type: 'log-dropped'; readonly lines: number }
  /** A handler goes on although its attempt ended by timeout, this long ago. It ignores `ctx.signal`. */
  | {
      readonly type: 'still-running'
      readonly id: TaskId
      readonly attempt: number
      readonly sinceMs: number
    }
  /** Outcomes are stored. */
  | { readonly type: 'settled'; readonly tasks: number; readonly durationMs: number }
  /** A look found nothing due. */
  | { readonly type: 'idle' }
  | { readonly type: 'heartbeat'; readonly running: number; readonly durationMs: number }
  /** With `id`: this task is no longer this worker's. Without: the whole instance's lease ended; it registers again. */
  | { readonly type: 'lease-lost'; readonly id?: TaskId; readonly instance: InstanceId }
  /** Tasks of dead workers were taken back. */
  | {
      readonly type: 'swept'
      readonly instances: number
      readonly recovered: number
      readonly killed: number
    }
  /** Finished tasks of the queue, and runs with their steps, were forgotten, as its retention says. */
  | { readonly type: 'vacuumed'; readonly tasks: number; readonly runs: number }
  /** A task that workers died holding waits to run with no neighbour, or runs. */
  | { readonly type: 'quarantine'; readonly id: TaskId; readonly crashes: number }
  /**
   * Something failed and will be tried again after `retryMs`, unless it is `null`. A `wake` with `null`: nudges may be
   * missing until the backend has mended it; polling goes on.
   */
  | {
      readonly type: 'error'
      readonly where: ErrorPlace
      readonly error: unknown
      readonly retryMs: number | null
    }
  /** Neither a claim nor a settle succeeded for this long although there was reason to; the loop was restarted. */
  | { readonly type: 'stalled'; readonly sinceMs: number }
  /** A pause began; `resume` of the same cause ends it. */
  | { readonly type: 'pause'; readonly by: PauseCause }
  | { readonly type: 'resume'; readonly by: PauseCause }
  /** Somebody asked something else of this worker than before, from wherever. */
  | { readonly type: 'command'; readonly command: WorkerCommand }
  /** Stopping began; `running` tasks have until the deadline. */
  | { readonly type: 'stopping'; readonly running: number; readonly deadlineMs: number }
  /** The life is over, `error` as `run()` rejects with it. */
  | { readonly type: 'stop'; readonly error?: unknown }
