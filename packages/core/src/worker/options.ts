/** What a worker can be told, with defaults; checked where it is told, in builder.ts. */
import type { Backend } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import type { Codec } from '../codec/codec.ts'
import type { Middleware } from '../middleware/middleware.ts'
import type { PollStrategy } from '../poll/poll.ts'
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
  readonly codec: Codec<unknown>
  readonly maxPayloadBytes: number
  readonly bufferSize: number
  readonly poll: PollStrategy
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
  readonly middlewares: readonly Middleware[]
  readonly listeners: readonly WorkerListener[]
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
    listeners: [],
  }
}
