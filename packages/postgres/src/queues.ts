/** Queues at a glance. */
import type { QueueInfo, Status } from '@q/core'
import { queueOfFilter } from '@q/core'
import type { Run } from './connection/run.ts'
import type { QueueRow, StatusRow } from './query/statistics.ts'
import { queuesQuery, rollWhenLongQuery } from './query/statistics.ts'

const ACTIVITY_DAYS = 7

/**
 * All queues by name, or one of them, see `ListQueues`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function listQueues(
  run: Run,
  schema: string,
  filter?: { readonly queue?: string },
): Promise<readonly QueueInfo[]> {
  const queue = queueOfFilter('listQueues', filter)
  await run(rollWhenLongQuery(schema), 'read statistics')
  const rows = await run(queuesQuery(schema, queue ?? null), 'list queues')
  return rows.map((row) => ({
    queue: row.queue,
    counts: { ...statusCounts(row), scheduled: Number(row.scheduled) },
    paused: row.paused_at === null ? null : { at: row.paused_at, by: row.paused_by, reason: row.paused_reason },
    workers: Number(row.workers),
    oldestDueMs: row.oldest_due_ms === null ? null : Math.max(0, row.oldest_due_ms),
    activity: activityOf(row),
  }))
}

/** Statuses from counters. What waits is what has not ended and is not known to stand otherwise. */
export function statusCounts(row: StatusRow): Record<Status, number> {
  const failed = Math.max(0, Number(row.failing))
  const queued = Number(row.queued)
  const running = Number(row.running)
  return {
    pending: Math.max(0, Number(row.unfinished) - failed - queued - running),
    queued,
    running,
    failed,
    done: Math.max(0, Number(row.done)),
    killed: Math.max(0, Number(row.killed)),
    cancelled: Math.max(0, Number(row.cancelled)),
  }
}

function activityOf({ days, ended, today }: QueueRow): number[] {
  const activity = Array.from({ length: ACTIVITY_DAYS }, () => 0)
  for (const [index, day] of (days ?? []).entries()) {
    const at = ACTIVITY_DAYS - 1 - (today - day)
    if (at in activity) activity[at]! += Number(ended![index])
  }
  return activity
}
