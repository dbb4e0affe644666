/** Defects of uniqueness and of a task's own limits. */
import type { NewTask, Receipt, Uniqueness } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { claiming, mutant, pushing } from './mutant.ts'

/** Changes what a push asks for in its uniqueness. */
function keeping(change: (unique: Uniqueness) => Uniqueness): typeof MemoryBackend {
  return pushing((task) => ({ ...task, unique: task.unique ? change(task.unique) : null }))
}

export const uniqueMutants: readonly Mutant[] = [
  mutant(
    'a unique key is ignored',
    pushing((task) => ({ ...task, unique: null })),
    'unique › a second task with a key that is held is not stored; its receipt names the holder',
    'unique › within one call a second task meets the first',
    'unique at once › eight pushes of one key at once create one task, and all name it',
  ),

  mutant(
    'a unique key is free as soon as its task is claimed',
    keeping((unique) => ({ ...unique, while: 'waiting' })),
    'unique › unfinished: a task keeps others out while a worker holds it',
  ),

  mutant(
    'a unique key is held until its task ends, whatever was asked for',
    keeping((unique) => ({ ...unique, while: 'unfinished' })),
    'unique › waiting: a key is free once its task is claimed',
  ),

  mutant(
    'the window of a unique key is forgotten',
    keeping((unique) => ({ ...unique, windowMs: 0 })),
    'unique › a window keeps others out after the task has ended',
    'replacing › a task that ended within its window is kept as it is',
  ),

  mutant(
    'the window of a unique key never ends',
    keeping((unique) => ({ ...unique, windowMs: unique.windowMs * 1_000 })),
    'unique › a window ends',
    'replacing › the window starts anew',
  ),

  mutant(
    'unique keys are shared by all queues',
    class extends MemoryBackend {
      readonly #taken = new Map<string, string>()
      override async push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
        const receipts: Receipt[] = []
        for (const task of tasks) {
          const queue = task.unique ? this.#taken.get(task.unique.key) : undefined
          if (queue !== undefined && queue !== task.queue) receipts.push({ id: task.id, outcome: 'duplicate' })
          else receipts.push(...(await super.push([task])))
          if (task.unique) this.#taken.set(task.unique.key, task.queue)
        }
        return receipts
      }
    },
    'unique › a key that is held keeps nothing out of another queue',
  ),

  mutant(
    'a replaced task keeps its old payload',
    class extends MemoryBackend {
      override async push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
        const replacing = tasks.map(({ unique }) => unique?.otherwise === 'replace')
        const receipts = await super.push(
          tasks.map((task) => ({ ...task, unique: task.unique ? { ...task.unique, otherwise: 'keep' } : null })),
        )
        return receipts.map((receipt, n) =>
          replacing[n] === true && receipt.outcome === 'duplicate' ? { ...receipt, outcome: 'replaced' } : receipt,
        )
      }
    },
    'replacing › a waiting task is given what the push brought; its id stays',
    'replacing › within one call a later task replaces an earlier one',
    'replacing › a task that a worker holds is kept as it is',
  ),

  mutant(
    'a replacement never moves a task forward',
    pushing((task) => (task.unique?.otherwise === 'replace' ? { ...task, due: { afterMs: 60_000 } } : task)),
    'replacing › a task that is not due can be brought forward',
  ),

  mutant(
    'a claim does not tell how long the attempt may take',
    claiming((task) => ({ ...task, timeoutMs: null })),
    'limits of a task › a claim tells how long the attempt may take',
    'limits of a task › limits outlive their worker',
  ),

  mutant(
    'a deadline that has passed is not told',
    claiming((task) => ({ ...task, deadlineInMs: task.deadlineInMs ? Math.max(0, task.deadlineInMs) : null })),
    'limits of a task › a task whose deadline has passed is handed out, with a span below zero',
  ),

  mutant(
    'a deadline is counted from the claim',
    claiming((task) => ({ ...task, deadlineInMs: task.deadlineInMs ? 3_600_000 : null })),
    'limits of a task › a claim tells how much time is left until the deadline, counted from the push',
  ),
]
