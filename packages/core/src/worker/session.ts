/**
 * One life of a worker, from registering to deregistering: makes the parts and connects them.
 *
 * No error of a task, a claim, a beat or a sweep ends it. What ends it is `stop`, a closed backend, or a
 * refusal at the very start.
 */
import type { Settlement } from '../backend/backend.ts'
import { type Clock, wallNow } from '../clock.ts'
import type { InstanceId } from '../task/task.ts'
import { Acks } from './ack.ts'
import { type AttemptPlan, fail } from './attempt.ts'
import { saveCheckpoint } from './checkpoint.ts'
import type { AttemptHost } from './context.ts'
import { deadlineError } from './deadline.ts'
import { Demand } from './demand.ts'
import type { Emitter } from './emitter.ts'
import type { ErrorPlace } from './event.ts'
import type { WorkerHandle, WorkerState } from './handle.ts'
import type { WorkerHealth } from './health.ts'
import { keepHouse } from './housekeeping.ts'
import { Claiming } from './claiming.ts'
import { sharedLimits } from './limits.ts'
import { Membership } from './membership.ts'
import type { TaskSource, WorkerSettings } from './options.ts'
import { Patience } from './patience.ts'
import { Reporter } from './reporter.ts'
import { RunningTasks } from './running.ts'
import { Settler } from './settler.ts'
import { Shutdown } from './shutdown.ts'
import { Slots } from './slots.ts'
import { timeoutError } from '../middleware/timeout.ts'
import { Tracked } from './tracked.ts'
import { closedUnder } from './trouble.ts'
import { Wakeup } from './wakeup.ts'
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
  readonly plan: Pick<AttemptPlan, 'run' | 'policy' | 'program'>
}

/** One life. `finished` settles with its end; a rejection of it is never unhandled. */
export class Session {
  readonly finished: Promise<void>
  /** Has the stop wait for a promise too. */
  readonly track: Tracked['add'] = (work, abort) => this.#tracked.add(work, abort)
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
  readonly #reporter: Reporter
  readonly #tracked = new Tracked()
  #state: WorkerState = 'starting'
  #claimedAt: number | null = null

  constructor(parts: SessionParts) {
    const { source, settings, events, plan, handle } = parts
    const { clock } = settings
    this.#parts = parts
    this.#clock = clock
    const patience = new Patience(clock)
    // Once: several may find it closed.
    const closed = (cause: unknown, where: ErrorPlace): void =>
      this.#shutdown.failed ? undefined : this.#end(closedUnder(settings.name, events, where, cause))
    const running = new RunningTasks(clock, settings.timeoutMs, (task) => {
      const error =
        clock.now() >= task.deadlineAt
          ? deadlineError(task.taskId)
          : timeoutError(task.taskId, task.task.timeoutMs ?? settings.timeoutMs)
      task.abort(error)
      fail(this.#slots.plan, task, error)
    })
    const acking = new Tracked()
    const acks = new Acks(settings.acks, events, acking)
    const reporter = new Reporter({ backend: source.backend, clock, events, patience })
    const settler = new Settler({
      backend: source.backend,
      clock,
      events,
      patience,
      closed,
      instance: () => this.instance,
      ...(plan.program === undefined ? {} : { instead: plan.program.instead }),
      settled: (stored) => this.#settled(stored),
      answered: (settlement, answer, stored) => acks.answered(settlement, answer, stored),
    })
    const demand = new Demand(settings.concurrency, source.bufferSize)
    const acquire = sharedLimits(source.backend)
    const attempts: AttemptHost = {
      worker: handle,
      data: settings.data,
      ...(acquire === undefined ? {} : { acquire }),
      clock,
      says: reporter,
      progress: (task, checkpoint) => saveCheckpoint(settler, task, checkpoint),
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
      // What is claimed and not started may be what is to be cancelled.
      news: () => this.#slots.returnWaiting(),
      heard: (instance, reply) => this.#claiming.heard(instance, reply),
      command: () => this.#claiming.command,
    })
    const slots = new Slots(
      {
        clock,
        concurrency: settings.concurrency,
        events,
        demand,
        settler,
        reporter,
        acks,
        attempts,
        gates: settings.middlewares.flatMap((each) => each.gates ?? []),
        mayStart: (now) => membership.trusts(now),
        changed: () => this.#claiming.changed(),
      },
      { source, ...plan },
      running,
    )
    this.#patience = patience
    this.#running = running
    this.#settler = settler
    this.#reporter = reporter
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
      claimed: () => {
        this.#claimedAt = wallNow(clock)
        this.#watchdog.alive()
      },
      stop: () => void this.stop(settings.stopTimeoutMs),
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
      reporter,
      tracked: this.#tracked,
      acking,
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
  get hasPendingTasks(): boolean {
    return this.#running.size + this.#tracked.size + this.#settler.size > 0
  }
  get health(): WorkerHealth {
    return {
      state: this.state,
      pausedBy: this.#claiming.pausedBy,
      instance: this.instance,
      running: this.#running.size,
      buffered: this.#slots.waiting,
      unsettled: this.#settler.size,
      lastClaimAt: this.#claimedAt,
      lastBeatAt: this.#membership.heldAt,
      leaseHeld: this.#state !== 'stopped' && this.#membership.held(this.#clock.now()),
    }
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
    keepHouse(signal, {
      source,
      leaseMs: settings.leaseMs,
      clock: this.#clock,
      events,
      patience: this.#patience,
      membership: this.#membership,
      wakeup: this.#wakeup,
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
    this.#claiming.pause('worker')
  }

  resume(): void {
    this.#claiming.resume('worker')
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
    this.#wakeup.end()
    this.#running.close()
    this.#slots.dispose()
    this.#settler.drop()
    this.#reporter.drop()
  }
}
