/** What is done to runs from outside: cancelled, run again, mended, forgotten. */
import type { CancelRunAnswer, NewTask, Retention, RetryRunAnswer, RunRetry, Runs } from '@q/core'
import { checkJoins, checkQueueName, checkRetry, storableReason } from '@q/core'
import { taskColumns } from './columns.ts'
import type { Run } from './connection/run.ts'
import { retentionSpans } from './control.ts'
import { isUuid } from './cursor.ts'
import type { Lanes } from './lanes.ts'
import { resend } from './push.ts'
import { cancelRunsQuery, repairRunQuery, retryRunQuery, vacuumRunsQuery } from './query/runs.ts'
import { laneValues, stepValues } from './run-columns.ts'
import { cancelledError } from './schema/words.ts'

type CancelRun = Parameters<Runs['cancelRuns']>[0][number]

/** Runs in one statement, of each of which a thousand steps may end. */
const CANCELLED_AT_ONCE = 10
const CANCEL_ANSWERS: readonly CancelRunAnswer[] = ['unknown', 'cancelling', 'already', 'ended']
const RETRY_ANSWERS: readonly RetryRunAnswer[] = ['unknown', 'retried', 'busy', 'stale']
/** A lane is not what it was thought to be. */
const WRONG_LANE = 4

/** What the calls that store steps stand on. */
interface Ground {
  readonly run: Run
  readonly schema: string
  readonly lanes: Lanes
}

/**
 * See `Runs.cancelRuns`.
 * @throws QError `ERR_OPTION`
 */
export async function cancelRuns(ground: Ground, requests: readonly CancelRun[]): Promise<CancelRunAnswer[]> {
  const errors = new Map(
    requests.map((request) => {
      const { reason = 'The run was cancelled.' } = request
      return [request, JSON.stringify(cancelledError(storableReason('cancelRuns', 'reason', reason)))]
    }),
  )
  const answers = new Map<CancelRun, CancelRunAnswer>()
  for (const batch of batchesOf(requests.filter(({ id }) => isUuid(id)))) {
    const { rows } = await resend(1, async (again) => {
      const values = await steps(
        ground,
        batch.map(({ task }) => task),
        again,
      )
      const given = [batch.map(({ id }) => id), batch.map((request) => errors.get(request)!), ...values]
      return () => ground.run(cancelRunsQuery(ground.schema, given), 'cancel runs')
    })
    for (const { ord, answer } of rows) answers.set(batch[Number(ord) - 1]!, CANCEL_ANSWERS[Number(answer)]!)
  }
  return requests.map((request) => answers.get(request) ?? 'unknown')
}

/** See `Runs.retryRun`. */
export async function retryRun(ground: Ground, retry: RunRetry): Promise<RetryRunAnswer> {
  checkRetry(retry)
  const { id, retries, resume, forget } = retry
  if (!isUuid(id)) return 'unknown'
  const given = [id, retries, distinct(resume.filter(isUuid)), distinct(forget.filter(isUuid)), ...joins(retry.joins)]
  const answer = await mend(ground, retry.tasks, async (values) =>
    ground.run(retryRunQuery(ground.schema, [...given, ...values]), 'run a run again'),
  )
  return RETRY_ANSWERS[answer]!
}

/** See `Runs.repairRun`. */
export async function repairRun(ground: Ground, repair: Pick<RunRetry, 'id' | 'joins' | 'tasks'>): Promise<void> {
  checkJoins('repairRun', repair.joins)
  const { id } = repair
  if (!isUuid(id)) return
  const given = [id, ...joins(repair.joins)]
  await mend(ground, repair.tasks, async (values) =>
    ground.run(repairRunQuery(ground.schema, [...given, ...values]), 'repair a run'),
  )
}

/**
 * See `Runs.vacuumRuns`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function vacuumRuns(
  run: Run,
  schema: string,
  queue: string,
  retention: Retention,
  limit: number,
): Promise<number> {
  checkQueueName(queue)
  const spans = retentionSpans('vacuumRuns', retention, limit)
  for (;;) {
    const [row] = await run(vacuumRunsQuery(schema, [queue, ...spans, limit]), 'forget runs')
    // At least one run, however many steps it has.
    if (Number(row!.deleted) > 0 || !row!.more) return Number(row!.deleted)
  }
}

/** Distinct runs in the order of their ids, each with a step of its own: what comes again comes later. */
function* batchesOf(requests: readonly CancelRun[]): Generator<readonly CancelRun[]> {
  let batch: CancelRun[] = []
  const ids = new Set<string>()
  for (const request of requests) {
    const { id, task } = request
    if (batch.length === CANCELLED_AT_ONCE || ids.has(id) || ids.has(task.id)) {
      yield batch.sort(byId)
      batch = []
      ids.clear()
    }
    batch.push(request)
    ids.add(id).add(task.id)
  }
  if (batch.length > 0) yield batch.sort(byId)
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}

async function mend(
  ground: Ground,
  tasks: readonly NewTask[],
  send: (values: unknown[]) => Promise<readonly { readonly answer: number }[]>,
): Promise<number> {
  const given = [...new Map(tasks.toReversed().map((task) => [task.id, task])).values()].toReversed()
  const [row] = await send(await steps(ground, given))
  if (Number(row!.answer) !== WRONG_LANE) return Number(row!.answer)
  const [again] = await send(await steps(ground, given, 'again'))
  return Number(again!.answer)
}

/** Steps as arguments, with what is known of their lanes; ids are distinct. */
async function steps({ lanes }: Ground, tasks: readonly NewTask[], again?: 'again'): Promise<unknown[]> {
  const columns = taskColumns(tasks, await lanes.of(tasks, again))
  return [...stepValues(columns, tasks), ...laneValues(columns)]
}

/** Joins as arguments; of one that is named twice what is said last. */
function joins(given: RunRetry['joins']): unknown[] {
  const last = [...new Map(given.map((join) => [join.id, join])).values()].filter(({ id }) => isUuid(id))
  return [
    last.map(({ id }) => id),
    last.map(({ arrived }) => arrived),
    last.map(({ done }) => done),
    last.map(({ failed }) => failed),
  ]
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)]
}
