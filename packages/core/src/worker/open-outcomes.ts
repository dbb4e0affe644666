/** Outcomes on their way to the store: how many there are, what they weigh, and of which instance they are. */
import type { Settlement } from '../backend/backend.ts'
import type { InstanceId } from '../task/task.ts'
import { sizeOf } from './settlement-size.ts'

/** While this many outcomes, or this many bytes of them, wait for the store, nothing new is claimed or started. */
const MAX_UNSETTLED = 4_000
const MAX_UNSETTLED_BYTES = 64 * 1024 * 1024

/** One outcome until the store has answered. A class for the same reason as `Waiting` in `group-commit.ts`. */
export class Outgoing {
  readonly settlement: Settlement
  /** The instance that holds the claim. */
  readonly instance: InstanceId
  readonly bytes: number

  constructor(settlement: Settlement, instance: InstanceId, bytes: number) {
    this.settlement = settlement
    this.instance = instance
    this.bytes = bytes
  }
}

/** Those that are open. */
export class OpenOutcomes {
  readonly #byInstance = new Map<InstanceId, number>()
  #size = 0
  #bytes = 0

  get size(): number {
    return this.#size
  }

  /** How many more may come; 0 when those that are open weigh too much. */
  get room(): number {
    return this.#bytes >= MAX_UNSETTLED_BYTES ? 0 : Math.max(0, MAX_UNSETTLED - this.#size)
  }

  /** How many are of this instance. */
  of(instance: InstanceId): number {
    return this.#byInstance.get(instance) ?? 0
  }

  add(settlement: Settlement, instance: InstanceId): Outgoing {
    const bytes = sizeOf(settlement)
    this.#size += 1
    this.#bytes += bytes
    this.#byInstance.set(instance, this.of(instance) + 1)
    return new Outgoing(settlement, instance, bytes)
  }

  delete({ instance, bytes }: Outgoing): void {
    this.#size -= 1
    this.#bytes -= bytes
    const left = this.of(instance) - 1
    if (left === 0) this.#byInstance.delete(instance)
    else this.#byInstance.set(instance, left)
  }
}
