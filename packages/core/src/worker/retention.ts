/** Has the store forget what the queue's retention no longer keeps, tasks and whole runs, about once a minute. */
import type { Backend } from '../backend/backend.ts'
import { supports } from '../backend/capability.ts'
import type { Retention } from '../backend/control.ts'
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import type { Emitter } from './emitter.ts'
import type { Patience } from './patience.ts'
import { isClosed, troubleBackoff } from './trouble.ts'

const EVERY_MS = 60_000
/** Spread of the pause, so that many workers do not come together. */
const JITTER = 0.25
/** Tasks of one call, and the pause before the next when there is more: others are to get a word in. */
const BATCH = 1_000
const MORE_MS = 10

/** What is needed of the worker. */
export interface RetentionHost {
  readonly backend: Backend
  readonly queue: string
  readonly retention: Retention
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
  /** Whether the own lease is surely held: a worker that is away leaves this to others. */
  readonly trusted: () => boolean
}

/** Works until the signal aborts; does nothing where the backend cannot. Never rejects. */
export async function vacuumUntil(signal: AbortSignal, host: RetentionHost): Promise<void> {
  const { backend, queue, retention, clock, events, patience, trusted } = host
  if (!supports(backend, 'vacuum')) return
  let failures = 0
  let pauseMs = EVERY_MS * Math.random()
  for (;;) {
    await sleep(clock, pauseMs, signal)
    if (signal.aborted) return
    pauseMs = EVERY_MS * (1 + JITTER * (2 * Math.random() - 1))
    if (!trusted()) continue
    try {
      const tasks = await patience.call('vacuum', () => backend.vacuum(queue, retention, BATCH))
      const runs = supports(backend, 'startRuns')
        ? await patience.call('vacuum', () => backend.vacuumRuns(queue, retention, BATCH))
        : 0
      failures = 0
      if (tasks >= BATCH || runs > 0) pauseMs = MORE_MS
      if (events.active && tasks + runs > 0) events.emit({ type: 'vacuumed', tasks, runs })
    } catch (error) {
      if (signal.aborted || isClosed(error)) return
      failures += 1
      pauseMs = Math.max(EVERY_MS, troubleBackoff(failures))
      events.emit({ type: 'error', where: 'vacuum', error, retryMs: pauseMs })
    }
  }
}
