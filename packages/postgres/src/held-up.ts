/** Finds out which settlements have to wait: another transaction holds their task, or a run or a join that they change. */
import type { Settlement, TaskId } from '@q/core'
import type { Run } from './connection/run.ts'
import { lockedQuery } from './query/settle.ts'
import { lockedRunsQuery } from './query/steps.ts'

/** The ids of those tasks. Waits for nobody. */
export async function heldUp(run: Run, schema: string, settlements: readonly Settlement[]): Promise<Set<TaskId>> {
  const ids = [...new Set(settlements.map(({ id }) => id))].sort()
  const [tasks] = await run(lockedQuery(schema, [ids]), 'see which tasks are held')
  const found = new Set<TaskId>(tasks!.ids)
  const parts = settlements.flatMap(({ id, run: part }) => (part === undefined ? [] : [{ id, ...part }]))
  if (parts.length === 0) return found
  const joins = parts.flatMap(({ run: of, arrive = [] }) => arrive.map(({ task }) => ({ of, id: task.id })))
  const query = lockedRunsQuery(schema, [
    [...new Set(parts.map((part) => part.run))].sort(),
    joins.map(({ of }) => of),
    joins.map(({ id }) => id),
  ])
  const [runs] = await run(query, 'see which runs are held')
  const held = new Set(runs!.ids)
  for (const part of parts) if (held.has(part.run)) found.add(part.id)
  return found
}
