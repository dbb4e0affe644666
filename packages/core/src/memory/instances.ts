/**
 * Which worker instances live, until when, and what they hold.
 *
 * A lease that has run out changes nothing by itself: only `takeExpired` ends it, which is what a
 * sweep calls.
 */
import type { InstanceId } from '../task/task.ts'
import type { Row } from './row.ts'

interface Instance {
  leaseUntil: number
  readonly held: Set<Row>
}

/** The registered instances of one memory backend. */
export class Instances {
  readonly #living = new Map<InstanceId, Instance>()

  has(id: InstanceId): boolean {
    return this.#living.has(id)
  }

  /** Starts an instance, or renews it. */
  register(id: InstanceId, leaseUntil: number): void {
    if (!this.renew(id, leaseUntil)) this.#living.set(id, { leaseUntil, held: new Set() })
  }

  /** Renews a living instance; false when there is none. */
  renew(id: InstanceId, leaseUntil: number): boolean {
    const instance = this.#living.get(id)
    if (instance === undefined) return false
    instance.leaseUntil = leaseUntil
    return true
  }

  /** Notes that an instance holds a row. */
  hold(id: InstanceId, row: Row): void {
    this.#living.get(id)?.held.add(row)
  }

  /** Notes that nobody holds the row any more. */
  drop(row: Row): void {
    if (row.holder !== null) this.#living.get(row.holder)?.held.delete(row)
  }

  /** Ends an instance and hands over what it held. */
  end(id: InstanceId): readonly Row[] {
    const held = this.#living.get(id)?.held ?? []
    this.#living.delete(id)
    return [...held]
  }

  /** The id of an instance whose lease has run out, or undefined. */
  expired(now: number): InstanceId | undefined {
    for (const [id, instance] of this.#living) if (instance.leaseUntil <= now) return id
    return undefined
  }
}
