/** Finds runs that stand still, says why a run waits, and stores what should have been there. */
import { type NewTask, QError, type RunInfo, type StoredTask, type TaskId } from '@q/core'
import { DONE, doneTask, END, endTask, UNDO } from '../engine/control.ts'
import { leftAfter } from '../engine/ending.ts'
import type { Frame } from '../engine/frame.ts'
import { list } from '../engine/work/step.ts'
import type { Graph } from '../graph/graph.ts'
import { frameOfSteps, isOpen, replay } from './replay.ts'
import { storedSteps } from './steps.ts'
import type { RunHost } from './store.ts'

/** Why a run has not gone on. */
export interface WaitReason {
  readonly id: TaskId
  readonly node: string
  readonly index: number
  /**
   * - `due`: a worker may take it at any moment: if none does, none that knows the node runs
   * - `scheduled`: not due before `until`; a delay, a wait with a time limit, or the next attempt
   * - `parked`: waits for a signal or a child, without a time limit
   * - `held`: a worker has it
   */
  readonly reason: 'due' | 'scheduled' | 'parked' | 'held'
  readonly until: number | null
  readonly attempt: number
  readonly error: StoredTask['error']
}

/** Later than this is never. */
const FAR_MS = Date.UTC(9000, 0)

/** What a run waits for, step by step. @param now Milliseconds since the epoch by the store's clock, about. */
export async function whyWaiting(host: RunHost<never>, run: string, now: number): Promise<WaitReason[]> {
  const reasons: WaitReason[] = []
  for await (const { id, step, status, runAt, attempt, error } of storedSteps(host.runs, run, { unfinished: true })) {
    const held = status === 'queued' || status === 'running'
    const reason = held ? 'held' : runAt <= now ? 'due' : runAt >= FAR_MS ? 'parked' : 'scheduled'
    reasons.push({
      id,
      node: step?.node ?? '',
      index: step?.index ?? 0,
      reason,
      until: reason === 'scheduled' ? runAt : null,
      attempt,
      error,
    })
  }
  return reasons
}

/**
 * Stores the steps and arrivals that a run should have had. Does nothing to a run that is right, or has ended.
 * @returns Nodes of the steps that were missing.
 * @throws QError `ERR_RUN_NOT_FOUND`
 */
export async function repairRun(host: RunHost<never>, graph: Graph, id: string): Promise<readonly string[]> {
  const info: RunInfo | null = await host.runs.fetchRun(id)
  if (info === null) throw new QError('ERR_RUN_NOT_FOUND', `There is no run ${id} of "${graph.name}".`)
  const steps = await list(storedSteps(host.runs, id))
  const frame = frameOfSteps(id, info.queue, steps)
  const exists = new Set(steps.map((step) => step.id))
  if (info.status === 'failing' || info.status === 'cancelling') {
    const task = missingEnd(frame, steps)
    if (task !== undefined) await host.runs.repairRun({ id, joins: [], tasks: [task] })
    return task === undefined ? [] : [task.step!.node]
  }
  if (info.status !== 'running') return []
  const { tasks, joins, ends } = replay(host, graph, frame, steps)
  const open = [...joins.values()].filter(isOpen).map(({ task }) => task)
  const missing = [...tasks.values(), ...open].filter((task) => !exists.has(task.id))
  const closed = [...joins.values()].filter((join) => !isOpen(join) && !exists.has(join.task.id))
  const finish = steps.filter(({ step }) => step?.node === DONE)
  const [end] = ends.length > 0 ? ends : finish.map(({ id: of, status }) => ({ kind: endedBy(status), of }))
  // What the last one did to the run was lost: another does it.
  if (end !== undefined && missing.length === 0 && !steps.some(({ finishedAt }) => finishedAt === null))
    missing.push(doneTask(frame, finish.length, end))
  await host.runs.repairRun({
    id,
    tasks: missing,
    joins: closed.map(({ task, arrived, done, failed }) => ({ id: task.id, arrived, done, failed })),
  })
  return missing.map(({ step }) => step!.node)
}

function endedBy(status: StoredTask['status']): 'output' | 'failed' {
  return status === 'done' ? 'output' : 'failed'
}

/** The step that ends a run that fails or is cancelled, if none lives: with what an earlier one left to be undone. */
function missingEnd(frame: Frame, steps: readonly StoredTask[]): NewTask | undefined {
  const ending = steps.filter(({ step }) => step?.node === END || step?.node.startsWith(UNDO) === true)
  if (ending.some(({ finishedAt }) => finishedAt === null)) return undefined
  const undone = ending.filter(({ step }) => step!.node !== END).map((step) => leftAfter(step))
  const left = undone.toSorted((a, b) => a.nodes.length - b.nodes.length)[0]
  const number = ending.filter(({ step }) => step!.node === END).length
  return endTask(
    frame,
    number,
    left === undefined ? undefined : { ...left, partial: undone.some((each) => each.partial) },
  )
}
