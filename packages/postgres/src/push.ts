/**
 * Pushes one batch.
 *
 * A statement whose connection broke may have been stored. It is sent again under the same ids, so that
 * what the first try stored is found instead of stored twice.
 */
import type { NewTask, Receipt } from '@q/core'
import { isQError, sleep, systemClock } from '@q/core'
import { taskColumns } from './columns.ts'
import { isKeyHeld } from './connection/classify.ts'
import type { Run } from './connection/run.ts'
import type { Lanes } from './lanes.ts'
import type { PushRow } from './query/push.ts'
import { pushQuery } from './query/push.ts'

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
  let sent = 0
  const send = async (again?: 'again'): Promise<readonly PushRow[]> => {
    const query = pushQuery(schema, taskColumns(tasks, await lanes.of(tasks, again)))
    for (;;) {
      sent += 1
      try {
        return await run(query, 'store tasks')
      } catch (error) {
        if (sent >= tries || !isQError(error, 'ERR_BACKEND_UNAVAILABLE') || isKeyHeld(error)) throw error
        await sleep(systemClock, FIRST_PAUSE_MS * 2 ** sent * (0.5 + Math.random()))
      }
    }
  }
  let rows = await send()
  // A lane was not what it was thought to be: nothing was stored.
  if (rows[0] !== undefined && Number(rows[0].ord) === 0) rows = await send('again')
  return receiptsOf(tasks, rows, sent)
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
