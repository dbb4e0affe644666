/**
 * Pushes one batch.
 *
 * A statement whose connection broke may have been stored. It is sent again under the same ids, so that
 * what the first try stored is found instead of stored twice. So is one that could not make its queue known.
 */
import type { NewTask, Receipt } from '@q/core'
import { isQError, sleep, systemClock } from '@q/core'
import type { PushRow } from './columns.ts'
import { taskColumns } from './columns.ts'
import { isKeyHeld } from './connection/classify.ts'
import type { Run } from './connection/run.ts'
import type { Lanes } from './lanes.ts'
import { pushQuery } from './query/push.ts'
import { pushStepsQuery } from './query/steps.ts'

/** Sends of one push, when a lost connection leaves open what became of it. In the caller's transaction there is only one. */
export const PUSH_TRIES = 4
const FIRST_PAUSE_MS = 50

/** Stores tasks in order; all or none. */
export async function pushTasks(
  run: Run,
  schema: string,
  tasks: readonly NewTask[],
  lanes: Lanes,
  tries: number,
): Promise<Receipt[]> {
  const { sent, rows } = await resend(tries, async (again) => {
    const columns = taskColumns(tasks, await lanes.of(tasks, again))
    const query = tasks.some(({ step }) => step) ? pushStepsQuery(schema, columns, tasks) : pushQuery(schema, columns)
    return () => run(query, 'store tasks')
  })
  return receiptsOf(tasks, rows, sent)
}

/**
 * Sends a statement that can be repeated until it is answered, so many times at most; and once more when it says that a lane
 * is not what it was thought to be, in which case nothing was stored.
 * @param prepare Makes the statement. `again`: what is remembered of lanes was wrong.
 * @returns The answer, and how often it was sent.
 */
export async function resend<Row extends { readonly ord: number }>(
  tries: number,
  prepare: (again?: 'again') => Promise<() => Promise<readonly Row[]>>,
): Promise<{ readonly sent: number; readonly rows: readonly Row[] }> {
  let tried = 0
  let sent = 0
  const send = async (again?: 'again'): Promise<readonly Row[]> => {
    for (;;) {
      tried += 1
      try {
        const statement = await prepare(again)
        sent += 1
        return await statement()
      } catch (error) {
        if (tried >= tries || !isQError(error, 'ERR_BACKEND_UNAVAILABLE') || isKeyHeld(error)) throw error
        await sleep(systemClock, FIRST_PAUSE_MS * 2 ** tried * (0.5 + Math.random()))
      }
    }
  }
  let rows = await send()
  if (rows[0] !== undefined && Number(rows[0].ord) === 0) rows = await send('again')
  return { sent, rows }
}

function receiptsOf(tasks: readonly NewTask[], rows: readonly PushRow[], sent: number): Receipt[] {
  const receipts = tasks.map(({ id }): Receipt => ({ id, outcome: 'created' }))
  for (const row of rows) {
    const at = Number(row.ord) - 1
    // In a later try a task under its own id is the one that an earlier try stored.
    if (sent === 1 || row.existing !== tasks[at]!.id || !isFirst(tasks, at))
      receipts[at] = { id: row.existing, outcome: Number(row.outcome) === 2 ? 'replaced' : 'duplicate' }
  }
  return receipts
}

function isFirst(tasks: readonly NewTask[], at: number): boolean {
  return tasks.findIndex(({ id }) => id === tasks[at]!.id) === at
}
