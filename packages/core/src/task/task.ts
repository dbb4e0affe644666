/**
 * The shapes of one task on its way through a backend, always encoded.
 *
 * `NewTask` goes in, `Receipt` comes back; `ClaimedTask` is handed to a worker; `StoredTask` is
 * what a reader sees; `Outcome` is how it ended. Args and results are bytes with the tag of the
 * codec that wrote them: only storages and workers decode.
 */
import type { RunStatus, Step } from '../backend/runs.ts'
import type { ErrorRecord } from '../error-record.ts'
import type { FinalStatus, Status } from './status.ts'

/** A UUID in lower case; UUIDv7 unless the caller chose it. */
export type TaskId = string

/** Names one claim of one task. Opaque, made by the backend, never issued twice for a task. */
export type ClaimToken = string

/** Names one start of one worker process: a new UUIDv7 each time. The worker's name is only a label. */
export type InstanceId = string

/** Bytes and the tag of the codec that wrote them. */
export interface Encoded {
  readonly codec: string
  readonly bytes: Uint8Array
}

/** When a task may run: a moment in milliseconds since the epoch, or a span from the store's now. */
export type Due = { readonly at: number } | { readonly afterMs: number }

/** Small strings that travel with a task: trace context, tenant, origin. */
export type Metadata = Readonly<Record<string, string>>

/** A task as it is pushed. */
export interface NewTask {
  /** Made by the producer before the first try, so that a push whose reply was lost can be repeated. */
  readonly id: TaskId
  readonly queue: string
  readonly payload: Encoded
  /** -100 to 100; larger runs first. */
  readonly priority: number
  readonly due: Due
  /** Executions allowed in all, 1 to 1000. `null`: the worker's retry policy decides. */
  readonly maxAttempts: number | null
  /** Idempotency key, unique in its queue, at most 200 characters. */
  readonly key: string | null
  readonly metadata: Metadata | null
  /** At most one task like this at a time. Needs the capability `unique`. Default: none. */
  readonly unique?: Uniqueness | null
  /** The longest one attempt may take, in milliseconds. Default `null`: the worker decides. */
  readonly timeoutMs?: number | null
  /** No attempt starts after this, and one under way is ended. Default `null`: none. */
  readonly deadline?: Due | null
  /**
   * The step of a run that it is. Needs the capability `startRuns`, and such tasks are given only to `startRuns` and to the
   * settlements of steps: they have no `key` and no `unique`. One that comes another way is a step all the same, provided
   * that its run is stored. Default `null`: none.
   */
  readonly step?: Step | null
}

/**
 * For how long a task keeps others with its key out of its queue.
 * - `waiting`: until an attempt starts (a task that failed and waits for its next attempt counts as waiting)
 * - `unfinished`: until it is `done`, `killed` or `cancelled`
 */
export type UniqueWhile = 'waiting' | 'unfinished'

/** One task per key and queue at a time. Apart from the idempotency `key`: it has a name space of its own and ends. */
export interface Uniqueness {
  /** 1 to 200 characters. */
  readonly key: string
  /** Default `unfinished`. */
  readonly while: UniqueWhile
  /** Others are also kept out for this long after the task was pushed, whatever became of it. 0: no longer than `while`. */
  readonly windowMs: number
  /**
   * What a push does that meets a task which keeps it out.
   * - `keep`: nothing; the receipt says `duplicate`
   * - `replace`: puts its payload, priority, time, limits and metadata in the place of those of the waiting task,
   *   whose id and attempts stay; the receipt says `replaced`. One that does not wait is kept: `duplicate`. The same push
   *   sent again under its id within a day changes nothing more: its receipt says `replaced` and names the same task,
   *   whatever became of it.
   */
  readonly otherwise: 'keep' | 'replace'
}

/** What became of one pushed task. */
export interface Receipt {
  /** The task that exists now: the new one, or the earlier one with the same key or id. */
  readonly id: TaskId
  /** `replaced`: the task named waited, and was given what this push brought (see {@link Uniqueness}). */
  readonly outcome: 'created' | 'duplicate' | 'replaced'
}

/** A task in a worker's hands, still encoded. */
export interface ClaimedTask {
  readonly id: TaskId
  readonly queue: string
  readonly token: ClaimToken
  /** Counted in the claim: 1 for the first execution. */
  readonly attempt: number
  /** How many workers died while they held this task. */
  readonly crashes: number
  readonly payload: Encoded
  readonly priority: number
  readonly maxAttempts: number | null
  /** Milliseconds since the epoch, by the store's clock. */
  readonly runAt: number
  readonly metadata: Metadata | null
  /** What the last `progress` settlement left, if any. */
  readonly checkpoint: Uint8Array | null
  /** The longest this attempt may take, in milliseconds; `null` or absent: the worker decides. */
  readonly timeoutMs?: number | null
  /** Milliseconds from the claim to the task's deadline, by the store's clock; may be negative. `null` or absent: none. */
  readonly deadlineInMs?: number | null
  /** The step that it is, of which workflow, and how its run stands. `null` or absent: none. */
  readonly step?: (Step & { readonly workflow: string; readonly status: RunStatus }) | null
  /** Somebody asked for its end while it waited: it is handed out to be settled as `cancelled`. Only steps of runs. */
  readonly cancelling?: boolean
}

/** A task as a reader finds it, in any status. */
export interface StoredTask {
  readonly id: TaskId
  readonly queue: string
  readonly status: Status
  readonly attempt: number
  readonly crashes: number
  readonly maxAttempts: number | null
  readonly priority: number
  readonly payload: Encoded
  readonly metadata: Metadata | null
  /** Milliseconds since the epoch, by the store's clock. */
  readonly createdAt: number
  readonly runAt: number
  /** Set once the task is `done`, `killed` or `cancelled`. */
  readonly finishedAt: number | null
  readonly result: Encoded | null
  /** The last error: of a task that waits for its next attempt, or that was killed. */
  readonly error: ErrorRecord | null
  /** The task's own limit of one attempt, in milliseconds. */
  readonly timeoutMs: number | null
  /** Milliseconds since the epoch. */
  readonly deadline: number | null
  /** Somebody asked for its end while it was being worked on. */
  readonly cancelling: boolean
  /** What its handler last said of how far it is; `null` when it said nothing or the backend keeps none. */
  readonly progress: Progress | null
  /** The step that it is. `null` or absent: none. */
  readonly step?: Step | null
}

/** How far a task is, as its handler says. */
export interface Progress {
  /** 0 or more, in units of the handler's own. */
  readonly done: number
  /** How much there is, if known. */
  readonly total: number | null
  /** At most 500 characters. */
  readonly note: string | null
}

/** How a task ended. */
export interface Outcome {
  readonly id: TaskId
  readonly queue: string
  readonly status: FinalStatus
  readonly attempt: number
  /** Milliseconds since the epoch, by the store's clock. */
  readonly finishedAt: number
  /** `null` when the handler returned nothing. */
  readonly result: Encoded | null
  readonly error: ErrorRecord | null
}
