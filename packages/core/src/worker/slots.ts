/**
 * Starts claimed tasks as slots come free, and takes their ends.
 *
 * A task that workers died holding runs with no neighbour: what runs may finish, what waits goes back,
 * and nothing else starts until it is over.
 */
import { QUARANTINE_AT } from '../backend/backend.ts'
import type { CancelTimer, Clock } from '../clock.ts'
import { isQError } from '../error.ts'
import { type Gate, roomOf } from '../middleware/gate.ts'
import type { ClaimedTask } from '../task/task.ts'
import type { Acks } from './ack.ts'
import { attempt, type AttemptPlan, type Decision, fail } from './attempt.ts'
import { Buffer } from './buffer.ts'
import { type AttemptHost, RunningTask } from './context.ts'
import { deadlineError } from './deadline.ts'
import type { Demand } from './demand.ts'
import type { Emitter } from './emitter.ts'
import type { Reporter } from './reporter.ts'
import type { RunningTasks } from './running.ts'
import type { Settler } from './settler.ts'
import { nextTurn } from './turn.ts'

/** Handlers may keep the event loop for this long in one go, and start this many tasks. */
const TURN_MS = 10
const TURN_STARTS = 256
/** A timed-out handler that still runs after this is reported. */
const STILL_RUNNING_MS = 10_000

/** What the slots need of their worker. */
export interface SlotsHost {
  readonly clock: Clock
  readonly concurrency: number
  readonly events: Emitter
  readonly demand: Demand
  readonly settler: Settler
  readonly reporter: Reporter
  readonly acks: Acks
  readonly attempts: AttemptHost
  /** No more is claimed and started than these have room for. */
  readonly gates: readonly Gate[]
  /** Whether the lease is surely held at this moment; asks for a beat when it is not. */
  readonly mayStart: (now: number) => boolean
  /** Slots or buffer changed. */
  readonly changed: () => void
}

/** The slots of one worker. */
export class Slots {
  readonly #host: SlotsHost
  readonly #running: RunningTasks
  readonly #plan: AttemptPlan
  readonly #buffer = new Buffer()
  readonly #watched = new Set<CancelTimer>()
  /** When tasks that have a deadline must be done, by the worker's clock. */
  readonly #deadlines = new WeakMap<ClaimedTask, number>()
  #quarantined: ClaimedTask[] = []
  #alone: RunningTask | undefined = undefined
  #open = false
  #pumping = false
  #yielding = false
  #turnAt = 0
  #starts = 0
  readonly #unwatch: readonly (() => void)[]

  constructor(host: SlotsHost, plan: Omit<AttemptPlan, 'end'>, running: RunningTasks) {
    this.#host = host
    this.#unwatch = host.gates.map((gate) => gate.watch(() => this.pump(), host.clock))
    this.#running = running
    this.#plan = { ...plan, end: (task, decision) => this.#end(task, decision) }
  }

  get plan(): AttemptPlan {
    return this.#plan
  }

  /** Tasks claimed and not started. */
  get waiting(): number {
    return this.#buffer.size + this.#quarantined.length
  }

  /** How many tasks to claim now. */
  get want(): number {
    if (!this.#open || this.#alone !== undefined || this.#quarantined.length > 0) return 0
    const { room } = this.#host.settler
    return room === 0 || !this.#host.mayStart(this.#host.clock.now())
      ? 0
      : Math.min(
          room,
          this.#host.demand.want(this.#running.size, this.#buffer.size),
          Math.max(0, this.#gateRoom() - this.#buffer.size),
        )
  }

  /**
   * Takes what a claim brought.
   * @param sentAt When the claim was sent: what it says of deadlines counts from then.
   */
  accept(tasks: readonly ClaimedTask[], sentAt: number): void {
    if (!this.#open) return this.release(tasks)
    for (const task of tasks)
      if (typeof task.deadlineInMs === 'number') this.#deadlines.set(task, sentAt + task.deadlineInMs)
    const alone = tasks.filter((task) => task.crashes >= QUARANTINE_AT)
    if (alone.length === 0) {
      this.#buffer.push(tasks, this.#host.clock.now())
    } else {
      this.release([...this.#buffer.drain(), ...tasks.filter((task) => task.crashes < QUARANTINE_AT)])
      this.#quarantined.push(...alone)
      for (const { id, crashes } of alone) this.#host.events.emit({ type: 'quarantine', id, crashes })
    }
    this.pump()
  }

  /** Lets tasks start. */
  open(): void {
    this.#open = true
    this.pump()
  }

  /** Starts nothing any more and gives back what has not started, attempt refunded. Running tasks go on. */
  close(): void {
    this.#open = false
    this.release(this.#take())
  }

  /** Gives back what has not started, to be claimed again: the store may know better by now. */
  returnWaiting(): void {
    this.release(this.#take())
    this.#host.changed()
  }

  /** Forgets what has not started: it belongs to a lease that ended. */
  forget(): void {
    this.#open = false
    this.#take()
  }

  /** Ends the watch over gates and over handlers that outlive their attempt. */
  dispose(): void {
    for (const end of this.#unwatch) end()
    for (const cancel of this.#watched) cancel()
    this.#watched.clear()
  }

  /** Gives the buffer back when its front has waited since before this moment. */
  handBack(before: number): void {
    if (this.#buffer.oldestAt > before) return
    this.#host.demand.waited(this.#host.clock.now() - this.#buffer.oldestAt)
    this.release(this.#buffer.drain())
  }

  /** Gives claimed tasks back as if they had never been claimed. */
  release(tasks: readonly ClaimedTask[]): void {
    for (const { id, token } of tasks) void this.#host.settler.add({ id, token, kind: 'released' })
  }

  /** Starts what can start. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#ready()) {
      const now = this.#host.clock.now()
      if (!this.#host.mayStart(now) || this.#mustTurn()) break
      this.#start(now)
    }
    this.#pumping = false
    this.#host.changed()
  }

  #take(): ClaimedTask[] {
    const quarantined = this.#quarantined
    this.#quarantined = []
    return [...quarantined, ...this.#buffer.drain()]
  }

  #ready(): boolean {
    if (!this.#open || this.#yielding || this.#alone !== undefined) return false
    if (this.#quarantined.length > 0) return this.#running.size === 0
    return (
      this.#buffer.size > 0 &&
      this.#running.size < this.#host.concurrency &&
      this.#host.settler.room > 0 &&
      this.#gateRoom() > 0
    )
  }

  #gateRoom(): number {
    return roomOf(this.#host.gates, this.#host.clock)
  }

  /** Real time, not the worker's clock: this is about the processor. */
  #mustTurn(): boolean {
    const now = performance.now()
    if (this.#running.size === 0 && this.#starts === 0) this.#turnAt = now
    if (++this.#starts <= TURN_STARTS && now - this.#turnAt <= TURN_MS) return false
    this.#yielding = true
    nextTurn(() => {
      this.#yielding = false
      this.#starts = 0
      this.#turnAt = performance.now()
      this.pump()
    })
    return true
  }

  #start(now: number): void {
    const { attempts, events } = this.#host
    const isolated = this.#quarantined.shift()
    const claimed = isolated ?? this.#buffer.shift()
    if (claimed === undefined) return
    const task = new RunningTask(claimed, attempts, now, this.#deadlines.get(claimed))
    if (isolated !== undefined) this.#alone = task
    this.#running.add(task)
    if (events.active)
      events.emit({ type: 'task-start', id: claimed.id, queue: claimed.queue, attempt: claimed.attempt })
    if (task.deadlineAt > now) attempt(this.#plan, task)
    else fail(this.#plan, task, deadlineError(claimed.id))
  }

  #end(task: RunningTask, decision: Decision): void {
    const { demand, events } = this.#host
    const { settlement } = decision
    const durationMs = settlement?.ranMs ?? Math.max(0, Math.round(this.#host.clock.now() - task.startedAt))
    this.#running.delete(task)
    if (this.#alone === task) this.#alone = undefined
    demand.ended(durationMs)
    const reported = task.spoke ? this.#host.reporter.ended(task.task) : undefined
    if (!task.lost && settlement !== null) {
      this.#host.acks.expect(settlement, task.task)
      void this.#host.settler.add(settlement, task.instance, both(task.saving, reported))
    }
    if (events.active) {
      const kind = settlement === null ? 'done' : settlement.kind
      const outcome = task.lost || kind === 'progress' ? 'lost' : kind
      const error = 'thrown' in decision ? { error: decision.thrown } : {}
      events.emit({
        type: 'task-end',
        id: task.task.id,
        queue: task.task.queue,
        attempt: task.attempt,
        outcome,
        durationMs,
        ...error,
      })
    }
    if ('thrown' in decision) this.#watchHandler(task, decision.thrown)
    this.pump()
  }

  /** After a timeout the handler may go on unseen; someone should hear of it. */
  #watchHandler(task: RunningTask, thrown: unknown): void {
    if (!(task.handling instanceof Promise) || !isQError(thrown, 'ERR_TIMEOUT')) return
    const { clock, events } = this.#host
    const endedAt = clock.now()
    const cancel = clock.after(STILL_RUNNING_MS, () => {
      this.#watched.delete(cancel)
      events.emit({
        type: 'still-running',
        id: task.task.id,
        attempt: task.attempt,
        sinceMs: clock.now() - endedAt,
      })
    })
    this.#watched.add(cancel)
    const over = (): void => {
      cancel()
      this.#watched.delete(cancel)
    }
    task.handling.then(over, over)
  }
}

/** Over when both are; neither rejects. */
function both(first: Promise<void> | undefined, second: Promise<void> | undefined): Promise<void> | undefined {
  return first === undefined || second === undefined ? (first ?? second) : first.then(() => second)
}
