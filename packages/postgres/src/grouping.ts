/** How calls that come at the same time are put into one statement, and what each is told. */
import type { NewTask, Settlement } from '@q/core'
import { QError } from '@q/core'
import { isKeyed } from './columns.ts'
import { isKeyHeld, toBackendError } from './connection/classify.ts'

/** Most tasks that calls which came together put into one statement. */
export const MAX_BATCH = 1_000
/** Most claim requests in one statement. */
export const MAX_CLAIMS = 64
/** Bytes count as one more task for every 8 KiB, which keeps a shared statement under about 8 MiB. */
const BYTES_PER_TASK = 8_192

/** What a push counts for. */
export function weightOfTasks(tasks: readonly NewTask[]): number {
  let bytes = 0
  for (const task of tasks) bytes += task.payload.bytes.byteLength
  return tasks.length + bytes / BYTES_PER_TASK
}

/** What settlements count for, with their results, errors and follow-on tasks. */
export function weightOfSettlements(settlements: readonly Settlement[]): number {
  let weight = settlements.length
  for (const settlement of settlements) {
    weight += bytesOf(settlement) / BYTES_PER_TASK
    if (settlement.follow !== undefined) weight += weightOfTasks(settlement.follow)
  }
  return weight
}

/** Whether a push may wait for a key that another transaction has taken. */
export function mayWait(tasks: readonly NewTask[]): boolean {
  return tasks.some(isKeyed)
}

/** Whether settlements bring follow-on tasks that may wait. */
export function followsMayWait(settlements: readonly Settlement[]): boolean {
  return settlements.some(({ follow }) => follow !== undefined && mayWait(follow))
}

/**
 * Runs several calls' items as one list and hands each call its part of the answers. When the list is refused, each
 * call goes alone, so that one bad call fails alone.
 */
export async function together<In, Out>(
  calls: readonly (readonly In[])[],
  run: (items: readonly In[]) => Promise<readonly Out[]>,
): Promise<(readonly Out[] | QError)[]> {
  try {
    const answers = await run(calls.length === 1 ? calls[0]! : calls.flat())
    let at = 0
    return calls.map((call) => answers.slice(at, (at += call.length)))
  } catch (error) {
    if (calls.length === 1 || (error instanceof QError && error.retryable && !isKeyHeld(error))) throw error
    // One after the other: those that wait take one connection and no more.
    const answers: (readonly Out[] | QError)[] = []
    for (const call of calls)
      answers.push(await run(call).catch((reason: unknown) => toBackendError(reason, 'write', '')))
    return answers
  }
}

/** The answer, or the error in its place. */
export function unwrap<T>(answer: T | QError): T {
  if (answer instanceof QError) throw answer
  return answer
}

function bytesOf(settlement: Settlement): number {
  switch (settlement.kind) {
    case 'done':
      return settlement.result?.bytes.byteLength ?? 0
    case 'progress':
      return settlement.checkpoint.byteLength
    case 'failed':
    case 'killed':
    case 'cancelled':
      return settlement.error === undefined
        ? 0
        : settlement.error.message.length + (settlement.error.stack?.length ?? 0)
    case 'released':
    case 'deferred':
      return 0
  }
}
