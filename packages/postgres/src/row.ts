/** Rows into the shapes of core: the only place where snake_case meets camelCase for reads. */
import type { Encoded, FinalStatus, Outcome, Status, StoredTask } from '@q/core'
import { STATUSES } from '@q/core'
import type { OutcomeRow, TaskRow } from './query/read.ts'

/** A task as core knows it. */
export function toStoredTask(id: string, row: TaskRow): StoredTask {
  return {
    id,
    queue: row.queue,
    status: statusOf(row.state),
    attempt: row.attempt,
    crashes: row.crashes,
    maxAttempts: row.max_attempts,
    priority: row.priority,
    payload: { codec: row.codec, bytes: row.payload },
    metadata: row.metadata,
    createdAt: row.created_at,
    runAt: row.run_at,
    finishedAt: row.finished_at,
    result: encoded(row.result_codec, row.result),
    error: row.error,
  }
}

/** An outcome as core knows it. */
export function toOutcome(row: OutcomeRow): Outcome {
  return {
    id: row.id,
    queue: row.queue,
    status: statusOf(row.status) as FinalStatus,
    attempt: row.attempt,
    finishedAt: row.finished_at,
    result: encoded(row.codec, row.result),
    error: row.error,
  }
}

/** The `state` of `live` and the `status` of `outcome` number core's statuses so that no number means two things. */
const NUMBERED: readonly Status[] = ['pending', 'queued', 'running', 'failed', 'done', 'killed', 'cancelled']

function statusOf(number: number | null): Status {
  return NUMBERED[number ?? 0] ?? STATUSES[0]!
}

function encoded(codec: string | null, bytes: Uint8Array | null): Encoded | null {
  return codec === null || bytes === null ? null : { codec, bytes }
}
