/**
 * Keeps one instance's lease, and hears what became of its tasks, in one call per beat.
 *
 * The lease is trusted from the moment a beat was sent, which is before the store renewed it. When that
 * trust has run out (the process was stopped, the store was away) nothing new is started until a beat
 * has come back; what runs goes on until the store says that it is lost.
 */
import type { Backend } from '../backend/backend.ts'
import type { CancelTimer, Clock } from '../clock.ts'
import { isQError, QError } from '../error.ts'
import type { InstanceId } from '../task/task.ts'
import type { RunningTask } from './context.ts'
import type { Emitter } from './emitter.ts'
import type { Patience } from './patience.ts'
import type { RunningTasks } from './running.ts'
import { isClosed, troubleBackoff } from './trouble.ts'

/** Beats in one lease. */
export const BEATS_PER_LEASE = 4

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
  readonly closed: (error: unknown) => void
  /** The lease is surely held again. */
  readonly trusted: () => void
}

/** The pulse of one instance. */
export class Heartbeat {
  readonly #host: HeartbeatHost
  readonly #everyMs: number
  #trustedUntil: number
  #lastAt: number
  #cancel: CancelTimer | undefined = undefined
  #beating = false
  #stopped = false
  #failures = 0

  /** @param registeredAt When the registration was sent. */
  constructor(host: HeartbeatHost, registeredAt: number) {
    this.#host = host
    this.#everyMs = host.leaseMs / BEATS_PER_LEASE
    this.#trustedUntil = registeredAt + host.leaseMs
    this.#lastAt = registeredAt
    this.#schedule(this.#everyMs)
  }

  /** Whether the lease is surely held; when it is not, a beat goes out to find out. */
  trusts(now: number): boolean {
    if (now < this.#trustedUntil) return true
    if (!this.#beating && this.#failures === 0) void this.#beat()
    return false
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  #schedule(ms: number): void {
    if (this.#stopped) return
    this.#cancel = this.#host.clock.after(ms, () => void this.#beat())
  }

  async #beat(): Promise<void> {
    if (this.#stopped || this.#beating) return
    this.#beating = true
    this.#cancel?.()
    try {
      this.#schedule(await this.#renew())
    } finally {
      this.#beating = false
    }
  }

  /** @returns When to beat again. */
  async #renew(): Promise<number> {
    const { backend, clock, events, patience, instance, leaseMs } = this.#host
    const sentAt = clock.now()
    const named = this.#atWorkSince(this.#lastAt)
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
      this.#lastAt = sentAt
      this.#trustedUntil = sentAt + leaseMs
      this.#tellLost(named, reply.lost)
      if (events.active) events.emit({ type: 'heartbeat', running: named.length, durationMs: clock.now() - sentAt })
      this.#host.trusted()
      return this.#everyMs
    } catch (error) {
      if (this.#stopped) return this.#everyMs
      if (isQError(error, 'ERR_LEASE_LOST')) this.#host.leaseLost(instance)
      else if (isClosed(error)) this.#host.closed(error)
      this.#failures += 1
      const retryMs = Math.min(this.#everyMs, troubleBackoff(this.#failures))
      events.emit({ type: 'error', where: 'beat', error, retryMs })
      return retryMs
    }
  }

  #atWorkSince(before: number): RunningTask[] {
    const named: RunningTask[] = []
    for (const task of this.#host.running) {
      if (task.startedAt > before) break
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
}

/** Marks an attempt as no longer ours and asks its handler to stop. */
export function loseTask(task: RunningTask): void {
  task.lost = true
  task.abort(
    new QError(
      'ERR_LEASE_LOST',
      `Task ${task.task.id} was given to another worker or cancelled; what this attempt does no longer counts.`,
    ),
  )
}
