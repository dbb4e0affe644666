/** What a worker can be told, with defaults; checked where it is told, in builder.ts. */
import type { Backend } from '../backend/backend.ts'
import type { Retention } from '../backend/control.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import type { QueueValues } from '../contract/values.ts'
import type { AnyMiddleware } from '../middleware/middleware.ts'
import type { PollStrategy } from '../poll/poll.ts'
import type { AckHook } from './ack.ts'
import type { WorkerListener } from './emitter.ts'

/** Attempts under way at once, unless set: 10. */
export const DEFAULT_CONCURRENCY = 10
/** The most attempts one worker runs at once. */
export const MAX_CONCURRENCY = 10_000
/** How long a handler may take, unless set: 15 minutes. */
export const DEFAULT_TIMEOUT_MS = 900_000
/** How long running tasks may go on after `stop()`, unless set: 30 seconds. */
export const DEFAULT_STOP_TIMEOUT_MS = 30_000
/** How long a silent worker is trusted, unless set: 10 seconds. */
export const DEFAULT_LEASE_MS = 10_000
/** How long a worker may have reason to claim or settle without succeeding before it says so, unless set: 60 seconds. */
export const DEFAULT_STALL_MS = 60_000

/** What a worker needs of a storage. */
export interface TaskSource {
  readonly backend: Backend
  readonly queue: string
  /** Reads args and writes results. */
  readonly values: Pick<QueueValues, 'decodeArgs' | 'encodeResult'>
  readonly bufferSize: number
  readonly poll: PollStrategy
  /** How long finished tasks of the queue are kept; workers forget the others where the backend has `vacuum`. Absent: kept. */
  readonly retention?: Retention | undefined
}

/** Everything set before `build`. */
export interface WorkerSettings {
  readonly name: string
  readonly concurrency: number
  readonly leaseMs: number
  readonly timeoutMs: number
  readonly stopTimeoutMs: number
  readonly stallMs: number
  readonly clock: Clock
  readonly middlewares: readonly AnyMiddleware[]
  /** What every attempt finds as `ctx.data`. */
  readonly data: object
  readonly listeners: readonly WorkerListener[]
  /** Told what became of each attempt's outcome in the store. */
  readonly acks: readonly AckHook[]
}

/** The settings of a builder that was told only its name. */
export function defaultSettings(name: string): WorkerSettings {
  return {
    name,
    concurrency: DEFAULT_CONCURRENCY,
    leaseMs: DEFAULT_LEASE_MS,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    stopTimeoutMs: DEFAULT_STOP_TIMEOUT_MS,
    stallMs: DEFAULT_STALL_MS,
    clock: systemClock,
    middlewares: [],
    data: {},
    listeners: [],
    acks: [],
  }
}
