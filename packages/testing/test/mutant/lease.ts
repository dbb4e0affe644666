/** Defects of leases and of the sweep. */
import type {
  BeatReply,
  BeatRequest,
  ClaimReply,
  ClaimRequest,
  InstanceId,
  SweepReport,
  WorkerRegistration,
} from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { pushing, mutant } from './mutant.ts'

export const leaseMutants: readonly Mutant[] = [
  mutant(
    'a lost lease is revived by a beat',
    class extends MemoryBackend {
      override async beat(request: BeatRequest): Promise<BeatReply> {
        const reply = await super.beat(request)
        if (reply.lease === 'held') return reply
        await super.register({ ...request, name: 'revived', queues: [] })
        return { ...reply, lease: 'held' }
      }
    },
    'leases › an instance that was swept is lost: a beat says so, and names its tasks',
    'leases › an instance that was swept is not revived by a beat',
  ),

  mutant(
    'a claim does not ask for a lease',
    class extends MemoryBackend {
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        await super.register({ instance: request.instance, name: 'anyone', queues: [], leaseMs: 60_000 })
        return super.claim(request)
      }
    },
    'leases › an instance that never registered cannot claim, and nothing is claimed',
  ),

  mutant(
    'a beat keeps lost tasks to itself',
    class extends MemoryBackend {
      override async beat(request: BeatRequest): Promise<BeatReply> {
        return { ...(await super.beat(request)), lost: [] }
      }
    },
    'leases › a beat names those of its tasks that it does not hold any more',
  ),

  mutant(
    'a beat does not renew the lease',
    class extends MemoryBackend {
      override async beat(request: BeatRequest): Promise<BeatReply> {
        const { lost } = await super.beat({ ...request, leaseMs: 1_000 })
        return { lease: 'held', lost }
      }
    },
    'leases › an instance that was swept is lost: a beat says so, and names its tasks',
  ),

  mutant(
    'registering again starts anew',
    class extends MemoryBackend {
      override async register(worker: WorkerRegistration): Promise<void> {
        await super.deregister(worker.instance)
        await super.register(worker)
      }
    },
    'leases › registering again keeps what the instance holds',
  ),

  mutant(
    'deregistering gives nothing back',
    class extends MemoryBackend {
      override async deregister(instance: InstanceId): Promise<void> {
        await super.register({ instance, name: 'left', queues: [], leaseMs: 1_000 })
      }
    },
    'leases › deregistering gives back at once what the instance held',
  ),

  mutant(
    'a sweep ignores maxAttempts',
    pushing((task) => ({ ...task, maxAttempts: null })),
    'sweep › a task whose attempts are spent is killed',
    'sweep › a task with attempts left is recovered beside one without',
  ),

  mutant(
    'a sweep gives attempts back and counts no crash',
    class extends MemoryBackend {
      readonly #living = new Map<InstanceId, WorkerRegistration>()
      override async register(worker: WorkerRegistration): Promise<void> {
        this.#living.set(worker.instance, worker)
        await super.register(worker)
      }
      override async sweep(): Promise<SweepReport> {
        let instances = 0
        for (const { instance, leaseMs } of this.#living.values()) {
          if (leaseMs > 1_000) continue
          instances += 1
          this.#living.delete(instance)
          await super.deregister(instance)
        }
        return { instances, recovered: instances, killed: 0, more: false }
      }
    },
    'sweep › every crash is counted',
    'sweep › a task is killed when it has crashed 5 times, whatever its attempts',
  ),

  mutant(
    'a sweep does nothing',
    class extends MemoryBackend {
      override async sweep(): Promise<SweepReport> {
        return { instances: 0, recovered: 0, killed: 0, more: false }
      }
    },
    'sweep › the tasks of a dead instance are due at once, with one crash and the attempt counted',
  ),
]
