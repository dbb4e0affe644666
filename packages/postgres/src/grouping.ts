/** How calls that come at the same time are put into one statement, and what each is told. */
import type { NewRun, NewTask, RunPart, Settlement } from '@q/core'
import { QError } from '@q/core'
import { isKeyed } from './columns.ts'
import { blamed, blameOf, isKeyHeld, toBackendError } from './connection/classify.ts'

/** Most tasks that calls which came together put into one statement. */
export const MAX_BATCH = 1_000
/** Most claim requests in one statement. */
export const MAX_CLAIMS = 64
/** Bytes count as one more task for every 8 KiB, which keeps a shared statement under about 8 MiB. */
const BYTES_PER_TASK = 8_192
/** How often calls that came together wait for keys that another transaction holds, before those that are left give up. */
const MOST_WAITS = 3

/** What a push counts for. */
export function weightOfTasks(tasks: readonly NewTask[]): number {
  let bytes = 0
  for (const task of tasks) bytes += task.payload.bytes.byteLength
  return tasks.length + bytes / BYTES_PER_TASK
}

/** What starts of runs count for, with their first steps. */
export function weightOfRuns(runs: readonly NewRun[]): number {
  let weight = runs.length
  for (const { input, tasks } of runs) weight += input.bytes.byteLength / BYTES_PER_TASK + weightOfTasks(tasks)
  return weight
}

/** What settlements count for, with their results, errors and follow-on tasks. */
export function weightOfSettlements(settlements: readonly Settlement[]): number {
  let weight = settlements.length
  for (const settlement of settlements) {
    weight += bytesOf(settlement) / BYTES_PER_TASK
    if (settlement.follow !== undefined) weight += weightOfTasks(settlement.follow)
    if (settlement.run !== undefined) weight += weightOfPart(settlement.run)
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
 * Runs several calls' items as one list and hands each call its part of the answers.
 *
 * When the server says which items are to blame, their calls fail and the rest goes together again. Refused for
 * another reason, each call goes alone, so that one bad call fails alone.
 * @param nameOf The id by which the server knows an item.
 */
export async function together<In, Out>(
  calls: readonly (readonly In[])[],
  run: (items: readonly In[]) => Promise<readonly Out[]>,
  what: string,
  nameOf: (item: In) => string | undefined = () => undefined,
): Promise<(readonly Out[] | QError)[]> {
  const answers: (readonly Out[] | QError)[] = []
  let open = calls.map((call, index) => ({ call, index }))
  for (let waits = 0; open.length > 0;) {
    try {
      const found = await run(open.length === 1 ? open[0]!.call : open.flatMap(({ call }) => call))
      let at = 0
      for (const { call, index } of open) answers[index] = found.slice(at, (at += call.length))
      break
    } catch (reason) {
      const error = toBackendError(reason, what, '')
      const blame = blameOf(error)
      const left = open.filter(({ call, index }) => {
        const sentence = call.map((item) => blame.get(nameOf(item) ?? '')).find((said) => said !== undefined)
        if (sentence !== undefined) answers[index] = blamed(error, what, sentence)
        return sentence === undefined
      })
      const named = left.length < open.length
      if (isKeyHeld(error)) waits += 1
      if (left.length === 1 && !named) answers[left[0]!.index] = error
      else if (error.retryable && (!named || waits === MOST_WAITS)) for (const { index } of left) answers[index] = error
      else if (named) {
        open = left
        continue
      } else
        for (const { call, index } of left)
          answers[index] = await run(call).catch((again: unknown) => toBackendError(again, what, ''))
      break
    }
  }
  return answers
}

/** The answer, or the error in its place. */
export function unwrap<T>(answer: T | QError): T {
  if (answer instanceof QError) throw answer
  return answer
}

function weightOfPart({ arrive = [], start = [], change }: RunPart): number {
  return (
    weightOfTasks(arrive.map(({ task }) => task)) +
    weightOfRuns(start) +
    (change?.output?.bytes.byteLength ?? 0) / BYTES_PER_TASK
  )
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
