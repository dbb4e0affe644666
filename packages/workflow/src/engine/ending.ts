/**
 * How a run ends that fails or is cancelled: first everything under way, then what it did is undone, then the run.
 *
 * `$end` comes back until no other step of the run lives; only then it is certain which nodes were done. What is to be
 * undone is undone by steps of their own, one after the other, the latest first, so that each is retried like any step.
 */
import type { ClaimedTask, ErrorRecord, ProgramContext, RunChange, RunInfo, StoredTask } from '@q/core'
import type { Graph } from '../graph/graph.ts'
import { nodeNamed, storedName } from '../graph/names.ts'
import { DEADLINE, endTask, UNDO } from './control.ts'
import { stepContext } from './context.ts'
import { controlTask, type Frame, frameOf } from './frame.ts'
import type { Host } from './host.ts'
import { type Outcome, outcome } from './outcome.ts'
import { decodeRef, encodeRef, type Ref } from './refs.ts'
import type { Moves } from './transition.ts'

/** How long the end of a run waits before it looks again whether everything has ended. */
const LOOK_MS = 250
const NOTHING = { follow: [], arrive: [] } as const

/** Ends a run, or looks again later. */
export async function end(host: Host, graph: Graph, ctx: ProgramContext): Promise<Outcome> {
  const frame = frameOf(ctx.task)
  const { run } = frame
  await host.runs.cancelRuns([{ id: run, task: endTask(frame) }])
  const { items } = await host.runs.listSteps(run, { unfinished: true }, { limit: 3 })
  // The deadline ends with the run.
  const others = items.some(({ id, step }) => id !== ctx.taskId && step?.node !== DEADLINE)
  if ((await cancelChildren(host, frame)) || others) return outcome({ kind: 'later', afterMs: LOOK_MS })
  const left = leftOf(ctx.task)
  const nodes = left?.nodes ?? (await toUndo(host, graph, run))
  const moves = undo(ctx.task, nodes, left?.partial ?? false, left !== undefined || nodes.length > 0)
  return outcome({ kind: 'moves', result: null, moves })
}

/** Undoes one node. */
export async function undoStep(host: Host, graph: Graph, ctx: ProgramContext): Promise<Outcome> {
  const { nodes, partial } = undoOf(ctx.task)
  const [name] = nodes
  const node = name === undefined ? undefined : nodeNamed(graph, name)
  const compensate = node?.options.compensate
  if (node === undefined || compensate === undefined)
    // Another build declared it. It stays undone, and the run says so.
    return outcome({ kind: 'moves', result: null, moves: next(ctx.task, true) })
  const output = (await host.inputs.outputs(graph, ctx.task.step!.run, [node.name])).get(node.name)
  await compensate(output, stepContext(ctx, { node: node.name }))
  return outcome({ kind: 'moves', result: null, moves: next(ctx.task, partial) })
}

/** Whether the step undoes a node. */
export function isUndo(task: ClaimedTask): boolean {
  return task.step?.node.startsWith(UNDO) === true
}

/** What follows when a node could not be undone: the others are, and the run says so. */
export function undoFailed(task: ClaimedTask): Moves {
  return next(task, true)
}

/** The change that makes a run fail, with the step that will end it. */
export function failing(frame: Frame, error: ErrorRecord | null): Moves {
  return { follow: [endTask(frame)], arrive: [], change: { status: 'failing', error } }
}

/** What a step that undoes, and is over, left to be undone. */
export function leftAfter(step: Pick<StoredTask, 'payload' | 'status'>): Extract<Ref, { kind: 'undo' }> {
  const { nodes, partial } = undoOf(step)
  return { kind: 'undo', nodes: nodes.slice(1), partial: partial || step.status !== 'done' }
}

function next(task: ClaimedTask, partial: boolean): Moves {
  return undo(task, undoOf(task).nodes.slice(1), partial, true)
}

/** The step that undoes the first of the nodes or, when there is none left, the end of the run. */
function undo(task: ClaimedTask, nodes: readonly string[], partial: boolean, some: boolean): Moves {
  const [name] = nodes
  if (name !== undefined) {
    const step = controlTask(frameOf(task), UNDO + name, task.step!.index, encodeRef({ kind: 'undo', nodes, partial }))
    return { ...NOTHING, follow: [step], change: undefined }
  }
  const change: RunChange = {
    status: task.step!.status === 'cancelling' ? 'cancelled' : 'failed',
    ...(some ? { compensation: partial ? 'partial' : 'complete' } : {}),
  }
  return { ...NOTHING, change }
}

function undoOf(task: Pick<ClaimedTask, 'payload'>): Extract<Ref, { kind: 'undo' }> {
  return leftOf(task) ?? { kind: 'undo', nodes: [], partial: true }
}

function leftOf({ payload }: Pick<ClaimedTask, 'payload'>): Extract<Ref, { kind: 'undo' }> | undefined {
  try {
    const ref = decodeRef(payload)
    return ref?.kind === 'undo' ? ref : undefined
  } catch {
    return undefined
  }
}

/** Nodes that are done and say how to undo them, the last first, by the names of their steps. */
async function toUndo(host: Host, graph: Graph, run: string): Promise<string[]> {
  const nodes = [...graph.nodes.values()].filter(({ options }) => options.compensate !== undefined).reverse()
  const steps = await host.inputs.steps(
    graph,
    run,
    nodes.map(({ name }) => name),
  )
  return nodes.filter(({ name }) => steps.get(name)?.status === 'done').map(storedName)
}

/** Whether runs that this one started have not ended; they are asked to. */
async function cancelChildren(host: Host, { run, priority, metadata }: Frame): Promise<boolean> {
  const open: RunInfo[] = []
  let cursor: string | null | undefined = undefined
  do {
    const page = await host.runs.listRuns({ parent: run }, cursor === undefined ? {} : { cursor })
    open.push(
      ...page.items.filter(({ status }) => status === 'running' || status === 'failing' || status === 'cancelling'),
    )
    cursor = page.next
  } while (cursor !== null)
  const running = open.filter(({ status }) => status === 'running')
  if (running.length > 0)
    await host.runs.cancelRuns(
      running.map(({ id, queue }) => ({
        id,
        reason: `The run ${run}, which started it, has ended.`,
        task: endTask({ run: id, queue, priority, metadata }),
      })),
    )
  return open.length > 0
}
