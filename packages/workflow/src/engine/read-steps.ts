/** Reads however many steps, no more at once than a statement should. */
import type { Runs, StoredTask, TaskId } from '@q/core'

const MOST = 1_000

/** Steps by id, in the order given; `null` for those that do not exist. */
export async function readSteps(
  runs: Pick<Runs, 'readSteps'>,
  ids: readonly TaskId[],
): Promise<readonly (StoredTask | null)[]> {
  const steps: (StoredTask | null)[] = []
  for (let from = 0; from < ids.length; from += MOST)
    steps.push(...(await runs.readSteps(ids.slice(from, from + MOST))))
  return steps
}
