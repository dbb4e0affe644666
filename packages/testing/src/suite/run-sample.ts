/** Runs and their steps as the cases write them. */
import assert from 'node:assert/strict'
import type {
  Arrival,
  Backend,
  Capabilities,
  ClaimedTask,
  NewRun,
  NewTask,
  RunId,
  RunInfo,
  RunPart,
  Runs,
  RunStatus,
  StoredTask,
  TaskId,
} from '@q/core'
import { uuidv7 } from '@q/core'
import type { CaseContext } from './context.ts'
import type { Instance } from './instance.ts'
import { done, text } from './sample.ts'

/** The backend as a keeper of runs. For cases that need `startRuns`. */
export function runsOf(c: CaseContext, backend: Backend<unknown> = c.backend): Backend<unknown> & Runs<unknown> {
  return c.with('startRuns', backend)
}

/** A run, not started, in the case's queue, whose first step is called `a`. */
export function newRun(c: CaseContext, more: Partial<NewRun> = {}): NewRun {
  const id = more.id ?? uuidv7()
  const queue = more.queue ?? c.queue
  return {
    id,
    queue,
    workflow: 'orders',
    version: null,
    hash: 'h1',
    input: text(`input of ${id}`),
    key: null,
    metadata: null,
    deadline: null,
    parent: null,
    tasks: [newStep(c, id, 'a', { queue })],
    ...more,
  }
}

/** A step, not stored. */
export function newStep(c: CaseContext, run: RunId, node: string, more: Partial<NewTask> = {}): NewTask {
  return c.task({ step: { run, node, index: 0 }, ...more })
}

/** Starts a run with a first step for each node, due now. */
export async function startRun(
  c: CaseContext,
  nodes: readonly string[] = ['a'],
  more: Partial<NewRun> = {},
): Promise<NewRun> {
  const id = more.id ?? uuidv7()
  const { queue = c.queue } = more
  const run = newRun(c, { id, tasks: nodes.map((node) => newStep(c, id, node, { queue })), ...more })
  assert.deepEqual(await runsOf(c).startRuns([run]), [{ id, outcome: 'created' }])
  await stands(c, run, 'running')
  return run
}

/** A run that was started, the steps that its holder has, in the order of their nodes. */
export interface RunUnderWay {
  readonly run: NewRun
  readonly holder: Instance
  readonly steps: readonly ClaimedTask[]
  /** The first of the steps. */
  readonly step: ClaimedTask
}

/** Starts a run with a first step for each node, and claims them all. */
export async function underWay(
  c: CaseContext,
  nodes: readonly string[] = ['a'],
  more: Partial<NewRun> = {},
): Promise<RunUnderWay> {
  const run = await startRun(c, nodes, more)
  const holder = await c.instance(c.backend, { queues: [run.queue] })
  const steps = await holder.take(nodes.length, run.queue)
  assert.deepEqual(
    steps.map(({ step }) => step?.node),
    nodes,
  )
  return { run, holder, steps, step: steps[0]! }
}

/** Starts a run of one step and lets that step end it. */
export async function endedRun(
  c: CaseContext,
  status: 'done' | 'failed' | 'cancelled' = 'done',
  more: Partial<NewRun> = {},
): Promise<NewRun> {
  const { run, step } = await underWay(c, ['a'], more)
  await c.applied(done(step, { run: ending(run, status) }))
  return run
}

/** The part of a settlement that changes the status of its run. */
export function ending(run: { readonly id: RunId }, status: Exclude<RunStatus, 'running'>): RunPart {
  return { run: run.id, change: { status } }
}

/** An arrival of one predecessor that is done, at a step that opens when so many have arrived. */
export function arrival(task: NewTask, needed: number, more: Partial<Arrival> = {}): Arrival {
  return { task, arrived: 1, done: 1, failed: 0, opens: { arrived: needed }, ...more }
}

/** The part of a settlement with which its step arrives somewhere. */
export function arriving(run: { readonly id: RunId }, ...arrive: readonly Arrival[]): RunPart {
  return { run: run.id, arrive }
}

/** The run as a reader sees it. */
export async function infoOf(c: CaseContext, { id }: { readonly id: RunId }): Promise<RunInfo> {
  const info = await runsOf(c).fetchRun(id)
  assert.ok(info, `run ${id} should be found`)
  return info
}

/** Fails unless the run stands so. */
export async function stands(c: CaseContext, run: { readonly id: RunId }, status: RunStatus): Promise<void> {
  assert.equal((await infoOf(c, run)).status, status)
}

/** The step as a reader sees it. */
export async function stepInfo(c: CaseContext, id: TaskId): Promise<StoredTask> {
  const [step] = await runsOf(c).readSteps([id])
  assert.ok(step, `step ${id} should be found`)
  return step
}

/** How each of the steps stands. */
export async function statusesOf(
  c: CaseContext,
  steps: readonly { readonly id: TaskId }[],
): Promise<(StoredTask['status'] | null)[]> {
  const found = await runsOf(c).readSteps(steps.map(({ id }) => id))
  return found.map((step) => step?.status ?? null)
}

/** The backend as a keeper of messages. For cases that need `signal`. */
export function mailboxOf(
  c: CaseContext,
  backend: Backend<unknown> = c.backend,
): Backend<unknown> & Capabilities['signal'] {
  return c.with('signal', backend)
}
