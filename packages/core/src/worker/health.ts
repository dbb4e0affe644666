/** How a worker is doing, as it knows without asking anybody. */
import type { InstanceId } from '../task/task.ts'
import type { WorkerState } from './handle.ts'
import type { PauseCause } from './event.ts'

/** For health checks and boards. Moments are milliseconds since the epoch by the wall clock. */
export interface WorkerHealth {
  readonly state: WorkerState
  /** Why it is paused; empty when it is not. */
  readonly pausedBy: readonly PauseCause[]
  readonly instance: InstanceId
  /** Attempts under way. */
  readonly running: number
  /** Tasks claimed and not started. */
  readonly buffered: number
  /** Outcomes that the store has not answered yet. */
  readonly unsettled: number
  /** When a claim last succeeded, whatever it brought; `null` before the first. */
  readonly lastClaimAt: number | null
  /** When the last beat, or registration, that the store confirmed was sent; `null` before the first. */
  readonly lastBeatAt: number | null
  /** Whether the lease is surely held: tasks may start. */
  readonly leaseHeld: boolean
}

/** Of a worker before its first life. */
export const NEVER_RAN: WorkerHealth = {
  state: 'idle',
  pausedBy: [],
  instance: '',
  running: 0,
  buffered: 0,
  unsettled: 0,
  lastClaimAt: null,
  lastBeatAt: null,
  leaseHeld: false,
}
