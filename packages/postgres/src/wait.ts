/** Waits for tasks by looking, quickly at first and then ever more slowly. */
import type { Outcome, TaskId, WaitOptions } from '@q/core'
import { QError, sleep, systemClock } from '@q/core'
import type { Run } from './connection/run.ts'
import { outcomesQuery, unknownQuery } from './query/read.ts'
import { toOutcome } from './row.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500
/** Ids looked up by one statement. */
const LOOK_BATCH = 1_000

/** Yields outcomes as tasks finish. Survives a database that goes away for a while. */
export async function* waitForTasks(
  run: Run,
  schema: string,
  ids: readonly TaskId[],
  options: WaitOptions,
  closing: AbortSignal,
): AsyncGenerator<Outcome> {
  const open = new Set(ids)
  const deadline = options.timeoutMs === undefined ? Infinity : performance.now() + options.timeoutMs
  const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing])
  let pause = FIRST_PAUSE_MS
  let checked = false
  while (open.size > 0) {
    signal.throwIfAborted()
    let found = 0
    try {
      for (const batch of batches([...open])) {
        for (const row of await run(outcomesQuery(schema, batch), 'read outcomes')) {
          open.delete(row.id)
          found += 1
          yield toOutcome(row)
        }
        if (!checked) await rejectUnknown(run, schema, batch)
      }
      checked = true
    } catch (error) {
      if (!(error instanceof QError) || error.code !== 'ERR_BACKEND_UNAVAILABLE') throw error
    }
    if (open.size === 0) return
    const left = deadline - performance.now()
    if (left <= 0)
      throw new QError(
        'ERR_WAIT_TIMEOUT',
        `${open.size} of ${ids.length} tasks did not finish within ${options.timeoutMs} ms, the first of them ${[...open][0]}.`,
      )
    pause = found > 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pause * 1.5)
    await sleep(systemClock, Math.min(pause, left), signal)
  }
}

async function rejectUnknown(run: Run, schema: string, ids: readonly TaskId[]): Promise<void> {
  const [unknown] = await run(unknownQuery(schema, ids), 'look for tasks')
  if (unknown !== undefined)
    throw new QError(
      'ERR_TASK_NOT_FOUND',
      `No task ${unknown.id} in schema "${schema}". If it was pushed in a transaction, wait for it after the commit.`,
    )
}

function* batches(ids: readonly TaskId[]): Generator<readonly TaskId[]> {
  for (let at = 0; at < ids.length; at += LOOK_BATCH) yield ids.slice(at, at + LOOK_BATCH)
}
