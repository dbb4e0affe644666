/** Rows into the shapes of core: the only place where snake_case meets camelCase for reads. */
import type { BeatReply, Encoded, FinalStatus, Outcome, Status, StoredTask, WorkerCommand } from '@q/core'
import { STATUSES } from '@q/core'
import type { BeatRow } from './query/lease.ts'
import type { OutcomeRow } from './query/read.ts'
import type { TaskRow } from './task-row.ts'

/** A task as core knows it. */
export function toStoredTask(row: TaskRow): StoredTask {
  return {
    id: row.id,
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
    timeoutMs: row.limits?.timeoutMs ?? null,
    deadline: row.limits?.deadline ?? null,
    cancelling: row.cancelling ?? false,
    progress: row.done === null ? null : { done: row.done, total: row.total, note: row.note },
    ...(row.run === null ? {} : { step: { run: row.run, node: row.node!, index: row.index! } }),
  }
}

/** An outcome as core knows it. */
export function toOutcome(row: Extract<OutcomeRow, { queue: string }>): Outcome {
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

/** What a beat learned, as core knows it. */
export function toBeatReply(row: BeatRow): BeatReply {
  const command = COMMANDS[row.command ?? 0]
  return {
    lease: row.held ? 'held' : 'lost',
    lost: row.lost ?? [],
    ...(row.cancelled === null || !row.held ? {} : { cancelled: row.cancelled }),
    ...(row.paused.length === 0 ? {} : { paused: row.paused }),
    ...(command === undefined ? {} : { command }),
  }
}

/** By the number in `instance`; none for the usual one. */
const COMMANDS: readonly (WorkerCommand | undefined)[] = [undefined, 'pause', 'stop']

/** The `state` of `live` and the `status` of `outcome` number core's statuses so that no number means two things. */
const NUMBERED: readonly Status[] = ['pending', 'queued', 'running', 'failed', 'done', 'killed', 'cancelled']

function statusOf(number: number | null): Status {
  return NUMBERED[number ?? 0] ?? STATUSES[0]!
}

function encoded(codec: string | null, bytes: Uint8Array | null): Encoded | null {
  return codec === null || bytes === null ? null : { codec, bytes }
}
