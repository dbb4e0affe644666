/** A memory backend on a manual clock, and short words for what the tests do with it. */
import type { ClaimReply, SettleAnswer, Settlement } from '../../src/backend/backend.ts'
import { uuidv7 } from '../../src/id.ts'
import type { MemoryBackendOptions } from '../../src/memory/index.ts'
import { MemoryBackend } from '../../src/memory/index.ts'
import type { ClaimedTask, NewTask } from '../../src/task/task.ts'
import { ManualClock } from '../manual-clock.ts'

export const LEASE_MS = 10_000

export const newTask = (overrides: Partial<NewTask> = {}): NewTask => ({
  id: uuidv7(),
  queue: 'q',
  payload: { codec: 'json', bytes: Uint8Array.of(0x31) },
  priority: 0,
  due: { afterMs: 0 },
  maxAttempts: null,
  key: null,
  metadata: null,
  ...overrides,
})

type SettlementKind = Settlement extends infer One
  ? One extends Settlement
    ? Omit<One, 'id' | 'token'>
    : never
  : never

export class Setup {
  readonly clock: ManualClock = new ManualClock()
  readonly backend: MemoryBackend

  constructor(options: MemoryBackendOptions = {}) {
    this.backend = new MemoryBackend({ clock: this.clock, ...options })
  }

  /** Pushes one task and returns its id. */
  async push(overrides: Partial<NewTask> = {}): Promise<string> {
    const [receipt] = await this.backend.push([newTask(overrides)])
    return receipt!.id
  }

  async instance(leaseMs: number = LEASE_MS): Promise<string> {
    const instance = uuidv7()
    await this.backend.register({ instance, name: 'worker', queues: ['q'], leaseMs })
    return instance
  }

  async claim(instance: string, limit = 1, queue = 'q'): Promise<ClaimReply> {
    return this.backend.claim({ instance, queues: [{ queue, limit }] })
  }

  /** Claims exactly one task. */
  async claimOne(instance: string, queue = 'q'): Promise<ClaimedTask> {
    const { tasks } = await this.claim(instance, 1, queue)
    if (tasks[0] === undefined) throw new Error('nothing was due')
    return tasks[0]
  }

  async settle(claimed: ClaimedTask, settlement: SettlementKind): Promise<SettleAnswer> {
    const { id, token } = claimed
    const [answer] = await this.backend.settle([{ id, token, ...settlement }])
    return answer!
  }

  /** Pushes, claims and settles one task as done. */
  async finishOne(overrides: Partial<NewTask> = {}): Promise<ClaimedTask> {
    const instance = await this.instance()
    await this.push(overrides)
    const claimed = await this.claimOne(instance)
    await this.settle(claimed, { kind: 'done', result: null })
    return claimed
  }
}

export const boom = { name: 'Error', message: 'boom' }

/** Everything an iterable yields; `Array.fromAsync` is not in the library we compile for. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}
