/**
 * Pushes one batch: what repeats within it is answered here, the rest by the database.
 *
 * A statement whose connection broke may have been stored. It is sent again under the same ids, so that
 * what the first try stored is found instead of stored twice.
 */
import type { NewTask, Receipt } from '@q/core'
import { isQError, QError, sleep, systemClock } from '@q/core'
import type { Run } from './connection/run.ts'
import { pushQuery } from './query/push.ts'

/** Sends of one push, when a lost connection leaves open what became of it. In the caller's transaction there is only one. */
export const PUSH_TRIES = 4
const FIRST_PAUSE_MS = 50

/** Stores tasks whose lanes are given, in order; all or none. */
export async function pushTasks(
  run: Run,
  schema: string,
  tasks: readonly NewTask[],
  lanes: readonly number[],
  tries: number,
): Promise<Receipt[]> {
  const { firsts, firstOf } = withoutRepeats(tasks)
  const all = firsts.length === tasks.length
  const query = pushQuery(
    schema,
    all ? tasks : firsts.map((index) => tasks[index]!),
    all ? lanes : firsts.map((index) => lanes[index]!),
  )
  const { rows, sent } = await sendUntilKnown(run, query, tries)
  const existing = new Map(rows.map((row) => [Number(row.ord) - 1, row.existing]))

  const receipts: Receipt[] = []
  for (const [at, index] of firsts.entries()) {
    const { id } = tasks[index]!
    const found = existing.get(at)
    // In a later try a task under its own id is the one that an earlier try stored.
    const created = found === undefined || (sent > 1 && found === id)
    receipts[index] = { id: found ?? id, outcome: created ? 'created' : 'duplicate' }
  }
  for (const [index, first] of firstOf) receipts[index] = { id: receipts[first]!.id, outcome: 'duplicate' }
  return receipts
}

async function sendUntilKnown(run: Run, query: ReturnType<typeof pushQuery>, tries: number) {
  for (let sent = 1; ; sent++) {
    try {
      return { rows: await run(query, 'store tasks'), sent }
    } catch (error) {
      if (sent >= tries || !isQError(error, 'ERR_BACKEND_UNAVAILABLE')) throw error
      await sleep(systemClock, FIRST_PAUSE_MS * 2 ** sent * (0.5 + Math.random()))
    }
  }
}

/** Places of the first task of each id and key, and for every repeat the place of its first. */
function withoutRepeats(tasks: readonly NewTask[]): {
  firsts: number[]
  firstOf: Map<number, number>
} {
  const seen = new Map<string, number>()
  const firsts: number[] = []
  const firstOf = new Map<number, number>()
  for (let index = 0; index < tasks.length; index++) {
    const task = tasks[index]!
    const key = task.key === null ? undefined : `${task.queue} ${task.key}`
    const first = seen.get(task.id) ?? (key === undefined ? undefined : seen.get(key))
    if (first !== undefined) {
      if (
        key !== undefined &&
        tasks[first]!.key === task.key &&
        !sameBytes(tasks[first]!.payload.bytes, task.payload.bytes)
      ) {
        throw new QError(
          'ERR_KEY_CONFLICT',
          `idempotency key "${task.key}" of queue "${task.queue}" stands twice in one push with different payloads.`,
        )
      }
      firstOf.set(index, first)
      continue
    }
    seen.set(task.id, index)
    if (key !== undefined) seen.set(key, index)
    firsts.push(index)
  }
  return { firsts, firstOf }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index])
}
