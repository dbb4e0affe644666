/** A worker of a few lines, for tests of what others see of its tasks: claims, and settles as told. */
import { uuidv7 } from '../../src/id.ts'
import type { MemoryBackend } from '../../src/memory/index.ts'
import type { ClaimedTask } from '../../src/task/task.ts'

export interface Holder {
  readonly instance: string
  readonly claim: () => Promise<ClaimedTask>
}

/** Registers an instance that lives long enough. */
export async function holder(backend: MemoryBackend, queue: string): Promise<Holder> {
  const instance = uuidv7()
  await backend.register({ instance, name: 'holder', queues: [queue], leaseMs: 3_600_000 })
  return {
    instance,
    async claim() {
      const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 1 }] })
      return tasks[0]!
    },
  }
}

export const error = { name: 'TypeError', message: 'card declined', fingerprint: 'f1' }
