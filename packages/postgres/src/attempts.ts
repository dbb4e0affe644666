/** The history of one task. */
import type { AttemptRecord, AttemptResult, TaskId } from '@q/core'
import type { Run } from './connection/run.ts'
import { isUuid } from './cursor.ts'
import { attemptsQuery } from './query/report.ts'

const MOST = 1_000
/** By number, as stored. */
const RESULTS: Readonly<Record<number, AttemptResult>> = {
  2: 'running',
  3: 'failed',
  4: 'done',
  5: 'killed',
  6: 'cancelled',
  10: 'crashed',
}

/** The last attempts of a task in order, see `ListAttempts`. */
export async function listAttempts(run: Run, schema: string, id: TaskId): Promise<readonly AttemptRecord[]> {
  if (!isUuid(id)) return []
  const rows = await run(attemptsQuery(schema, id, MOST), 'list attempts')
  return rows.map((row) => ({
    attempt: row.attempt,
    result: RESULTS[row.result] ?? 'failed',
    worker: row.worker,
    instance: row.instance,
    claimedAt: row.claimed_at,
    endedAt: row.ended_at,
    ranMs: row.ran_ms,
    error: row.error,
  }))
}
