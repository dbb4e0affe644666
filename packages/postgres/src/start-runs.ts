/**
 * Starts one batch of runs with their first steps. A statement whose connection broke may have started them: it is sent
 * again under the same ids, like a push.
 */
import type { NewRun, NewTask, Receipt } from '@q/core'
import { taskColumns } from './columns.ts'
import type { Run } from './connection/run.ts'
import type { Lanes } from './lanes.ts'
import { resend } from './push.ts'
import type { FirstSteps } from './query/steps.ts'
import { startRunsQuery } from './query/steps.ts'

/** One receipt per run, in the order given. */
export async function startRuns(
  run: Run,
  schema: string,
  runs: readonly NewRun[],
  lanes: Lanes,
  tries: number,
): Promise<Receipt[]> {
  const { sent, rows } = await resend(tries, async (again) => {
    const first = await firstSteps(runs, lanes, again)
    return () => run(startRunsQuery(schema, runs, first), 'start runs')
  })
  const receipts = runs.map(({ id }): Receipt => ({ id, outcome: 'created' }))
  for (const { ord, existing } of rows) {
    const at = Number(ord) - 1
    // In a later try a run under its own id is the one that an earlier try started.
    if (sent === 1 || existing !== runs[at]!.id || !isFirst(runs, at))
      receipts[at] = { id: existing, outcome: 'duplicate' }
  }
  return receipts
}

async function firstSteps(runs: readonly NewRun[], lanes: Lanes, again?: 'again'): Promise<FirstSteps> {
  const found = new Map<string, { readonly task: NewTask; readonly of: number }>()
  for (const [at, { tasks }] of runs.entries())
    for (const task of tasks) if (!found.has(task.id)) found.set(task.id, { task, of: at + 1 })
  const tasks = [...found.values()].map(({ task }) => task)
  return {
    of: [...found.values()].map(({ of }) => of),
    tasks,
    columns: taskColumns(tasks, await lanes.of(tasks, again)),
  }
}

function isFirst(runs: readonly NewRun[], at: number): boolean {
  return runs.findIndex(({ id }) => id === runs[at]!.id) === at
}
