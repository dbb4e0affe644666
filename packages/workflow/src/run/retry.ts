/**
 * Runs a run again from where it failed: what was done stays done.
 *
 * Steps keep their ids, so that what they do outside has the same key. What is to be done anew is worked out here, from the
 * steps as they are stored, and the store does all of it or nothing.
 */
import { didYouMean, type NewTask, QError, type RunInfo, type RunRetry, type Step, type StoredTask } from '@q/core'
import { deadlineTask, DONE, doneTask, isControl } from '../engine/control.ts'
import { type Frame, LAST } from '../engine/frame.ts'
import { decodeRef } from '../engine/refs.ts'
import { elementTask, isMap } from '../engine/work/parts.ts'
import { nodesAfter } from '../graph/after.ts'
import type { Graph, GraphNode } from '../graph/graph.ts'
import { nodeNamed, storedName } from '../graph/names.ts'
import { stepId } from '../ids.ts'
import { frameOfSteps, isOpen, replay, wasSkipped } from './replay.ts'
import type { RunHost } from './store.ts'

/** Which steps to run again: those that failed or were cancelled, or a node with everything after it as well. */
export type RetryScope = 'failed' | { readonly from: string }

/** What a retry does, or would do. */
export interface RetryPlan {
  /** Steps that live again. */
  readonly resumed: readonly string[]
  /** Steps that are forgotten, and stored anew when it is their turn. */
  readonly forgotten: readonly string[]
}

/** The plan of a retry, in words and for the store. */
export interface WorkedOut {
  readonly plan: RetryPlan
  readonly retry: RunRetry
}

/** @throws QError `ERR_OPTION` when the run cannot be retried like this. */
export function planRetry(
  host: RunHost<never>,
  graph: Graph,
  info: RunInfo,
  steps: readonly StoredTask[],
  scope: RetryScope,
): WorkedOut {
  const where = `Run ${info.id} of "${graph.name}"`
  if (info.status !== 'failed' && info.status !== 'cancelled')
    refuse(`${where} is ${info.status}; only runs that failed or were cancelled can be retried.`)
  const frame = frameOfSteps(info.id, info.queue, steps)
  const from = scope === 'failed' ? undefined : startOf(graph, scope.from, where)
  const { resume, kept, renewed } = sort(graph, frame, steps, from, where)
  checkUndone(graph, info, kept, where)

  const { tasks, joins, ends } = replay(host, graph, frame, kept, steps)
  const stays = new Set([...resume, ...kept].map(({ id }) => id))
  const keeps = new Set(kept)
  const missing = new Map(renewed.map((task) => [task.id, task]))
  for (const task of [...tasks.values(), ...[...joins.values()].filter(isOpen).map((join) => join.task)])
    if (!stays.has(task.id) && !missing.has(task.id)) missing.set(task.id, task)
  const [end] = ends
  if (end !== undefined && resume.length + missing.size === 0) missing.set(end.of, doneTask(frame, 0, end))
  if (resume.length + missing.size === 0) refuse(`${where}: there is nothing in it to run again. Start a new run.`)

  const forgotten = steps.filter(({ id }) => !stays.has(id))
  const forget = new Set([
    ...forgotten.map(({ id }) => id),
    ...joinsOf(
      host,
      graph,
      frame,
      steps.filter((step) => !keeps.has(step)),
    ),
    ...joins.keys(),
  ])
  const closed = [...joins.values()].filter((join) => !isOpen(join) && !stays.has(join.task.id))
  const deadline = info.deadline === null ? [] : [deadlineTask(frame, Math.max(1, info.deadline - info.createdAt))]
  const again = new Set(missing.keys())
  return {
    plan: {
      resumed: [...resume.map(({ step }) => told(step)), ...[...missing.values()].map(({ step }) => told(step))],
      forgotten: forgotten.filter(({ id }) => !again.has(id)).map(({ step }) => told(step)),
    },
    retry: {
      id: info.id,
      retries: info.retries,
      resume: resume.map(({ id }) => id),
      forget: [...forget].filter((id) => !stays.has(id)),
      joins: closed.map(({ task, arrived, done, failed }) => ({ id: task.id, arrived, done, failed })),
      tasks: [...missing.values(), ...deadline],
    },
  }
}

/** What becomes of the steps of a run; those in none of the lists are forgotten. */
interface Sorted {
  /** They live again. */
  readonly resume: readonly StoredTask[]
  /** They stay as they are, and what they led to counts. */
  readonly kept: readonly StoredTask[]
  /** They are forgotten, and stored anew as these. */
  readonly renewed: readonly NewTask[]
}

/**
 * A step that did not do what it was to do lives again. Unless it comes after another that does: then it is stored anew when
 * it is its turn, because what it is given may be another.
 */
function sort(
  graph: Graph,
  frame: Frame,
  steps: readonly StoredTask[],
  from: GraphNode | undefined,
  where: string,
): Sorted {
  const anew = from === undefined ? new Set<string>() : nodesAfter(graph, from.name)
  const rest = steps.flatMap((step) => {
    const name = step.step?.node ?? ''
    const node = nodeNamed(graph, name)
    if (isControl(name) || (node !== undefined && anew.has(node.name))) return []
    return [{ step, node }]
  })
  const again = nodesToTryAgain(graph, rest)
  const after = new Set([...again].flatMap((name) => [...nodesAfter(graph, name)].filter((each) => each !== name)))
  const first = from === undefined ? undefined : stepId(frame.run, storedName(from), 0)
  const start = steps.find(({ id }) => id === first)
  if (from !== undefined && start === undefined)
    refuse(`${where}: node "${from.name}" did not run, so there is nothing to start it with. Choose an earlier node.`)

  const resume: StoredTask[] = start === undefined || after.has(from!.name) ? [] : [start]
  const kept: StoredTask[] = []
  const renewed: NewTask[] = []
  for (const { step, node } of rest) {
    if (node !== undefined && after.has(node.name) && step.status !== 'done') continue
    if (!isOver(step) || (node !== undefined && !again.has(node.name))) kept.push(step)
    else if (node !== undefined && isMap(node) && step.step!.index === LAST) continue
    else {
      const task = node === undefined ? undefined : withoutError(frame, node, step)
      if (task === undefined) resume.push(step)
      else renewed.push(task)
    }
  }
  return { resume, kept, renewed }
}

interface Placed {
  readonly step: StoredTask
  readonly node: GraphNode | undefined
}

/** Nodes with steps to try again: not those whose failure was tolerated, where what comes after has gone on with that. */
function nodesToTryAgain(graph: Graph, steps: readonly Placed[]): Set<string> {
  const over = new Map<string, { readonly node: GraphNode; killed: boolean }>()
  const done = new Set<string>()
  const mapped = new Set<string>()
  for (const { step, node } of steps) {
    if (node === undefined) continue
    if (step.status === 'done') {
      done.add(node.name)
      if (isMap(node) && step.step!.index === LAST) mapped.add(node.name)
    } else if (isOver(step)) {
      const { killed = true } = over.get(node.name) ?? {}
      over.set(node.name, { node, killed: killed && step.status === 'killed' })
    }
  }
  const again = new Set<string>()
  for (const [name, { node, killed }] of over) {
    const goneOn = (): boolean => [...nodesAfter(graph, name)].some((each) => each !== name && done.has(each))
    const tolerated = mapped.has(name) || (killed && node.options.onFailure === 'continue' && goneOn())
    if (!tolerated) again.add(name)
  }
  return again
}

/** An element that was not to be tried again, as a step that is. */
function withoutError(frame: Frame, node: GraphNode, step: StoredTask): NewTask | undefined {
  const ref = decodeRef(step.payload)
  if (ref?.kind !== 'element' || ref.error === undefined) return undefined
  const { map, slice, at } = ref
  return elementTask(frame, node, { map, slice, at, afterMs: 0 })
}

/** Joins that every graph like this has, and those at which the steps arrived. */
function joinsOf(host: RunHost<never>, graph: Graph, frame: Frame, steps: readonly StoredTask[]): string[] {
  const nodes = [...graph.nodes.values()].map(storedName)
  return [
    ...nodes.flatMap((name) => [stepId(frame.run, name, 0), stepId(frame.run, name, LAST)]),
    stepId(frame.run, DONE, 0),
    ...replay(host, graph, frame, steps).joins.keys(),
  ]
}

/** What was undone has to be done again first. @throws QError `ERR_OPTION` */
function checkUndone(graph: Graph, info: RunInfo, kept: readonly StoredTask[], where: string): void {
  if (info.compensation === null) return
  const undone = kept.find(
    ({ step, status }) => status === 'done' && nodeNamed(graph, step!.node)?.options.compensate !== undefined,
  )
  if (undone !== undefined)
    refuse(
      `${where}: what node "${undone.step!.node}" had done was undone, so the run cannot go on after it. Retry it from that node or one before it, with { from: … }, or start a new run.`,
    )
}

/** @throws QError `ERR_OPTION` */
function startOf(graph: Graph, from: string, where: string): GraphNode {
  const node = nodeNamed(graph, from)
  if (node !== undefined) return node
  const near = didYouMean(from, [...graph.nodes.keys()])
  return refuse(`${where}: there is no node "${from}"${near === undefined ? '.' : `, did you mean "${near}"?`}`)
}

/** It ended and did not do what it was to do; one that was skipped did. */
function isOver(step: StoredTask): boolean {
  return step.status === 'killed' || (step.status === 'cancelled' && !wasSkipped(step))
}

function told(step: Step | null | undefined): string {
  if (step === null || step === undefined) return ''
  return step.index === 0 || step.index === LAST ? step.node : `${step.node} #${step.index}`
}

function refuse(message: string): never {
  throw new QError('ERR_OPTION', message)
}
