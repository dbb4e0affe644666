/** Defects of pushing and of keys. */
import type { ClaimReply, ClaimRequest, Encoded, NewTask, Receipt, TaskId } from '@q/core'
import { uuidv7 } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { pushing, claiming, mutant } from './mutant.ts'

export const pushMutants: readonly Mutant[] = [
  mutant(
    'insertion order is lost',
    pushing((task, index) =>
      'afterMs' in task.due && task.due.afterMs === 0 ? { ...task, due: { afterMs: -index } } : task,
    ),
    'push › insertion order is kept among the tasks of one call',
  ),

  mutant(
    'a known id is stored again',
    class extends MemoryBackend {
      readonly #seen = new Set<TaskId>()
      override push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
        return super.push(
          tasks.map((task) => {
            if (this.#seen.has(task.id)) return { ...task, id: uuidv7() }
            this.#seen.add(task.id)
            return task
          }),
        )
      }
    },
    'push › an id that exists is a duplicate and leaves the first task as it is',
    'push › a push repeated as it was stores nothing more',
  ),

  mutant(
    'a duplicate key is stored',
    pushing((task) => ({ ...task, key: null })),
    'keys › a repeated key stores nothing and names the task that has it',
    'keys › a key with another payload is a conflict and leaves the first task alone',
    'keys › eight pushes of one key at once create one task, and all name it',
  ),

  mutant(
    'a key counts in every queue',
    pushing((task) => (task.key === null ? task : { ...task, queue: 'one-for-all' })),
    'keys › a key counts in its own queue only',
  ),

  mutant(
    'a push stores one task after the other, and what came before a conflict stays',
    class extends MemoryBackend {
      override async push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
        const receipts: Receipt[] = []
        for (const task of tasks) receipts.push(...(await super.push([task])))
        return receipts
      }
    },
    'keys › a conflict anywhere in a call stores none of its tasks',
    'keys › the ids and keys of a refused call are free afterwards',
  ),

  mutant(
    'receipts tell nothing of duplicates',
    class extends MemoryBackend {
      override async push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
        return (await super.push(tasks)).map(({ id }) => ({ id, outcome: 'created' }))
      }
    },
    'push › a call of known and new tasks stores the new ones and says which they are',
  ),

  mutant(
    'payloads go through UTF-8',
    pushing((task) => ({ ...task, payload: throughText(task.payload) })),
    'push › every byte comes back verbatim under the tag of its codec',
    'hostile data › payloads, results and checkpoints of every byte, and of a megabyte, come back verbatim',
  ),

  mutant(
    'metadata is assigned to a plain object',
    claiming((task) => {
      if (task.metadata === null) return task
      const metadata: Record<string, string> = {}
      for (const [name, value] of Object.entries(task.metadata)) metadata[name] = value
      return { ...task, metadata }
    }),
    'hostile data › metadata keeps awkward names and values, __proto__ and constructor among them',
  ),

  mutant(
    'queue names are compared without case',
    class extends MemoryBackend {
      override push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
        return super.push(tasks.map((task) => ({ ...task, queue: task.queue.toLowerCase() })))
      }
      override claim(request: ClaimRequest): Promise<ClaimReply> {
        return super.claim({
          ...request,
          queues: request.queues.map(({ queue, limit }) => ({ queue: queue.toLowerCase(), limit })),
        })
      }
    },
    'claim order › only the queues asked for are claimed',
  ),
]

function throughText(encoded: Encoded): Encoded {
  return { ...encoded, bytes: new TextEncoder().encode(new TextDecoder().decode(encoded.bytes)) }
}
