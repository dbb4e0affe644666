/** Runs as they are stored into the shape of core. */
import type { Compensation, RunInfo } from '@q/core'
import type { RunRow } from './query/runs.ts'
import { RUN_STATUSES } from './run-columns.ts'

/** By the number in `run`. */
const COMPENSATIONS: readonly Compensation[] = ['complete', 'partial']

/** A run as core knows it. */
export function toRunInfo(row: RunRow): RunInfo {
  return {
    id: row.id,
    queue: row.queue,
    workflow: row.workflow,
    version: row.version,
    hash: row.hash,
    status: RUN_STATUSES[row.status]!,
    input: { codec: row.codec, bytes: row.input },
    output: row.output_codec === null || row.output === null ? null : { codec: row.output_codec, bytes: row.output },
    error: row.error,
    compensation: row.compensation === null ? null : COMPENSATIONS[row.compensation]!,
    key: row.key,
    metadata: row.metadata,
    parent: row.parent_run === null ? null : { run: row.parent_run, task: row.parent_task! },
    retries: row.retries,
    createdAt: row.created_at,
    deadline: row.deadline,
    finishedAt: row.finished_at,
  }
}
