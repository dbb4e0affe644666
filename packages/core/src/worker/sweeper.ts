/** Has the store take back what dead workers held, at about the pace at which leases end. */
import type { Backend } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import type { Emitter } from './emitter.ts'
import type { Patience } from './patience.ts'
import { isClosed, troubleBackoff } from './trouble.ts'

/** Spread of the pause, so that many workers do not sweep together. */
const JITTER = 0.25

/** After an outage in which leases ran out, living workers get this many pauses to beat before anyone takes their tasks. */
const GRACE_ROUNDS = 2

/** What a sweeper needs of its worker. */
export interface SweeperHost {
  readonly backend: Backend
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
  /** Whether the own lease is surely held: a worker that was away must not take itself for dead. */
  readonly trusted: () => boolean
  /** Tasks came back; there is work. */
  readonly recovered: () => void
}

/** Sweeps every `everyMs`, more or less, until the signal aborts. Never rejects. */
export async function sweepUntil(signal: AbortSignal, everyMs: number, host: SweeperHost): Promise<void> {
  const { backend, clock, events, patience, recovered, trusted } = host
  let failures = 0
  let pauseMs = everyMs * Math.random()
  let grace = 0
  for (;;) {
    await sleep(clock, pauseMs, signal)
    if (signal.aborted) return
    if (!trusted()) {
      grace = GRACE_ROUNDS
      continue
    }
    if (grace > 0) {
      grace -= 1
      continue
    }
    try {
      const { instances, recovered: back, killed, more } = await patience.call('sweep', () => backend.sweep())
      failures = 0
      // With more to do the pause is only long enough for others to get a word in.
      pauseMs = more ? 1 : everyMs * (1 + JITTER * (2 * Math.random() - 1))
      if (events.active && instances + back + killed > 0)
        events.emit({ type: 'swept', instances, recovered: back, killed })
      if (back > 0) recovered()
    } catch (error) {
      if (signal.aborted || isClosed(error)) return
      failures += 1
      pauseMs = Math.max(everyMs, troubleBackoff(failures))
      events.emit({ type: 'error', where: 'sweep', error, retryMs: pauseMs })
    }
  }
}
