/** Stores what an attempt leaves for the next one, and says whether it did. */
import { QError } from '../error.ts'
import type { ClaimedTask } from '../task/task.ts'
import type { Settler } from './settler.ts'

/**
 * Durable when it returns.
 * @throws QError `ERR_LEASE_LOST` when the claim is no longer this worker's; `ERR_BACKEND` when the store refuses the
 *   bytes; `ERR_BACKEND_UNAVAILABLE` when the worker had to stop first.
 */
export async function saveCheckpoint(
  settler: Settler,
  { id, token }: ClaimedTask,
  checkpoint: Uint8Array,
): Promise<void> {
  const answer = await settler.add({ id, token, kind: 'progress', checkpoint })
  if (answer === 'applied' || answer === 'already') return
  if (answer === 'stale')
    throw new QError('ERR_LEASE_LOST', `Task ${id} is no longer this worker's; its progress was not stored.`)
  throw new QError(
    answer === 'refused' ? 'ERR_BACKEND' : 'ERR_BACKEND_UNAVAILABLE',
    `The progress of task ${id} was not stored.`,
  )
}
