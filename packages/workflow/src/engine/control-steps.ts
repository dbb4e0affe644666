/** Runs the engine's own steps. */
import { type ClaimedTask, type ProgramContext, QError, type RetryPolicy, type TaskId, toErrorRecord } from '@q/core'
import type { Graph } from '../graph/graph.ts'
import { nodeNamed } from '../graph/names.ts'
import { CONTROL_RETRY, DEADLINE, DONE, END, UNDO } from './control.ts'
import { end, failing, isUndo, undoStep } from './ending.ts'
import { frameOf } from './frame.ts'
import type { Host } from './host.ts'
import type { Known } from './library.ts'
import { type Outcome, outcome } from './outcome.ts'
import { CollectionOf } from './collection.ts'
import { decodeRef } from './refs.ts'
import { failRun, type Moves } from './transition.ts'
import { retryOf } from './work/parts.ts'

/** @throws QError `ERR_BACKEND_UNAVAILABLE` and whatever undoing throws: the step is tried again. */
export function runControl(host: Host, graph: Graph, ctx: ProgramContext): Outcome | Promise<Outcome> {
  const { node } = ctx.task.step!
  if (node === END) return end(host, graph, ctx)
  if (node === DONE) return finish(host, graph, ctx)
  if (node === DEADLINE) return late(graph, ctx)
  if (isUndo(ctx.task)) return undoStep(host, graph, ctx)
  throw new QError('ERR_NOT_SUPPORTED', `This build has no step "${node}" of its own.`)
}

/** How often a step is tried. What is undone is tried as often as it was done. */
export function policyOf({ graph, node }: Known, { step }: ClaimedTask, policy: RetryPolicy): RetryPolicy | undefined {
  const name = step!.node
  const of = node ?? (name.startsWith(UNDO) ? nodeNamed(graph, name.slice(UNDO.length)) : undefined)
  if (of !== undefined) return retryOf(of, step!.index, policy)
  return name.startsWith(UNDO) ? undefined : CONTROL_RETRY
}

/** All ends of a graph have been reached: the outputs of its sinks are the output of the run. */
async function finish(host: Host, graph: Graph, ctx: ProgramContext): Promise<Outcome> {
  const ref = decodeRef(ctx.task.payload)
  if (ref?.kind === 'output' || ref?.kind === 'failed')
    return outcome({ kind: 'moves', result: null, moves: await mended(host, graph, ctx, ref) })
  const from = graph.output
  const names = from.kind === 'record' ? from.nodes : from.kind === 'node' ? [from.node] : []
  const outputs = await host.inputs.outputs(graph, ctx.task.step!.run, names)
  const record: Record<string, unknown> = {}
  for (const [name, value] of outputs) record[name] = value instanceof CollectionOf ? await value.toArray() : value
  const output = host.values.encode(from.kind === 'node' ? record[from.node] : record)
  return outcome({
    kind: 'moves',
    result: output,
    moves: { follow: [], arrive: [], change: { status: 'done', output } },
  })
}

/** Ends the run as the end of another step should have. */
async function mended(
  host: Host,
  graph: Graph,
  ctx: ProgramContext,
  { kind, of }: { readonly kind: 'output' | 'failed'; readonly of: TaskId },
): Promise<Moves> {
  const [step] = await host.runs.readSteps([of])
  if (step === null || step === undefined)
    throw new QError('ERR_TASK_NOT_FOUND', `The step ${of}, whose end is the end of the run, is gone.`)
  return kind === 'failed'
    ? failRun(graph, frameOf(ctx.task), step.error)
    : { follow: [], arrive: [], change: { status: 'done', output: step.result } }
}

function late(graph: Graph, ctx: ProgramContext): Outcome {
  const { run } = ctx.task.step!
  const error = new QError(
    'ERR_DEADLINE',
    `Run ${run} of "${graph.name}" was not done ${graph.deadlineMs ?? 0} ms after its start.`,
  )
  return outcome({ kind: 'moves', result: null, moves: failing(frameOf(ctx.task), toErrorRecord(error)) })
}
