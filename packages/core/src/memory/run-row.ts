/**
 * One stored run, and how it is made. Its steps are rows like any other that know their run; it knows them too, so that
 * nothing that is done to a run looks at the tasks of others.
 */
import type { Compensation, NewRun, RunId, RunInfo, RunStatus } from '../backend/runs.ts'
import type { ErrorRecord } from '../error-record.ts'
import type { Encoded, Metadata, TaskId } from '../task/task.ts'
import type { Join } from './joins.ts'
import { Mailbox } from './mailbox.ts'
import type { Candidate } from './push-plan.ts'
import { candidates } from './push-plan.ts'
import type { Row } from './row.ts'
import { copyEncoded, copyError, copyMetadata, deadlineAt } from './row.ts'

/** A run as the memory backend keeps it. */
export interface RunRow {
  readonly id: RunId
  readonly queue: string
  readonly workflow: string
  readonly version: string | null
  readonly hash: string
  readonly input: Encoded
  readonly key: string | null
  readonly metadata: Metadata | null
  readonly parent: { readonly run: RunId; readonly task: TaskId } | null
  readonly createdAt: number
  readonly deadline: number | null
  status: RunStatus
  output: Encoded | null
  error: ErrorRecord | null
  compensation: Compensation
  retries: number
  finishedAt: number | null
  /** Place in the order in which runs ended; 0 before. */
  finishOrder: number
  /** Its steps, in the order in which they were stored. */
  readonly steps: Map<TaskId, Row>
  /** Those of them that have not ended. */
  readonly living: Set<Row>
  /** Where several steps lead to one. */
  readonly joins: Map<TaskId, Join>
  readonly mailbox: Mailbox
}

/** A run that can be stored, with its first steps. */
export interface PlannedRun {
  readonly run: RunRow
  readonly tasks: readonly Candidate[]
}

/**
 * Checks and copies a run.
 * @throws QError `ERR_OPTION`
 */
export function planRun(given: NewRun, now: number): PlannedRun {
  const { id, queue, workflow, version, hash, input, key, metadata, parent, deadline, tasks } = given
  const run: RunRow = {
    id,
    queue,
    workflow,
    version,
    hash,
    input: copyEncoded(input),
    key,
    metadata: copyMetadata(metadata),
    parent: parent === null ? null : { ...parent },
    createdAt: now,
    deadline: deadlineAt(deadline, now),
    status: 'running',
    output: null,
    error: null,
    compensation: null,
    retries: 0,
    finishedAt: null,
    finishOrder: 0,
    steps: new Map(),
    living: new Set(),
    joins: new Map(),
    mailbox: new Mailbox(),
  }
  return { run, tasks: candidates(tasks, now) }
}

/** The run as a reader sees it. */
export function toRunInfo(run: RunRow): RunInfo {
  return {
    id: run.id,
    queue: run.queue,
    workflow: run.workflow,
    version: run.version,
    hash: run.hash,
    status: run.status,
    input: copyEncoded(run.input),
    output: run.output === null ? null : copyEncoded(run.output),
    error: run.error === null ? null : copyError(run.error),
    compensation: run.compensation,
    key: run.key,
    metadata: copyMetadata(run.metadata),
    parent: run.parent === null ? null : { ...run.parent },
    retries: run.retries,
    createdAt: run.createdAt,
    deadline: run.deadline,
    finishedAt: run.finishedAt,
  }
}
