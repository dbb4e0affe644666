/**
 * Finds tasks that were claimed by a call whose reply was lost.
 *
 * The store holds them for an instance that lives on and beats, so no lease will ever end and bring them
 * back; nobody works on them. After such an error the instance's claims are compared with those that this
 * process knows, before it claims again.
 */
import type { InstanceId } from '@q/core'
import type { Run } from './connection/run.ts'
import type { HeldClaims } from './held-claims.ts'
import { giveBackQuery } from './query/lease.ts'

/** A statement may still reach the server for a while after its connection broke, so one look is not enough. */
const LOOK_FOR_MS = 5_000

/** Instances of this process that may hold what they do not know of. */
export class LostClaims {
  readonly #since = new Map<InstanceId, number>()

  /** A claim of the instance failed in a way that does not tell whether it was stored. */
  suspect(instance: InstanceId): void {
    this.#since.set(instance, performance.now())
  }

  suspects(instance: InstanceId): boolean {
    return this.#since.has(instance)
  }

  forget(instance: InstanceId): void {
    this.#since.delete(instance)
  }

  /**
   * Gives back what suspects hold unknowingly. Only while no claim of this process is under way.
   * @returns Whether there were suspects.
   */
  async giveBack(run: Run, schema: string, held: HeldClaims): Promise<boolean> {
    const suspects = [...this.#since]
    for (const [instance, since] of suspects) {
      const startedAt = performance.now()
      await run(giveBackQuery(schema, instance, held.tokens), 'give back lost claims')
      if (startedAt - since > LOOK_FOR_MS && this.#since.get(instance) === since) this.#since.delete(instance)
    }
    return suspects.length > 0
  }
}
