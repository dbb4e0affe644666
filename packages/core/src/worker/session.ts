/**
 * One life of a worker, from registering to deregistering: makes the parts and connects them.
 *
 * No error of a task, a claim, a beat or a sweep ends it. What ends it is `stop`, a closed backend, or a
 * refusal at the very start.
 */
import type { Settlement } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { QError } from '../error.ts'
import type { InstanceId } from '../task/task.ts'
import { type AttemptPlan, fail } from './attempt.ts'
import type { AttemptHost, WorkerHandle, WorkerState } from './context.ts'
import { Demand } from './demand.ts'
import type { Emitter } from './emitter.ts'
import { BEATS_PER_LEASE } from './heartbeat.ts'
import { Claiming } from './claiming.ts'
import { Membership } from './membership.ts'
import type { TaskSource, WorkerSettings } from './options.ts'
import { Patience } from './patience.ts'
import { RunningTasks } from './running.ts'
import { Settler } from './settler.ts'
import { Shutdown } from './shutdown.ts'
import { Slots } from './slots.ts'
import { sweepUntil } from './sweeper.ts'
import { timeoutError } from '../middleware/timeout.ts'
import { subscribe, Wakeup } from './wakeup.ts'
import { Watchdog } from './watchdog.ts'

/** A claimed task waits in the buffer for at most this long, or this many round trips, before it goes back. */
const HOLD_MS = 1_000
const HOLD_ROUND_TRIPS = 4
/** Keeps the process alive while a worker only waits; the longest interval there is. */
const KEEP_ALIVE_MS = 2 ** 31 - 1

/** What a session is made of. */
export interface SessionParts {
  readonly handle: WorkerHandle
  readonly source: TaskSource
  readonly settings: WorkerSettings
  readonly events: Emitter
  readonly plan: Pick<AttemptPlan, 'run' | 'policy'>
}

/** One life. */
export class Session {
  /** Settles with the end of this life; a rejection of it is never unhandled. */
  readonly finished: Promise<void>
  readonly #parts: SessionParts
  readonly #clock: Clock
  readonly #patience: Patience
  readonly #running: RunningTasks
  readonly #settler: Settler
  readonly #slots: Slots
  readonly #wakeup: Wakeup
  readonly #membership: Membership
  readonly #watchdog: Watchdog
  readonly #shutdown: Shutdown
  readonly #over = new AbortController()
  readonly #keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS)
  readonly #claiming: Claiming
  #state: WorkerState = 'starting'

  constructor(parts: SessionParts) {
    const { source, settings, events, plan, handle } = parts
    const { clock } = settings
    this.#parts = parts
    this.#clock = clock
    const patience = new Patience(clock)
    const closed = (error: unknown): void => this.#end(error)
    const running = new RunningTasks(clock, settings.timeoutMs, (task) => {
      const error = timeoutError(task.taskId, settings.timeoutMs)
      task.abort(error)
      fail(this.#slots.plan, task, error)
    })
    const settler = new Settler({
      backend: source.backend,
      clock,
      events,
      patience,
      closed,
      instance: () => this.instance,
      settled: (stored) => this.#settled(stored),
    })
    const demand = new Demand(settings.concurrency, source.bufferSize)
    const attempts: AttemptHost = {
      worker: handle,
      clock,
      progress: (task, checkpoint) =>
        progress(settler, { id: task.id, token: task.token, kind: 'progress', checkpoint }),
    }
    const membership = new Membership({
      source,
      settings,
      clock,
      events,
      patience,
      running,
      settler,
      closed,
      leaseLost: (instance) => this.#claiming.loseLease(instance),
      trusted: () => this.#slots.pump(),
    })
    const slots = new Slots(
      {
        clock,
        concurrency: settings.concurrency,
        events,
        demand,
        settler,
        attempts,
        mayStart: (now) => membership.trusts(now),
        changed: () => this.#claiming.changed(),
      },
      { source, ...plan },
      running,
    )
    this.#patience = patience
    this.#running = running
    this.#settler = settler
    this.#membership = membership
    this.#slots = slots
    this.#wakeup = new Wakeup(clock, source.poll)
    this.#claiming = new Claiming({
      source,
      clock,
      events,
      demand,
      patience,
      slots,
      running,
      membership,
      closed,
      wakeup: this.#wakeup,
      over: this.#over.signal,
      claimed: () => this.#watchdog.alive(),
    })
    this.#watchdog = new Watchdog({
      clock,
      events,
      patience,
      stallMs: settings.stallMs,
      busy: () => settler.size > 0 || this.#claiming.busy,
      restart: () => this.#claiming.restart(),
      tick: (now) => {
        slots.handBack(now - Math.max(HOLD_MS, HOLD_ROUND_TRIPS * demand.roundTripMs))
        membership.tick()
      },
    })
    this.#shutdown = new Shutdown({
      name: settings.name,
      clock,
      events,
      running,
      settler,
      slots,
      membership,
      claiming: this.#claiming,
    })
    this.finished = this.#shutdown.finished.finally(() => this.#dispose())
    this.finished.catch(() => undefined)
  }

  get instance(): InstanceId {
    return this.#membership.instance
  }
  get taskCount(): number {
    return this.#running.size
  }
  get state(): WorkerState {
    return this.#state === 'running' && this.#claiming.paused ? 'paused' : this.#state
  }

  /** Registers and begins to claim. Rejects, with the life over, when the store refuses. */
  async start(): Promise<void> {
    const { source, events, settings } = this.#parts
    const { signal } = this.#over
    try {
      if (!(await this.#membership.join(true, signal))) return
    } catch (error) {
      this.#end(error)
      return this.finished
    }
    this.#state = 'running'
    void subscribe(source, () => this.#wakeup.nudge(), events, this.#clock, signal)
    void sweepUntil(signal, settings.leaseMs / BEATS_PER_LEASE, {
      backend: source.backend,
      clock: this.#clock,
      events,
      patience: this.#patience,
      recovered: () => this.#wakeup.nudge(),
      trusted: () => this.#membership.trusts(this.#clock.now()),
    })
    this.#claiming.start()
  }

  /** Begins to stop, or brings the deadline forward. */
  stop(timeoutMs: number): Promise<void> {
    this.#leave()
    this.#shutdown.begin(timeoutMs)
    return this.finished
  }

  pause(): void {
    this.#claiming.pause()
  }

  resume(): void {
    this.#claiming.resume()
  }

  #settled(stored: readonly Settlement[]): void {
    this.#watchdog.alive()
    for (const each of stored) {
      if (each.kind === 'failed') this.#wakeup.dueIn(each.retryAfterMs)
      else if (each.kind === 'deferred') this.#wakeup.dueIn(each.afterMs)
      else if (each.follow !== undefined) this.#wakeup.nudge()
    }
    this.#slots.pump()
  }

  /** The life cannot go on. */
  #end(error: unknown): void {
    this.#shutdown.fail(error)
    this.#leave()
    this.#settler.drop()
    this.#shutdown.begin(0)
  }

  #leave(): void {
    if (this.#state !== 'stopping' && this.#state !== 'stopped') this.#state = 'stopping'
    this.#over.abort()
  }

  #dispose(): void {
    clearInterval(this.#keepAlive)
    this.#state = 'stopped'
    this.#watchdog.stop()
    this.#running.close()
    this.#slots.dispose()
    this.#settler.drop()
  }
}

async function progress(settler: Settler, settlement: Settlement): Promise<void> {
  const answer = await settler.add(settlement)
  if (answer === 'applied' || answer === 'already') return
  if (answer === 'stale')
    throw new QError('ERR_LEASE_LOST', `Task ${settlement.id} is no longer this worker's; its progress was not stored.`)
  throw new QError(
    answer === 'refused' ? 'ERR_BACKEND' : 'ERR_BACKEND_UNAVAILABLE',
    `The progress of task ${settlement.id} was not stored.`,
  )
}
