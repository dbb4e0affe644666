/**
 * What should exist in a run, worked out from the steps that ended: the same moves that their settlements carried.
 *
 * For a retry, which has to know how far joins had come, and for a repair. Nothing of a user's is run but delays.
 */
import type { Arrival, NewTask, StoredTask, TaskId } from '@q/core'
import type { SliceResult } from '../engine/collections.ts'
import { isControl } from '../engine/control.ts'
import { type Frame, LAST, priorityOf } from '../engine/frame.ts'
import type { Host } from '../engine/host.ts'
import { decodeRef, type Ref } from '../engine/refs.ts'
import { delayAfter } from '../engine/settle.ts'
import { failRun, lead, type Moves } from '../engine/transition.ts'
import { afterPart, afterStart, isMap, type MapNode, partFailed } from '../engine/work/parts.ts'
import { type Iteration, nextIteration } from '../engine/work/repeat.ts'
import { unwrap, wrap } from '../engine/wrap.ts'
import type { Graph, GraphNode } from '../graph/graph.ts'
import { nodeNamed } from '../graph/names.ts'

/** Steps that should exist, how far joins should have come, and which steps ended the run. */
export interface Replay {
  readonly tasks: Map<string, NewTask>
  readonly joins: Map<string, Arrival>
  /** Those at the end of a chain, and those that failed it. */
  readonly ends: readonly { readonly kind: 'output' | 'failed'; readonly of: TaskId }[]
}

/** What a run inherits to its steps, from one of them. */
export function frameOfSteps(run: string, queue: string, steps: readonly StoredTask[]): Frame {
  const [first] = steps
  return { run, queue, priority: first === undefined ? 0 : priorityOf(first), metadata: first?.metadata ?? null }
}

/**
 * @param steps All steps of the run, or those whose moves count.
 * @param all Where to look for what a step was given.
 */
export function replay(
  host: Host,
  graph: Graph,
  frame: Frame,
  steps: readonly StoredTask[],
  all: readonly StoredTask[] = steps,
): Replay {
  const byId = new Map(all.map((step) => [step.id, step]))
  const tasks = new Map<string, NewTask>()
  const joins = new Map<string, Arrival>()
  const ends: { kind: 'output' | 'failed'; of: TaskId }[] = []
  for (const step of steps) {
    const { follow, arrive, change } = movesOf({ host, graph, frame, byId }, step)
    for (const task of follow) tasks.set(task.id, unmarked(task))
    for (const arrival of arrive) joins.set(arrival.task.id, added(joins.get(arrival.task.id), arrival))
    if (change !== undefined) ends.push({ kind: change.status === 'done' ? 'output' : 'failed', of: step.id })
  }
  return { tasks, joins, ends }
}

/** Which build made the outputs that are handed on here nobody knows. */
function unmarked(task: NewTask): NewTask {
  const { payload, said } = unwrap(task.payload)
  return said.origin === undefined
    ? task
    : { ...task, payload: wrap(payload, said.priority === undefined ? {} : { priority: said.priority }) }
}

/** Whether a join is open with so many arrivals. */
export function isOpen({ arrived, done, failed, opens }: Arrival): boolean {
  return (
    arrived >= opens.arrived ||
    (opens.done !== undefined && done >= opens.done) ||
    (opens.failed !== undefined && failed > opens.failed)
  )
}

const NONE: Moves = { follow: [], arrive: [], change: undefined }

interface Setting {
  readonly host: Host
  readonly graph: Graph
  readonly frame: Frame
  readonly byId: ReadonlyMap<TaskId, StoredTask>
}

function movesOf(setting: Setting, step: StoredTask): Moves {
  const { graph, frame } = setting
  const place = step.step
  const node = place === undefined || place === null || isControl(place.node) ? undefined : nodeNamed(graph, place.node)
  if (node === undefined) return NONE
  if (step.status === 'done') return afterDone(setting, node, step, place!.index)
  if (wasSkipped(step)) return lead(graph, frame, node, { state: 'skipped' }, delayAfter(undefined))
  if (step.status !== 'killed') return NONE
  return (
    partFailed(frame, node, step) ??
    (node.options.onFailure === 'continue'
      ? lead(graph, frame, node, { state: 'failed' }, delayAfter(undefined))
      : failRun(graph, frame, step.error))
  )
}

/** Whether the rule of its join passed it over. */
export function wasSkipped({ status, error }: Pick<StoredTask, 'status' | 'error'>): boolean {
  return status === 'cancelled' && error?.code === 'ERR_SKIPPED'
}

function afterDone(setting: Setting, node: GraphNode, step: StoredTask, index: number): Moves {
  const { host, graph, frame } = setting
  if (isMap(node) && index !== LAST) return afterMapStep(host, frame, node, step)
  const value = step.result === null ? undefined : host.values.decode(step.result)
  if (node.work.kind === 'repeat' && index !== LAST)
    return { ...NONE, follow: [nextIteration(host, frame, node, index, value as Iteration)] }
  const route = node.work.kind === 'route' ? node.work : undefined
  const hands = route?.gives === 'input'
  const end = {
    state: 'done',
    of: step.id,
    output: step.result,
    label: route === undefined ? undefined : String(value),
    ...(hands ? { hand: step.payload } : {}),
  } as const
  return lead(graph, frame, node, end, delayAfter(hands ? givenTo(setting, step) : value))
}

/** What a step was given, where that is one value. */
function givenTo({ host, byId }: Setting, { payload }: StoredTask): unknown {
  const ref = decodeRef(payload)
  return ref?.kind === 'output' ? host.values.decode(byId.get(ref.of)?.result ?? null) : host.values.peek(payload)
}

function afterMapStep(host: Host, frame: Frame, node: MapNode, step: StoredTask): Moves {
  const started = step.result === null ? undefined : decodeRef(step.result)
  if (started?.kind === 'mapped') return afterStart(frame, node, started.map)
  const ref = decodeRef(step.payload) as Extract<Ref, { kind: 'slice' | 'element' }>
  const { h = [] } = host.values.decode(step.result) as SliceResult
  return afterPart(frame, node, ref, step.runAt, h)
}

function added(before: Arrival | undefined, arrival: Arrival): Arrival {
  if (before === undefined) return arrival
  return {
    ...arrival,
    arrived: before.arrived + arrival.arrived,
    done: before.done + arrival.done,
    failed: before.failed + arrival.failed,
  }
}
