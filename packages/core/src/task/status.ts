/** Where a task stands, and which steps from there are legal. */

/**
 * - `pending`: waiting to be claimed (shown as *scheduled* while its time has not come)
 * - `queued`: claimed by a worker, not seen running yet
 * - `running`: claimed and still at work when its worker last said so
 * - `failed`: an attempt failed, waiting for the next one
 * - `done`: finished with a result
 * - `killed`: given up, with the reason
 * - `cancelled`: ended on request
 */
export type Status = 'pending' | 'queued' | 'running' | 'failed' | 'done' | 'killed' | 'cancelled'

/** All statuses, in the order of a task's life. */
export const STATUSES: readonly Status[] = ['pending', 'queued', 'running', 'failed', 'done', 'killed', 'cancelled']

/** The legal steps. A status that leads nowhere is terminal. */
export const TRANSITIONS: Readonly<Record<Status, readonly Status[]>> = {
  pending: ['queued', 'cancelled'],
  queued: ['running', 'pending', 'failed', 'done', 'killed', 'cancelled'],
  running: ['pending', 'failed', 'done', 'killed', 'cancelled'],
  failed: ['queued', 'cancelled'],
  done: [],
  killed: [],
  cancelled: [],
}

/** A status that a task never leaves by itself. */
export type FinalStatus = 'done' | 'killed' | 'cancelled'

/** True for `done`, `killed` and `cancelled`. */
export function isFinal(status: Status): status is FinalStatus {
  return TRANSITIONS[status].length === 0
}
