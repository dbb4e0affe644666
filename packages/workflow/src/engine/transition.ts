/**
 * What the end of a node leads to: steps, arrivals at joins, the end of the run.
 *
 * Pure, and the only place where tokens move: the settlement of a step carries what this returns, and a repair computes
 * it again. Nodes that are not run are passed over here and now, as far as the graph alone can tell.
 */
import type { Arrival, Due, Encoded, NewTask, RunChange, TaskId } from '@q/core'
import type { Edge, Graph, GraphNode } from '../graph/graph.ts'
import { opensAt, verdictOf } from '../graph/join.ts'
import { DONE } from './control.ts'
import { failing } from './ending.ts'
import { controlTask, type Frame, NOW, stepTask } from './frame.ts'
import { encodeRef, handOn } from './refs.ts'
import { wrap } from './wrap.ts'

/** How a node ended. */
export type NodeEnd =
  | {
      readonly state: 'done'
      /** The step that it is the output of. */
      readonly of: TaskId
      readonly output: Encoded | null
      /** What is handed on instead of the output. */
      readonly hand?: Encoded
      /** What conditional edges are compared to, of a route. */
      readonly label: string | undefined
      /** When what follows is due. Default: now. */
      readonly due?: Due
    }
  | { readonly state: 'failed' }
  | { readonly state: 'skipped' }

/** What a settlement carries besides the end of its own step. */
export interface Moves {
  readonly follow: readonly NewTask[]
  readonly arrive: readonly Arrival[]
  readonly change: RunChange | undefined
}

/** Computes when the delay of a node ends, from what it will be given. Delays of functions need the value. */
export type DelayOf = (node: GraphNode) => Due

/** Where the end of a node leads. */
export function lead(graph: Graph, frame: Frame, node: GraphNode, end: NodeEnd, delayOf: DelayOf): Moves {
  const walk = new Walk(graph, frame, delayOf)
  walk.leave(node, end)
  return walk.moves()
}

class Walk {
  readonly #graph: Graph
  readonly #frame: Frame
  readonly #delayOf: DelayOf
  readonly #follow: NewTask[] = []
  readonly #arrive = new Map<string, Arrival>()
  #change: RunChange | undefined = undefined

  constructor(graph: Graph, frame: Frame, delayOf: DelayOf) {
    this.#graph = graph
    this.#frame = frame
    this.#delayOf = delayOf
  }

  moves(): Moves {
    return { follow: this.#follow, arrive: [...this.#arrive.values()], change: this.#change }
  }

  leave(node: GraphNode, end: NodeEnd): void {
    if (node.to.length === 0) return this.#finish(end)
    for (const name of node.to) {
      const target = this.#graph.nodes.get(name)
      if (target === undefined) continue
      for (const edge of target.from) if (edge.node === node.name) this.#follow_(node, target, edge, end)
    }
  }

  #follow_(node: GraphNode, target: GraphNode, edge: Edge, end: NodeEnd): void {
    const state = stateOver(edge, end)
    if (target.join.kind === 'one') {
      if (state === 'done') this.#step(target, end)
      // Only one leads on, and this was it: so does its not being run.
      else if (end.state !== 'done') this.leave(target, { state: 'skipped' })
      return
    }
    if (target.from.length > 1)
      return this.#arriveAt(
        stepTask(this.#frame, target, 0, encodeRef({ kind: 'join' }), this.#delayOf(target)),
        state,
        opensAt(target.join, target.from.length),
      )
    if (verdictOf(target.join, [state]) === 'skip') return this.leave(target, { state: 'skipped' })
    if (state === 'done') this.#step(target, end)
    else this.#follow.push(stepTask(this.#frame, target, 0, encodeRef({ kind: 'join' }), this.#delayOf(target)))
  }

  #step(target: GraphNode, end: NodeEnd): void {
    if (end.state !== 'done') return
    const made = target.origin === null ? {} : { origin: target.origin }
    const payload = end.hand ?? wrap(handOn(end.output, end.of), made)
    const due = end.due ?? (target.delay === null ? NOW : this.#delayOf(target))
    this.#follow.push(stepTask(this.#frame, target, 0, payload, due))
  }

  #finish(end: NodeEnd): void {
    const { output } = this.#graph
    if (output.kind === 'chain') {
      this.#change = { status: 'done', output: end.state === 'done' ? end.output : null }
      return
    }
    const ends = [...this.#graph.nodes.values()].filter(({ to }) => to.length === 0).length
    const task = controlTask(this.#frame, DONE, 0, encodeRef({ kind: 'join' }))
    this.#arriveAt(task, end.state, { arrived: ends })
  }

  #arriveAt(task: NewTask, state: NodeEnd['state'], opens: Arrival['opens']): void {
    const before = this.#arrive.get(task.id)
    this.#arrive.set(task.id, {
      task,
      arrived: (before?.arrived ?? 0) + 1,
      done: (before?.done ?? 0) + (state === 'done' ? 1 : 0),
      failed: (before?.failed ?? 0) + (state === 'failed' ? 1 : 0),
      opens,
    })
  }
}

/** How a node's end looks from the other end of an edge. */
export function stateOver(edge: Edge, end: NodeEnd): NodeEnd['state'] {
  if (end.state !== 'done') return end.state
  return edge.when === undefined || edge.when === end.label ? 'done' : 'skipped'
}

/** What the final failure of a step does to the run. */
export function failRun(graph: Graph, frame: Frame, error: RunChange['error']): Moves {
  // A chain has one token, and this was it: nothing else is under way, and nothing is to be undone.
  const alone =
    graph.output.kind === 'chain' &&
    isLine(graph) &&
    ![...graph.nodes.values()].some(({ options }) => options.compensate)
  if (alone) return { follow: [], arrive: [], change: { status: 'failed', error: error ?? null } }
  return failing(frame, error ?? null)
}

/** Whether there is never more than one step of it under way. */
function isLine(graph: Graph): boolean {
  if (graph.entries.length > 1) return false
  for (const { work, join, to, from } of graph.nodes.values()) {
    if (work.kind === 'map' || work.kind === 'child') return false
    if (join.kind !== 'one' && from.length > 1) return false
    if (to.length > 1 && !to.every((name) => graph.nodes.get(name)?.from.every(({ when }) => when !== undefined)))
      return false
  }
  return true
}
