/**
 * What can be seen of tasks, queues and workers. Each call looks at everything there is once: this is a store for as
 * many tasks as fit into a process, whose hot path keeps no index for readers.
 */
import { checkTaskFilter } from '../backend/arguments.ts'
import type { Page, PageRequest, QueueInfo, StatusCounts, TaskFilter, WorkerInfo } from '../backend/visibility.ts'
import type { Status } from '../task/status.ts'
import type { StoredTask } from '../task/task.ts'
import type { Engine } from './engine.ts'
import { groupOf } from './error-groups.ts'
import type { Instance } from './instances.ts'
import type { ListOrder } from './paging.ts'
import { pageOf, placedBefore } from './paging.ts'
import type { Row } from './row.ts'
import { isFinished, isWaiting } from './row.ts'
import { toStored } from './views.ts'

/** The most scheduled tasks that are counted. */
const MOST_SCHEDULED = 10_000
const ENDED = 1

/** Those that have not ended by time, then those that ended, the latest first. */
const TASK_ORDER: ListOrder<Row> = {
  list: 'listTasks',
  like: [0, 0, ''],
  placeOf: (row) => (isFinished(row) ? [ENDED, -row.finishedAt, row.id] : [0, row.runAt, row.id]),
  before: (a, b) => (a[0] === ENDED && b[0] === ENDED && a[1] === b[1] ? a[2]! > b[2]! : placedBefore(a, b)),
}

/** See `ListTasks`. */
export function listTasks(engine: Engine, filter: TaskFilter, page: PageRequest | undefined): Page<StoredTask> {
  checkTaskFilter('listTasks', filter)
  return pageOf(matching(engine, filter), page, TASK_ORDER, toStored)
}

/** See `CountTasks`. Always exact. */
export function countTasks(engine: Engine, filter: TaskFilter): number {
  checkTaskFilter('countTasks', filter)
  let count = 0
  for (const _ of matching(engine, filter)) count += 1
  return count
}

/** See `ListQueues`. */
export function listQueues(engine: Engine, only?: string): QueueInfo[] {
  const now = engine.clock.now()
  const seen = new Map<string, { readonly counts: Counts; oldestDueMs: number | null; workers: number }>()
  for (const queue of [...engine.store.queues].sort())
    if (only === undefined || queue === only) seen.set(queue, { counts: noCounts(), oldestDueMs: null, workers: 0 })
  for (const row of engine.store.rows()) {
    const info = seen.get(row.queue)
    if (info === undefined) continue
    info.counts[row.status] += 1
    if (!isWaiting(row)) continue
    if (row.runAt <= now) info.oldestDueMs = Math.max(info.oldestDueMs ?? 0, now - row.runAt)
    else if (row.status === 'pending' && info.counts.scheduled < MOST_SCHEDULED) info.counts.scheduled += 1
  }
  for (const instance of engine.instances.living()) {
    if (instance.leaseUntil <= now) continue
    for (const queue of new Set(instance.about.queues)) {
      const info = seen.get(queue)
      if (info !== undefined) info.workers += 1
    }
  }
  return [...seen].map(([queue, { counts, workers, oldestDueMs }]) => {
    const { paused } = engine.store.order(queue)
    const activity = engine.history.statistics.activity(queue, now)
    return { queue, counts, paused: paused === null ? null : { ...paused }, workers, oldestDueMs, activity }
  })
}

const WORKER_ORDER: ListOrder<Instance> = {
  list: 'listWorkers',
  like: [0, 0, ''],
  placeOf: ({ endedAt, startedAt, about }) => [endedAt === null ? 0 : ENDED, -startedAt, about.instance],
  before: placedBefore,
}

/** See `ListWorkers`. */
export function listWorkers(
  engine: Engine,
  queue: string | undefined,
  page: PageRequest | undefined,
): Page<WorkerInfo> {
  const now = engine.clock.now()
  const instances = engine.instances.all(now).filter(({ about }) => queue === undefined || about.queues.includes(queue))
  return pageOf(instances, page, WORKER_ORDER, (instance) => workerInfo(instance, now))
}

function* matching(engine: Engine, filter: TaskFilter): Generator<Row, void, void> {
  const now = engine.clock.now()
  for (const row of engine.store.rows()) if (matches(row, filter, now)) yield row
}

function matches(row: Row, filter: TaskFilter, now: number): boolean {
  const { queue, status, fingerprint, createdFrom, createdTo } = filter
  return (
    (queue === undefined || row.queue === queue) &&
    (status === undefined ||
      (status === 'scheduled' ? row.status === 'pending' && row.runAt > now : row.status === status)) &&
    (fingerprint === undefined || (row.error !== null && groupOf(row.error) === fingerprint)) &&
    (createdFrom === undefined || row.createdAt >= createdFrom) &&
    (createdTo === undefined || row.createdAt < createdTo)
  )
}

type Counts = { -readonly [Name in keyof StatusCounts]: number } & Record<Status, number>

function noCounts(): Counts {
  return { pending: 0, queued: 0, running: 0, failed: 0, done: 0, killed: 0, cancelled: 0, scheduled: 0 }
}

function workerInfo(worker: Instance, now: number): WorkerInfo {
  const { about, startedAt, lastBeatAt, leaseUntil, endedAt, command, held } = worker
  const { instance, name, queues } = about
  const state = endedAt !== null ? 'ended' : leaseUntil <= now ? 'lost' : 'alive'
  return {
    instance,
    name,
    queues: [...queues],
    state,
    command,
    startedAt,
    lastBeatAt,
    leaseUntil,
    endedAt,
    held: held.size,
    about: { ...about.about },
  }
}
