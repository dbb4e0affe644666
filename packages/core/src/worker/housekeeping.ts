/** What a worker does beside its tasks for as long as it lives: hears nudges, sweeps for the dead, forgets what is old. */
import type { Clock } from '../clock.ts'
import type { Emitter } from './emitter.ts'
import { BEATS_PER_LEASE } from './heartbeat.ts'
import type { Membership } from './membership.ts'
import type { TaskSource } from './options.ts'
import type { Patience } from './patience.ts'
import { vacuumUntil } from './retention.ts'
import { sweepUntil } from './sweeper.ts'
import { subscribe, type Wakeup } from './wakeup.ts'

/** What is needed of the worker. */
export interface HousekeepingHost {
  readonly source: TaskSource
  readonly leaseMs: number
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
  readonly membership: Membership
  readonly wakeup: Wakeup
}

/** Begins all of it, until the signal aborts. */
export function keepHouse(signal: AbortSignal, host: HousekeepingHost): void {
  const { source, leaseMs, clock, events, patience, membership, wakeup } = host
  const { backend, queue, retention } = source
  const trusted = (): boolean => membership.trusts(clock.now())
  const parts = { backend, clock, events, patience, trusted }
  void subscribe(source, (reason) => (reason === 'news' ? membership.news() : wakeup.nudge()), events, clock, signal)
  void sweepUntil(signal, leaseMs / BEATS_PER_LEASE, { ...parts, recovered: () => wakeup.nudge() })
  if (retention !== undefined) void vacuumUntil(signal, { ...parts, queue, retention })
}
