/** Pages of worker instances. */
import type { Page, PageRequest, WorkerCommand, WorkerInfo } from '@q/core'
import { queueOfFilter } from '@q/core'
import type { Run } from './connection/run.ts'
import { readPage, writeCursor } from './cursor.ts'
import type { WorkerRow } from './query/statistics.ts'
import { workersQuery } from './query/statistics.ts'

type After = { readonly alive: boolean; readonly number: number }
const SHAPE = {
  alive: (value: unknown): value is boolean => typeof value === 'boolean',
  number: (value: unknown): value is number => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31,
}
/** By `instance.command`. */
const COMMANDS: readonly WorkerCommand[] = ['work', 'pause', 'stop']

/**
 * One page of workers, see `ListWorkers`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function listWorkers(
  run: Run,
  schema: string,
  filter?: { readonly queue?: string },
  page?: PageRequest,
): Promise<Page<WorkerInfo>> {
  const queue = queueOfFilter('listWorkers', filter)
  const { limit, after } = readPage<After>('listWorkers', page, SHAPE)
  const rows = await run(workersQuery(schema, queue ?? null, after ?? null, limit + 1), 'list workers')
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const more = rows.length > limit && last !== undefined
  return {
    items: shown.map(toWorkerInfo),
    next: more ? writeCursor('listWorkers', { alive: last.alive, number: last.number }) : null,
  }
}

function toWorkerInfo(row: WorkerRow): WorkerInfo {
  return {
    instance: row.id,
    name: row.name,
    queues: row.queues,
    state: row.alive ? 'alive' : row.registered ? 'lost' : 'ended',
    command: COMMANDS[row.command] ?? 'work',
    startedAt: row.started_at,
    lastBeatAt: row.beat_at,
    leaseUntil: row.lease_until,
    endedAt: row.ended_at,
    held: Number(row.held),
    about: row.about,
  }
}
