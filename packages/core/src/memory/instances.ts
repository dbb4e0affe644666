/**
 * Which worker instances live, until when, what they hold, and which lived lately.
 *
 * A lease that has run out changes nothing by itself: only `expired` and `end` do, which is what a
 * sweep calls.
 */
import type { WorkerCommand, WorkerRegistration } from '../backend/backend.ts'
import type { InstanceId } from '../task/task.ts'
import type { Row } from './row.ts'

/** One start of one worker. */
export interface Instance {
  readonly about: Omit<WorkerRegistration, 'leaseMs'>
  readonly startedAt: number
  lastBeatAt: number
  leaseUntil: number
  endedAt: number | null
  command: WorkerCommand
  readonly held: Set<Row>
}

/** Those that ended are shown for a day, and no more than so many of them. */
const SHOW_ENDED_MS = 86_400_000
const MOST_ENDED = 1_000

/** The worker instances of one memory backend. */
export class Instances {
  readonly #living = new Map<InstanceId, Instance>()
  /** In the order they ended. */
  readonly #ended = new Set<Instance>()

  /** A living instance. */
  get(id: InstanceId): Instance | undefined {
    return this.#living.get(id)
  }

  /** Starts an instance, or renews it. */
  register({ leaseMs, ...about }: WorkerRegistration, now: number): void {
    if (this.renew(about.instance, leaseMs, now) !== undefined) return
    this.#living.set(about.instance, {
      about: { ...about, queues: [...about.queues] },
      startedAt: now,
      lastBeatAt: now,
      leaseUntil: now + leaseMs,
      endedAt: null,
      command: 'work',
      held: new Set(),
    })
  }

  /** Renews a living instance; undefined when there is none. */
  renew(id: InstanceId, leaseMs: number, now: number): Instance | undefined {
    const instance = this.#living.get(id)
    if (instance === undefined) return undefined
    instance.lastBeatAt = now
    instance.leaseUntil = now + leaseMs
    return instance
  }

  /** Notes that nobody holds the row any more. */
  drop(row: Row): void {
    if (row.hold !== null) this.#living.get(row.hold.instance)?.held.delete(row)
  }

  /** Ends an instance and hands over what it held. */
  end(id: InstanceId, now: number): readonly Row[] {
    const instance = this.#living.get(id)
    if (instance === undefined) return []
    const held = [...instance.held]
    this.#living.delete(id)
    instance.endedAt = now
    instance.held.clear()
    this.#ended.add(instance)
    this.#forget(now)
    return held
  }

  /** The id of an instance whose lease has run out, or undefined. */
  expired(now: number): InstanceId | undefined {
    for (const [id, instance] of this.#living) if (instance.leaseUntil <= now) return id
    return undefined
  }

  /** Those that live. */
  living(): Iterable<Instance> {
    return this.#living.values()
  }

  /** Those that live and those that ended lately. */
  all(now: number): Instance[] {
    this.#forget(now)
    return [...this.#living.values(), ...this.#ended]
  }

  #forget(now: number): void {
    for (const instance of this.#ended) {
      if (this.#ended.size <= MOST_ENDED && (instance.endedAt ?? now) > now - SHOW_ENDED_MS) return
      this.#ended.delete(instance)
    }
  }
}
