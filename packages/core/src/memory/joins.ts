/** Steps that wait for several others: how many of those have arrived, and when there are enough. */
import type { Arrival } from '../backend/runs.ts'
import type { TaskId } from '../task/task.ts'

/** What has arrived at a step that several lead to. Once that step is stored, whatever else arrives changes nothing. */
export interface Join {
  arrived: number
  done: number
  failed: number
}

/** Counts an arrival; true when there are enough of them for the step to be stored, if it is not yet. */
export function arrive(joins: Map<TaskId, Join>, { task, arrived, done, failed, opens }: Arrival): boolean {
  let join = joins.get(task.id)
  if (join === undefined) {
    join = { arrived: 0, done: 0, failed: 0 }
    joins.set(task.id, join)
  }
  join.arrived += arrived
  join.done += done
  join.failed += failed
  return (
    join.arrived >= opens.arrived ||
    (opens.done !== undefined && join.done >= opens.done) ||
    (opens.failed !== undefined && join.failed > opens.failed)
  )
}

/** Says how joins stand. */
export function setJoins(
  joins: Map<TaskId, Join>,
  given: readonly { readonly id: TaskId; readonly arrived: number; readonly done: number; readonly failed: number }[],
): void {
  for (const { id, arrived, done, failed } of given) joins.set(id, { arrived, done, failed })
}
