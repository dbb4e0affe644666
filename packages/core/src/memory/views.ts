/** A stored task as those outside the store see it: copies, so that nothing they do changes what is stored. */
import type { Step } from '../backend/runs.ts'
import type { AttemptRecord } from '../backend/visibility.ts'
import type { ErrorRecord } from '../error-record.ts'
import type { ClaimedTask, ClaimToken, Encoded, Outcome, StoredTask } from '../task/task.ts'
import type { FinishedRow, Row } from './row.ts'
import { copyEncoded, copyError, copyMetadata, KEPT_ATTEMPTS } from './row.ts'

/** The row in the hands of a worker. */
export function toClaimed(row: Row, token: ClaimToken, now: number): ClaimedTask {
  return {
    id: row.id,
    queue: row.queue,
    token,
    attempt: row.attempt,
    crashes: row.crashes,
    payload: copyEncoded(row.payload),
    priority: row.priority,
    maxAttempts: row.maxAttempts,
    runAt: row.runAt,
    metadata: copyMetadata(row.metadata),
    checkpoint: row.checkpoint === null ? null : new Uint8Array(row.checkpoint),
    timeoutMs: row.timeoutMs,
    deadlineInMs: row.deadline === null ? null : row.deadline - now,
    ...claimedStep(row),
  }
}

/** The row as a reader sees it. */
export function toStored(row: Row): StoredTask {
  return {
    id: row.id,
    queue: row.queue,
    status: row.status,
    attempt: row.attempt,
    crashes: row.crashes,
    maxAttempts: row.maxAttempts,
    priority: row.priority,
    payload: copyEncoded(row.payload),
    metadata: copyMetadata(row.metadata),
    createdAt: row.createdAt,
    runAt: row.runAt,
    finishedAt: row.finishedAt,
    result: resultOf(row),
    error: errorOf(row),
    timeoutMs: row.timeoutMs,
    deadline: row.deadline,
    cancelling: row.cancel !== null,
    progress: row.progress === null ? null : { ...row.progress },
    ...(row.run === null ? {} : { step: copyStep(row.step) }),
  }
}

/** How a finished row ended. */
export function toOutcome(row: FinishedRow): Outcome {
  return {
    id: row.id,
    queue: row.queue,
    status: row.status,
    attempt: row.attempt,
    finishedAt: row.finishedAt,
    result: resultOf(row),
    error: errorOf(row),
  }
}

/** The attempts of a row that ended, and the one under way: the last of them. */
export function toAttempts(row: Row): AttemptRecord[] {
  const attempts: AttemptRecord[] = row.attempts.map((record) => ({ ...record, error: copyOrNull(record.error) }))
  if (row.hold !== null) {
    const { instance, worker, claimedAt } = row.hold
    const { attempt } = row
    attempts.push({ attempt, result: 'running', worker, instance, claimedAt, endedAt: null, ranMs: null, error: null })
  }
  return attempts.slice(-KEPT_ATTEMPTS)
}

function claimedStep({ run, step, cancel }: Row): Pick<ClaimedTask, 'step' | 'cancelling'> {
  if (run === null || step === null) return {}
  return { step: { ...copyStep(step), workflow: run.workflow, status: run.status }, cancelling: cancel !== null }
}

function copyStep<S extends Step | null>(step: S): S {
  return step === null ? step : { ...step }
}

function resultOf(row: Row): Encoded | null {
  return row.result === null ? null : copyEncoded(row.result)
}

function errorOf(row: Row): ErrorRecord | null {
  return copyOrNull(row.error)
}

function copyOrNull(error: ErrorRecord | null): ErrorRecord | null {
  return error === null ? null : copyError(error)
}
