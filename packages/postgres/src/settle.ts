/**
 * Sends settlements in id order, so that two statements never wait for each other's rows, and each task
 * once per statement, because one statement cannot change a row twice.
 *
 * A task that another transaction holds must not hold up the others: the statement waits for a moment, then those that
 * are held are found out and left for later. They are asked for first as long as they are known to be held.
 */
import type { SettleAnswer, Settlement, TaskId } from '@q/core'
import { taskColumns } from './columns.ts'
import { blameOf, isLockTimeout } from './connection/classify.ts'
import type { Run } from './connection/run.ts'
import type { HeldClaims } from './held-claims.ts'
import { heldUp } from './held-up.ts'
import type { Lanes } from './lanes.ts'
import type { Follows } from './query/settle.ts'
import { settleQuery } from './query/settle.ts'
import { settleStepsQuery } from './query/steps.ts'
import type { SettleRow } from './settle-columns.ts'
import { isOfStep, partsOf, touchedBy } from './step-parts.ts'

/** How often one statement may find more that is held. */
const MOST_TRIES = 3

/** A class for the same reason as `Claimed`. */
class Placed {
  readonly settlement: Settlement
  readonly index: number

  constructor(settlement: Settlement, index: number) {
    this.settlement = settlement
    this.index = index
  }
}

/** What settling stands on. */
export interface SettleGround {
  readonly run: Run
  readonly schema: string
  readonly lanes: Lanes
  readonly held: HeldClaims
  /** Tasks that other transactions were seen to hold, or the run of which. Absent in the caller's transaction, which an error ends. */
  readonly locked?: Set<TaskId>
}

/** One answer per settlement, in the order given. */
export async function settleTasks(
  ground: SettleGround,
  settlements: readonly Settlement[],
): Promise<(SettleAnswer | 'busy')[]> {
  const answers = settlements.map((): SettleAnswer | 'busy' => 'applied')
  const busy = new Set<TaskId>()
  for (const round of rounds(settlements)) {
    for (const { placed, row } of await settleRound(ground, round, busy))
      answers[placed.index] = Number(row.answer) === 1 ? 'already' : 'stale'
    for (const { settlement, index } of round) if (busy.has(settlement.id)) answers[index] = 'busy'
  }
  return answers
}

/** Settles what is not busy, adds what turns out to be, and returns what was not applied. */
async function settleRound(
  { run, schema, lanes, held, locked }: SettleGround,
  round: readonly Placed[],
  busy: Set<TaskId>,
): Promise<{ readonly placed: Placed; readonly row: SettleRow }[]> {
  const look = async (settlements: readonly Settlement[]): Promise<void> => {
    const found = await heldUp(run, schema, settlements)
    for (const { id } of settlements) locked?.delete(id)
    for (const id of found) {
      locked?.add(id)
      busy.add(id)
    }
  }
  const known = round.filter(({ settlement }) => locked?.has(settlement.id)).map(({ settlement }) => settlement)
  if (known.length > 0) await look(known)
  for (let tries = 1; ; tries++) {
    const open = round.filter(({ settlement }) => !busy.has(settlement.id))
    if (open.length === 0) return []
    open.sort((a, b) => (a.settlement.id < b.settlement.id ? -1 : 1))
    const batch = open.map((placed) => placed.settlement)
    const leaving = batch.filter((settlement) => settlement.kind !== 'progress')
    const finished = held.finishedBy(leaving)
    const ofSteps = batch.some(isOfStep)
    const send = async (again?: 'again'): Promise<readonly SettleRow[]> =>
      run(
        ofSteps
          ? settleStepsQuery(schema, batch, finished, await partsOf(batch, lanes, again))
          : settleQuery(schema, batch, finished, await followsOf(batch, lanes, again)),
        'settle tasks',
      )
    try {
      let rows = await send()
      // A lane was not what it was thought to be: nothing was changed.
      if (rows[0] !== undefined && Number(rows[0].ord) === 0) rows = await send('again')
      held.settle(leaving, finished)
      return rows.map((row) => ({ placed: open[Number(row.ord) - 1]!, row }))
    } catch (error) {
      const before = busy.size
      if (locked !== undefined && tries < MOST_TRIES) {
        const blame = blameOf(error)
        for (const { id, follow } of batch) if (follow?.some((task) => blame.has(task.id))) busy.add(id)
        if (isLockTimeout(error)) await look(batch)
      }
      if (busy.size === before) throw error
    }
  }
}

/**
 * The n-th settlement of a task goes into the n-th round, or a later one if it touches what those of that round touch. Those
 * that say something of runs have rounds of their own.
 */
function rounds(settlements: readonly Settlement[]): Placed[][] {
  const result: { readonly plain: Placed[]; readonly ofSteps: Placed[] }[] = []
  const next = new Map<string, number>()
  for (const [index, settlement] of settlements.entries()) {
    const ofStep = isOfStep(settlement)
    const { alone, shared } = ofStep ? touchedBy(settlement) : NOTHING
    const own = [settlement.id, ...alone]
    const round = Math.max(
      ...own.map((name) => next.get(name) ?? 0),
      ...shared.map((name) => next.get(`not ${name}`) ?? 0),
    )
    for (const name of own) next.set(name, round + 1)
    for (const name of alone) next.set(`not ${name}`, round + 1)
    for (const name of shared) next.set(name, Math.max(next.get(name) ?? 0, round + 1))
    const { plain, ofSteps } = (result[round] ??= { plain: [], ofSteps: [] })
    ;(ofStep ? ofSteps : plain).push(new Placed(settlement, index))
  }
  return result.flatMap(({ plain, ofSteps }) => [plain, ofSteps].filter(({ length }) => length > 0))
}

const NOTHING: ReturnType<typeof touchedBy> = { alone: [], shared: [] }

async function followsOf(batch: readonly Settlement[], lanes: Lanes, again?: 'again'): Promise<Follows | null> {
  const found = batch.flatMap(({ follow = [] }, index) => follow.map((task) => ({ task, of: index + 1 })))
  if (found.length === 0) return null
  const tasks = found.map((one) => one.task)
  return { of: found.map((one) => one.of), tasks: taskColumns(tasks, await lanes.of(tasks, again)) }
}
