/** What can be seen of runs. Lists of runs look at all of them, once; whatever else is read is found by its id. */
import { checkRunFilter } from '../backend/run-arguments.ts'
import type { RunFilter, RunId, RunInfo } from '../backend/runs.ts'
import type { Page, PageRequest } from '../backend/visibility.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import type { StoredTask, TaskId } from '../task/task.ts'
import type { Engine } from './engine.ts'
import type { ListOrder } from './paging.ts'
import { pageOf, placedBefore } from './paging.ts'
import type { Row } from './row.ts'
import type { RunRow } from './run-row.ts'
import { toRunInfo } from './run-row.ts'
import { toStored } from './views.ts'

const MOST_READ = 1_000
const MOST_STUCK = 1_000

/** The latest first. */
const RUN_ORDER: ListOrder<RunRow> = {
  list: 'listRuns',
  like: [0, ''],
  placeOf: ({ createdAt, id }) => [-createdAt, id],
  before: (a, b) => (a[0] === b[0] ? a[1]! > b[1]! : a[0]! < b[0]!),
}

const STEP_ORDER: ListOrder<Row> = {
  list: 'listSteps',
  like: [''],
  placeOf: ({ id }) => [id],
  before: placedBefore,
}

/** See `Runs.fetchRun`. */
export function fetchRun(engine: Engine, id: RunId): RunInfo | null {
  const run = engine.runs.get(id)
  return run === undefined ? null : toRunInfo(run)
}

/** See `Runs.listRuns`. */
export function listRuns(engine: Engine, filter: RunFilter, page: PageRequest | undefined): Page<RunInfo> {
  checkRunFilter('listRuns', filter)
  return pageOf(matching(engine, filter), page, RUN_ORDER, toRunInfo)
}

/** See `Runs.listSteps`. */
export function listSteps(
  engine: Engine,
  id: RunId,
  filter: { readonly unfinished?: boolean },
  page: PageRequest | undefined,
): Page<StoredTask> {
  checkKnownOptions('listSteps', filter, ['unfinished'])
  const run = engine.runs.get(id)
  const steps = filter.unfinished === true ? run?.living : run?.steps.values()
  return pageOf(steps ?? [], page, STEP_ORDER, toStored)
}

/** See `Runs.readSteps`. */
export function readSteps(engine: Engine, ids: readonly TaskId[]): (StoredTask | null)[] {
  if (ids.length > MOST_READ)
    throw new QError('ERR_OPTION', `readSteps: at most ${MOST_READ} ids in one call, got ${ids.length}.`)
  return ids.map((id) => {
    const row = engine.store.get(id)
    return row === undefined ? null : toStored(row)
  })
}

/** See `Runs.stuckRuns`. */
export function stuckRuns(engine: Engine, limit: number): RunInfo[] {
  checkInteger('stuckRuns', 'limit', limit, 1, MOST_STUCK)
  const stuck = [...engine.runs.goingOn()].filter(({ living }) => living.size === 0)
  stuck.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  return stuck.slice(0, limit).map(toRunInfo)
}

/**
 * See `Runs.waitRuns`.
 * @throws QError `ERR_RUN_NOT_FOUND`
 */
export async function* waitRuns(
  engine: Engine,
  ids: readonly RunId[],
  options: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
): AsyncGenerator<RunInfo, void, void> {
  const open = new Set<RunId>()
  const ended: RunRow[] = []
  for (const id of new Set(ids)) {
    const run = engine.runs.get(id)
    if (run === undefined) throw unknownRun(id)
    if (run.finishedAt === null) open.add(id)
    else ended.push(run)
  }
  ended.sort((a, b) => a.finishOrder - b.finishOrder)
  yield* engine.runWaiters.wait(open, ended.map(toRunInfo), options)
}

function* matching(engine: Engine, { queue, workflow, status, parent }: RunFilter): Generator<RunRow, void, void> {
  for (const run of engine.runs.all())
    if (
      (queue === undefined || run.queue === queue) &&
      (workflow === undefined || run.workflow === workflow) &&
      (status === undefined || run.status === status) &&
      (parent === undefined || run.parent?.run === parent)
    )
      yield run
}

function unknownRun(id: RunId): QError {
  return new QError(
    'ERR_RUN_NOT_FOUND',
    `The memory backend has no run ${String(id).slice(0, 60)}. It was never started here, or ended so long ago that it was forgotten (keepFinished).`,
  )
}
