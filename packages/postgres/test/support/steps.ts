/** Runs and steps as the tests of this package write them. */
import type { Arrival, ClaimedTask, NewRun, NewTask, RunPart, Settlement } from '@q/core'
import { uuidv7 } from '@q/core'
import type { PostgresBackend } from '../../src/backend.ts'
import { instanceOf, type TestSchema } from './schema.ts'

const NOTHING = { codec: 'json', bytes: new TextEncoder().encode('null') }

/** A step, not stored, due now. */
export function step(queue: string, run: string, node: string, more: Partial<NewTask> = {}): NewTask {
  return {
    id: uuidv7(),
    queue,
    payload: NOTHING,
    priority: 0,
    due: { afterMs: 0 },
    maxAttempts: null,
    key: null,
    metadata: null,
    step: { run, node, index: 0 },
    ...more,
  }
}

/** A run, not started, with a first step for each node. */
export function newRun(queue: string, nodes: readonly string[], more: Partial<NewRun> = {}): NewRun {
  const id = uuidv7()
  return {
    id,
    queue,
    workflow: 'w',
    version: null,
    hash: 'h',
    input: NOTHING,
    key: null,
    metadata: null,
    deadline: null,
    parent: null,
    tasks: nodes.map((node) => step(queue, id, node)),
    ...more,
  }
}

/** Starts runs and claims all of their first steps. */
export async function underWay(
  on: TestSchema,
  runs: (queue: string) => readonly NewRun[],
): Promise<{
  readonly backend: PostgresBackend
  readonly queue: string
  readonly runs: readonly NewRun[]
  /** In the order of the runs. */
  readonly steps: readonly (readonly ClaimedTask[])[]
  readonly claim: () => Promise<readonly ClaimedTask[]>
}> {
  const storage = on.storage()
  const { backend, queue } = storage
  const instance = await instanceOf(storage as never)
  const started = runs(queue)
  await backend.startRuns(started)
  const claim = async (): Promise<readonly ClaimedTask[]> =>
    (await backend.claim({ instance, queues: [{ queue, limit: 1_000 }] })).tasks
  const tasks = await claim()
  const steps = started.map(({ id }) => tasks.filter((task) => task.step?.run === id))
  return { backend, queue, runs: started, steps, claim }
}

/** A settlement as done that says something of a run. */
export function done({ id, token }: ClaimedTask, run: RunPart): Settlement {
  return { id, token, kind: 'done', result: null, run }
}

/** An arrival of one that is done, at a join that opens when so many have arrived. */
export function arrival(task: NewTask, needed: number, more: Partial<Arrival> = {}): Arrival {
  return { task, arrived: 1, done: 1, failed: 0, opens: { arrived: needed }, ...more }
}
