/**
 * Sends settlements in id order, so that two statements never wait for each other's rows, and each task
 * once per statement, because one statement cannot change a row twice.
 */
import type { SettleAnswer, Settlement } from '@q/core'
import { taskColumns } from './columns.ts'
import type { Run } from './connection/run.ts'
import type { HeldClaims } from './held-claims.ts'
import type { Lanes } from './lanes.ts'
import type { Follows, SettleRow } from './query/settle.ts'
import { settleQuery } from './query/settle.ts'

interface Placed {
  readonly settlement: Settlement
  readonly index: number
}

/** One answer per settlement, in the order given. */
export async function settleTasks(
  run: Run,
  schema: string,
  settlements: readonly Settlement[],
  lanes: Lanes,
  held: HeldClaims,
): Promise<SettleAnswer[]> {
  const answers = settlements.map((): SettleAnswer => 'applied')
  for (const round of rounds(settlements)) {
    round.sort((a, b) => (a.settlement.id < b.settlement.id ? -1 : 1))
    const batch = round.map((placed) => placed.settlement)
    const leaving = batch.filter((settlement) => settlement.kind !== 'progress')
    const finished = held.finishedBy(leaving)
    const send = async (again?: 'again'): Promise<readonly SettleRow[]> =>
      run(settleQuery(schema, batch, finished, await followsOf(batch, lanes, again)), 'settle tasks')
    let rows = await send()
    // A lane was not what it was thought to be: nothing was changed.
    if (rows[0] !== undefined && Number(rows[0].ord) === 0) rows = await send('again')
    held.settle(leaving, finished)
    for (const row of rows) answers[round[Number(row.ord) - 1]!.index] = Number(row.answer) === 1 ? 'already' : 'stale'
  }
  return answers
}

/** The n-th settlement of a task goes into the n-th round. */
function rounds(settlements: readonly Settlement[]): Placed[][] {
  const result: Placed[][] = []
  const seen = new Map<string, number>()
  for (const [index, settlement] of settlements.entries()) {
    const round = seen.get(settlement.id) ?? 0
    seen.set(settlement.id, round + 1)
    ;(result[round] ??= []).push({ settlement, index })
  }
  return result
}

async function followsOf(batch: readonly Settlement[], lanes: Lanes, again?: 'again'): Promise<Follows | null> {
  const found = batch.flatMap(({ follow = [] }, index) => follow.map((task) => ({ task, of: index + 1 })))
  if (found.length === 0) return null
  const tasks = found.map((one) => one.task)
  return { of: found.map((one) => one.of), tasks: taskColumns(tasks, await lanes.of(tasks, again)) }
}
