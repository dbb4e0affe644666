/** Defects of lists and counts. */
import type { Count, Page, PageRequest, QueueInfo, StoredTask, TaskFilter, WorkerInfo } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { mutant } from './mutant.ts'

/** Changes a page of tasks. */
function listing(
  change: (page: Page<StoredTask>, filter: TaskFilter, asked: PageRequest) => Page<StoredTask>,
): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async listTasks(filter: TaskFilter, asked: PageRequest = {}): Promise<Page<StoredTask>> {
      return change(await super.listTasks(filter, asked), filter, asked)
    }
  }
}

/** Changes which tasks are listed and counted. */
function filtering(change: (filter: TaskFilter) => TaskFilter): typeof MemoryBackend {
  return class extends MemoryBackend {
    override listTasks(filter: TaskFilter, page?: PageRequest): Promise<Page<StoredTask>> {
      return super.listTasks(change(filter), page)
    }
    override countTasks(filter: TaskFilter): Promise<Count> {
      return super.countTasks(change(filter))
    }
  }
}

/** Changes how a queue is shown. */
function showing(change: (queue: QueueInfo) => QueueInfo): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async listQueues(): Promise<readonly QueueInfo[]> {
      return (await super.listQueues()).map(change)
    }
  }
}

/** Changes how a worker is shown. */
function presenting(change: (worker: WorkerInfo) => WorkerInfo): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async listWorkers(filter?: { readonly queue?: string }, page?: PageRequest): Promise<Page<WorkerInfo>> {
      const { items, next } = await super.listWorkers(filter, page)
      return { items: items.map(change), next }
    }
  }
}

export const listMutants: readonly Mutant[] = [
  mutant(
    'a list skips a task between two pages',
    listing((page, _, { cursor }) => (cursor === undefined ? page : { ...page, items: page.items.slice(1) })),
    'listTasks › pages of 7 hold every task exactly once, in one order',
    'listTasks › pages of done tasks hold each exactly once',
  ),

  mutant(
    'a list repeats a task between two pages',
    listing((page, _, { cursor, limit = 50 }) =>
      cursor === undefined || page.items.length === limit ? page : { ...page, items: [...page.items, ...page.items] },
    ),
    'listTasks › pages of 7 hold every task exactly once, in one order',
  ),

  mutant(
    'a list ends after its first page',
    listing((page) => ({ ...page, next: null })),
    'listTasks › pages of 3 hold every task exactly once, in one order',
    'listTasks › without a limit a page holds fifty',
  ),

  mutant(
    'a list ignores its limit',
    class extends MemoryBackend {
      override listTasks(filter: TaskFilter, page: PageRequest = {}): Promise<Page<StoredTask>> {
        return super.listTasks(filter, { ...page, limit: 200 })
      }
    },
    'listTasks › pages of 3 hold every task exactly once, in one order',
    'listTasks › a limit out of range is refused',
  ),

  mutant(
    'a list comes the other way round',
    listing((page) => ({ ...page, items: page.items.toReversed() })),
    'listTasks › tasks that have not ended come by their time, then those that ended, the latest first',
  ),

  mutant(
    'a list starts again at a cursor that it does not understand',
    class extends MemoryBackend {
      override async listTasks(filter: TaskFilter, page: PageRequest = {}): Promise<Page<StoredTask>> {
        const { cursor: _, ...rest } = page
        return super.listTasks(filter, page).catch(() => super.listTasks(filter, rest))
      }
    },
    'listTasks › a cursor that no page gave is refused',
  ),

  mutant(
    'a scheduled task is any that is pending',
    filtering((filter) => (filter.status === 'scheduled' ? { ...filter, status: 'pending' } : filter)),
    'countTasks › after a push of scheduled tasks every status counts exactly its own',
    'listTasks › after a push of scheduled tasks each status lists its own',
  ),

  mutant(
    'the fingerprint is ignored',
    filtering(({ fingerprint: _fingerprint, ...filter }) => filter),
    'listTasks › tasks are found by the fingerprint of their last error',
    'countTasks › tasks are counted by the fingerprint of their last error',
  ),

  mutant(
    'the time of the push is ignored',
    filtering(({ createdFrom: _from, createdTo: _to, ...filter }) => filter),
    'listTasks › tasks are found by when they were pushed, the start included and the end not',
    'countTasks › tasks are counted by when they were pushed',
  ),

  mutant(
    'tasks whose worker died are not counted',
    class extends MemoryBackend {
      override async countTasks(filter: TaskFilter): Promise<Count> {
        const { items } = await super.listTasks(filter, { limit: 200 })
        return { value: items.filter(({ crashes }) => crashes === 0).length, kind: 'exact' }
      }
    },
    'countTasks › after a crash every status counts exactly its own',
    'countTasks › after a crash that spends the last attempt every status counts exactly its own',
  ),

  mutant(
    'counts are capped where they could be exact',
    class extends MemoryBackend {
      override async countTasks(filter: TaskFilter): Promise<Count> {
        return { ...(await super.countTasks(filter)), kind: 'capped' }
      }
    },
    'countTasks › after a claim every status counts exactly its own',
  ),

  mutant(
    'a queue shows running tasks as queued',
    showing((queue) => ({
      ...queue,
      counts: { ...queue.counts, queued: queue.counts.queued + queue.counts.running, running: 0 },
    })),
    'listQueues › after a beat and a checkpoint the queue shows how many there are of each status',
  ),

  mutant(
    'a queue does not show how far it is behind',
    showing((queue) => ({ ...queue, oldestDueMs: null })),
    'listQueues › the longest waiting due task tells how far behind the queue is',
  ),

  mutant(
    'a list of queues ignores its filter',
    class extends MemoryBackend {
      override listQueues(): Promise<readonly QueueInfo[]> {
        return super.listQueues()
      }
    },
    'listQueues › one queue alone is told as it is among all, and nothing of one that never was',
  ),

  mutant(
    'a queue shows every worker there ever was',
    class extends MemoryBackend {
      override async listQueues(): Promise<readonly QueueInfo[]> {
        const queues = await super.listQueues()
        const all = queues.map(async (queue) => {
          const { items } = await this.listWorkers({ queue: queue.queue }, { limit: 200 })
          return { ...queue, workers: items.length }
        })
        return Promise.all(all)
      }
    },
    'listQueues › living workers are counted for the queues they registered for',
  ),

  mutant(
    'a worker that left looks alive',
    presenting((worker) => ({ ...worker, state: 'alive' })),
    'listWorkers › a worker that left has ended',
    'listWorkers › a worker whose lease has ended is lost, and alive again after a beat',
  ),

  mutant(
    'a worker does not show what it holds',
    presenting((worker) => ({ ...worker, held: 0 })),
    'listWorkers › a worker shows how much it holds, started and not',
  ),

  mutant(
    'a worker is not asked what it is',
    presenting((worker) => ({ ...worker, about: {} })),
    'listWorkers › a worker that registered is alive and described as it describes itself',
  ),
]
