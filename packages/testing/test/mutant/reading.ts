/** Defects of waiting, closing and the capabilities. */
import type { Outcome, StoredTask, TaskId, WaitOptions } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { mutant } from './mutant.ts'

export const readingMutants: readonly Mutant[] = [
  mutant(
    'outcomes come in the order asked for',
    class extends MemoryBackend {
      override async *wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncGenerator<Outcome, void, void> {
        for (const id of ids) yield* super.wait([id], options)
      }
    },
    'wait › outcomes come in the order in which tasks end',
    'wait › an id named twice is told once',
  ),

  mutant(
    'a wait ignores its signal',
    class extends MemoryBackend {
      override wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncGenerator<Outcome, void, void> {
        return super.wait(ids, options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs })
      }
    },
    'wait › a signal that was aborted before rejects at once',
  ),

  mutant(
    'unknown ids are left out',
    class extends MemoryBackend {
      override async *wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncGenerator<Outcome, void, void> {
        const known: TaskId[] = []
        for (const id of ids) if ((await this.fetchById(id)) !== null) known.push(id)
        yield* super.wait(known, options)
      }
    },
    'wait › an unknown id is ERR_TASK_NOT_FOUND',
  ),

  mutant(
    'closing does not close',
    class extends MemoryBackend {
      override async close(): Promise<void> {}
    },
    'closing › push after closing is ERR_CLOSED',
    'closing › a wait that is under way ends with ERR_CLOSED',
  ),

  mutant(
    'closing twice is an error',
    class extends MemoryBackend {
      #closes = 0
      override async close(): Promise<void> {
        this.#closes += 1
        if (this.#closes === 2) throw new Error('closed already')
        await super.close()
      }
    },
    'closing › closing twice does nothing more',
  ),

  mutant(
    'nobody is nudged',
    class extends MemoryBackend {
      override async wake(): Promise<() => void> {
        return () => undefined
      }
    },
    'wake › a push nudges its queue',
  ),

  mutant(
    'a subscription never ends',
    class extends MemoryBackend {
      override async wake(...subscription: Parameters<MemoryBackend['wake']>): Promise<() => void> {
        await super.wake(...subscription)
        return () => undefined
      }
    },
    'wake › after the end of a subscription there are no more nudges',
  ),

  mutant(
    'a claimed task looks as if it waited',
    class extends MemoryBackend {
      override async fetchById(id: TaskId): Promise<StoredTask | null> {
        const task = await super.fetchById(id)
        return task?.status === 'queued' ? { ...task, status: 'pending' } : task
      }
    },
    'fetchById › a claimed task is queued, with its attempt counted',
  ),
]
