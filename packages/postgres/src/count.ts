/** Counts of tasks: from counters where they know, otherwise by a bounded look. */
import type { Count, TaskFilter } from '@q/core'
import { checkTaskFilter } from '@q/core'
import type { Run } from './connection/run.ts'
import { partsOf } from './filter.ts'
import { countQuery, scheduledQuery } from './query/list.ts'
import { rollWhenLongQuery, statusesQuery } from './query/statistics.ts'
import { statusCounts } from './queues.ts'

/** Where counting stops. */
const CAP = 10_000

/**
 * How many tasks a filter is about, see `CountTasks`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function countTasks(run: Run, schema: string, filter: TaskFilter): Promise<Count> {
  checkTaskFilter('countTasks', filter)
  const { queue = null, status, fingerprint, createdFrom, createdTo } = filter
  if (fingerprint !== undefined || createdFrom !== undefined || createdTo !== undefined)
    return look(run, schema, filter)
  if (status === 'scheduled') {
    const [row] = await run(scheduledQuery(schema, queue, CAP), 'count tasks')
    return { value: Number(row!.n), kind: row!.complete ? 'exact' : 'capped' }
  }
  await run(rollWhenLongQuery(schema), 'count tasks')
  const [row] = await run(statusesQuery(schema, queue), 'count tasks')
  const counts = statusCounts(row!)
  const ended = counts.done + counts.killed + counts.cancelled
  const value = status === undefined ? Math.max(0, Number(row!.unfinished)) + ended : counts[status]
  return { value, kind: 'exact' }
}

async function look(run: Run, schema: string, filter: TaskFilter): Promise<Count> {
  let value = 0
  let exact = true
  for (const { request, start } of partsOf(filter)) {
    const [row] = await run(countQuery(schema, { ...request, after: start, limit: CAP }), 'count tasks')
    value += Number(row!.n)
    exact &&= row!.complete
  }
  return { value, kind: exact ? 'exact' : 'capped' }
}
