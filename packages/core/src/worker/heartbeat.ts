/**
 * Keeps one instance's lease, and hears what became of its tasks, in one call per beat.
 *
 * The lease is trusted from the moment a beat was sent, which is before the store renewed it. When that
 * trust has run out (the process was stopped, the machine slept, the store was away) nothing new is started until a beat
 * has come back; what runs goes on until the store says that it is lost.
 */
import type { Backend, BeatReply } from '../backend/backend.ts'
import type { CancelTimer, Clock } from '../clock.ts'
import { isQError, QError } from '../error.ts'
import type { InstanceId } from '../task/task.ts'
import type { RunningTask } from './context.ts'
import type { Emitter } from './emitter.ts'
import type { ErrorPlace } from './event.ts'
import type { Patience } from './patience.ts'
import type { RunningTasks } from './running.ts'
import { isClosed, troubleBackoff } from './trouble.ts'
import type { Sent } from './trust.ts'
import { sent, Trust } from './trust.ts'

/** Beats in one lease. */
export const BEATS_PER_LEASE = 4
/** Tasks that have been at work for less than this are not named in a beat: most end before anybody could care. */
const AT_WORK_MS = 500
/** Least time between beats that are sent because of news. */
const NEWS_GAP_MS = 250

/** What a heartbeat needs of its worker. */
export interface HeartbeatHost {
  readonly backend: Backend
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
  readonly running: RunningTasks
  readonly instance: InstanceId
  readonly leaseMs: number
  readonly leaseLost: (instance: InstanceId) => void
  readonly closed: (error: unknown, where: ErrorPlace) => void
  /** The lease is surely held again. */
  readonly trusted: () => void
  /** A beat goes out because there may be news. */
  readonly news: () => void
  /** What the store wants of the worker. */
  readonly heard: (instance: InstanceId, reply: BeatReply) => void
}

/** The pulse of one instance. */
export class Heartbeat {
  readonly #host: HeartbeatHost
  readonly #everyMs: number
  readonly #trust: Trust
  #sentAt = -Infinity
  #news = false
  #cancel: CancelTimer | undefined = undefined
  #beating = false
  #stopped = false
  #failures = 0

  /** @param registered When the registration was sent. */
  constructor(host: HeartbeatHost, registered: Sent) {
    this.#host = host
    this.#everyMs = host.leaseMs / BEATS_PER_LEASE
    this.#trust = new Trust(host.clock, host.leaseMs, registered)
    this.#schedule(this.#everyMs)
  }

  /** Whether the lease is surely held; when it is not, a beat goes out to find out. */
  trusts(now: number): boolean {
    if (this.#trust.holds(now)) return true
    if (!this.#beating && this.#failures === 0) void this.#beat()
    return false
  }

  /** Whether the lease is surely held, and when the store last said so, by the wall clock. */
  held(now: number): boolean {
    return this.#trust.holds(now)
  }
  get heldAt(): number {
    return this.#trust.since
  }

  /** There may be news: beats at once, but not more often than a few times a second. */
  news(): void {
    if (this.#stopped || this.#news) return
    this.#news = true
    if (this.#beating) return
    this.#cancel?.()
    this.#scheduleNews()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  #schedule(ms: number): void {
    if (this.#stopped) return
    this.#cancel = this.#host.clock.after(ms, () => void this.#beat())
  }

  #scheduleNews(): void {
    const waitMs = this.#sentAt + NEWS_GAP_MS - this.#host.clock.now()
    if (waitMs <= 0) void this.#beat()
    else this.#schedule(waitMs)
  }

  async #beat(): Promise<void> {
    if (this.#stopped || this.#beating) return
    this.#beating = true
    this.#cancel?.()
    const nextMs = await this.#renew()
    this.#beating = false
    if (this.#news && this.#failures === 0 && !this.#stopped) this.#scheduleNews()
    else this.#schedule(nextMs)
  }

  /** @returns When to beat again. */
  async #renew(): Promise<number> {
    const { backend, clock, events, patience, instance, leaseMs } = this.#host
    const beat = sent(clock)
    const sentAt = beat.now
    const asked = this.#news
    this.#news = false
    if (asked) this.#host.news()
    const named = this.#atWork(asked ? sentAt : sentAt - AT_WORK_MS)
    this.#sentAt = sentAt
    const request = {
      instance,
      leaseMs,
      running: named.map(({ task }) => ({ id: task.id, token: task.token })),
    }
    try {
      // A beat without an answer must not use up the lease: half of it, then the next.
      const reply = await patience.call('beat', () => backend.beat(request), undefined, leaseMs / 2)
      if (this.#stopped) return this.#everyMs
      this.#failures = 0
      if (reply.lease === 'lost') {
        this.#host.leaseLost(instance)
        return this.#everyMs
      }
      this.#trust.renewed(beat)
      this.#tellLost(named, reply.lost)
      this.#tellCancelled(named, reply.cancelled)
      this.#host.heard(instance, reply)
      if (events.active) events.emit({ type: 'heartbeat', running: named.length, durationMs: clock.now() - sentAt })
      this.#host.trusted()
      return this.#everyMs
    } catch (error) {
      if (this.#stopped) return this.#everyMs
      if (isClosed(error)) {
        this.#host.closed(error, 'beat')
        return this.#everyMs
      }
      if (isQError(error, 'ERR_LEASE_LOST')) this.#host.leaseLost(instance)
      this.#failures += 1
      this.#news ||= asked
      const retryMs = Math.min(this.#everyMs, troubleBackoff(this.#failures))
      events.emit({ type: 'error', where: 'beat', error, retryMs })
      return retryMs
    }
  }

  /** Those that started by then, oldest first. */
  #atWork(startedBy: number): RunningTask[] {
    const named: RunningTask[] = []
    for (const task of this.#host.running) {
      if (task.startedAt > startedBy) break
      if (!task.lost && task.instance === this.#host.instance) named.push(task)
    }
    return named
  }

  #tellLost(named: readonly RunningTask[], lost: readonly string[]): void {
    if (lost.length === 0) return
    const gone = new Set(lost)
    for (const task of named) {
      if (!gone.has(task.task.id) || task.ended || task.lost) continue
      loseTask(task)
      this.#host.events.emit({
        type: 'lease-lost',
        id: task.task.id,
        instance: this.#host.instance,
      })
    }
  }

  #tellCancelled(named: readonly RunningTask[], cancelled: readonly string[] = []): void {
    if (cancelled.length === 0) return
    const asked = new Set(cancelled)
    for (const task of named) {
      if (!asked.has(task.task.id) || task.ended || task.lost || task.cancelled) continue
      task.cancelled = true
      const { id, queue, attempt } = task.task
      this.#host.events.emit({ type: 'cancelled', id, queue, attempt })
      task.abort(cancelledError(id))
    }
  }
}

function cancelledError(id: string): QError {
  return new QError('ERR_CANCELLED', `Somebody asked for the end of task ${id}; stop working on it.`)
}

/** Marks an attempt as no longer ours and asks its handler to stop. */
export function loseTask(task: RunningTask): void {
  task.lost = true
  task.abort(
    new QError(
      'ERR_LEASE_LOST',
      `Task ${task.task.id} was given to another worker or removed; what this attempt does no longer counts.`,
    ),
  )
}
