/** What can be seen of runs: pages of runs and of steps, and steps by id. */
import type { Page, PageRequest, RunFilter, RunId, RunInfo, StoredTask, TaskId } from '@q/core'
import { checkInteger, checkKnownOptions, checkRunFilter } from '@q/core'
import type { Run } from './connection/run.ts'
import type { CursorFields, CursorShape } from './cursor.ts'
import { isMicros, isUuid, readPage, writeCursor } from './cursor.ts'
import type { Listed } from './listed.ts'
import { stepsQuery, tasksQuery } from './query/read.ts'
import { runsQuery, stuckRunsQuery } from './query/runs.ts'
import { toStoredTask } from './row.ts'
import { RUN_STATUS } from './run-columns.ts'
import { toRunInfo } from './run-row.ts'
import type { TaskRow } from './task-row.ts'

/** Entries that one call looks at. */
const LOOK = 10_000
const MOST_READ = 1_000
const MOST_STUCK = 1_000

/**
 * One page of runs, see `Runs.listRuns`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function listRuns(
  run: Run,
  schema: string,
  filter: RunFilter,
  page: PageRequest | undefined,
): Promise<Page<RunInfo>> {
  checkRunFilter('listRuns', filter)
  const { limit, after } = readPage('listRuns', page, { at: isMicros, id: isUuid } satisfies CursorShape<CursorFields>)
  const { queue = null, workflow = null, status, parent = null } = filter
  if (parent !== null && !isUuid(parent)) return { items: [], next: null }
  const request = {
    queue,
    workflow,
    status: status === undefined ? null : RUN_STATUS[status],
    parent,
    after: after ?? null,
    limit,
    look: LOOK,
  }
  const rows = await run(runsQuery(schema, request), 'list runs')
  return pageOf(rows, limit, toRunInfo, ({ at_us: at, listed: id }) => writeCursor('listRuns', { at, id }))
}

/**
 * One page of the steps of a run, see `Runs.listSteps`.
 * @throws QError `ERR_OPTION`
 */
export async function listSteps(
  run: Run,
  schema: string,
  id: RunId,
  filter: { readonly unfinished?: boolean } = {},
  page: PageRequest | undefined,
): Promise<Page<StoredTask>> {
  checkKnownOptions('listSteps', filter, ['unfinished'])
  const { limit, after } = readPage('listSteps', page, { id: isUuid } satisfies CursorShape<CursorFields>)
  if (!isUuid(id)) return { items: [], next: null }
  const request = { run: id, unfinished: filter.unfinished === true, after: after?.id ?? null, limit, look: LOOK }
  const rows = await run(stepsQuery(schema, request), 'list steps')
  return pageOf<TaskRow, object, StoredTask>(rows, limit, toStoredTask, ({ listed }) =>
    writeCursor('listSteps', { id: listed }),
  )
}

/**
 * Tasks by id, see `Runs.readSteps`.
 * @throws QError `ERR_OPTION`
 */
export async function readSteps(run: Run, schema: string, ids: readonly TaskId[]): Promise<(StoredTask | null)[]> {
  checkInteger('readSteps', 'the number of ids', ids.length, 0, MOST_READ)
  const known = [...new Set(ids.filter(isUuid))]
  const rows = known.length === 0 ? [] : await run(tasksQuery(schema, known), 'read steps')
  const found = new Map(rows.map((row) => [row.id, toStoredTask(row)]))
  return ids.map((id) => found.get(id) ?? null)
}

/**
 * Runs that stand still, see `Runs.stuckRuns`.
 * @throws QError `ERR_OPTION`
 */
export async function stuckRuns(run: Run, schema: string, limit: number): Promise<RunInfo[]> {
  checkInteger('stuckRuns', 'limit', limit, 1, MOST_STUCK)
  return (await run(stuckRunsQuery(schema, limit), 'look for stuck runs')).map(toRunInfo)
}

function pageOf<Row, Place, Item>(
  rows: readonly (Listed<Row> & Place)[],
  limit: number,
  view: (row: Row) => Item,
  cursorOf: (row: Listed<Row> & Place) => string,
): Page<Item> {
  const items: Item[] = []
  for (const [at, row] of rows.entries()) {
    if (items.length === limit) return { items, next: cursorOf(rows[at - 1]!) }
    if (row.fits) items.push(view(row))
    if (row.stopped) return { items, next: cursorOf(row) }
  }
  return { items, next: null }
}
