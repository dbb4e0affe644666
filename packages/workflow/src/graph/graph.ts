/**
 * What every workflow is compiled to: named nodes and typed edges, and nothing about where they run.
 *
 * Chains and DAGs build it; the engine moves tokens over it; pictures and the hash are made from it. A graph is a value:
 * it never changes once built.
 */
import type { Duration, RetryPolicy } from '@q/core'
import type { Condition } from '../build/wait.ts'
import type { StepContext } from '../engine/context.ts'
import type { Origin } from '../engine/wrap.ts'

/** A built workflow. */
export interface Graph {
  readonly name: string
  readonly version: string | null
  /** Of names, kinds, edges and rules; the same for the same graph, on any machine. */
  readonly hash: string
  /** In the order of their definition, which is a topological order. */
  readonly nodes: ReadonlyMap<string, GraphNode>
  /** Nodes that get the input of the run. */
  readonly entries: readonly string[]
  readonly output: GraphOutput
  /** From the start of a run to when it fails; `null`: none. */
  readonly deadlineMs: number | null
}

/**
 * Where the output of a run comes from.
 * - `chain`: what the node at the end returned; only ever one end is reached
 * - `node`: what this one returned, once all ends are reached; nothing when it was not run
 * - `record`: what each of these returned, by name, once all ends are reached; those that were not run are left out
 */
export type GraphOutput =
  | { readonly kind: 'chain' }
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'record'; readonly nodes: readonly string[] }

/** One node. */
export interface GraphNode {
  readonly name: string
  /** Names that it had in earlier versions, the first of all last: that is what its steps are called in the store. */
  readonly aliases: readonly string[]
  readonly work: Work
  /** What leads here. None: an entry. */
  readonly from: readonly Edge[]
  /** What it leads to, the other ends of their `from`. None: its end is an end of the run. */
  readonly to: readonly string[]
  /**
   * When it runs, of those that lead here. `one`: only ever one of them leads here in a run (a chain, the end of a switch):
   * whichever ends hands its output on, and nothing is counted.
   */
  readonly join: JoinRule
  /** What it is given. `value`: the output of the one that led here, or the input of the run. `record`: outputs by name. */
  readonly input: 'value' | 'record'
  /** How long it waits before it starts, from what it is given. */
  readonly delay: Delay | null
  readonly options: NodeOptions
  /** The graph it is a node of, where what it is given has to say so: it may be given it to a node with `migrate`, or is one. */
  readonly origin: Origin | null
}

/** From one node to another. */
export interface Edge {
  readonly node: string
  /** Only when the node, a `route`, chose this; otherwise the edge is skipped. Absent: always. */
  readonly when?: string
}

/**
 * - `one`: see {@link GraphNode.join}
 * - `all`: all are done; skipped when one is not
 * - `allDone`: all have ended, in whatever way
 * - `noneFailed`: all have ended, none failed and one at least was done; skipped otherwise
 * - `anyOf`: as soon as one is done; skipped when none is
 * - `nOf`: as soon as so many are done; skipped when they are not
 */
export type JoinRule =
  | { readonly kind: 'one' }
  | { readonly kind: 'all' }
  | { readonly kind: 'allDone' }
  | { readonly kind: 'noneFailed' }
  | { readonly kind: 'anyOf' }
  | { readonly kind: 'nOf'; readonly n: number }

/** A span, or a function of what the node after it is given. */
export type Delay = { readonly ms: number } | { readonly of: (input: unknown) => Duration }

/** What a node does. Handlers are given what the node is given. */
export type Work =
  | { readonly kind: 'step'; readonly run: StepHandler; readonly schema?: StepSchemas }
  /**
   * Chooses edges by the label that it returns. What it hands on is the label or, where `gives` says so, what it was given;
   * its stored result is the label in any case. `labels`: all there are; another one fails the attempt. `null`: not said.
   */
  | {
      readonly kind: 'route'
      readonly run: StepHandler
      readonly gives: 'label' | 'input'
      readonly labels: readonly string[] | null
    }
  /** Inside a transaction of the backend, in which the step is settled too. */
  | { readonly kind: 'tx'; readonly run: (tx: unknown, input: unknown, ctx: StepContext) => unknown }
  /** For each element of a collection. `undefined` and `null` are left out where `filter` says so. */
  | { readonly kind: 'map'; readonly run: StepHandler; readonly filter: boolean; readonly map: MapOptions }
  /** One after the other over a collection. */
  | {
      readonly kind: 'fold'
      readonly initial: () => unknown
      readonly run: (state: unknown, element: unknown, ctx: StepContext) => unknown
    }
  /** Until it does not return `again(…)`. */
  | { readonly kind: 'repeat'; readonly run: StepHandler; readonly max: number; readonly everyMs: number }
  /** Its output is the result of the condition. */
  | { readonly kind: 'wait'; readonly for: (input: unknown) => Condition }
  /** Its output is that of the child. `input` makes what the child is given of what the node is given. */
  | { readonly kind: 'child'; readonly of: () => ChildWorkflow; readonly input: (input: unknown) => unknown }
  /** Given the collection itself, where `step` is given an array. */
  | { readonly kind: 'collect'; readonly run: StepHandler }

/** A handler of a node. */
export type StepHandler = (input: unknown, ctx: StepContext) => unknown

/** What a child needs to be, so that graphs do not depend on builders. */
export interface ChildWorkflow {
  readonly graph: Graph
}

/** Checks at the borders of a node. */
export interface StepSchemas {
  readonly input?: (value: unknown) => unknown
  readonly output?: (value: unknown) => unknown
}

/** What is said of a node besides its work. Every one may be absent. */
export interface NodeOptions {
  /** Executions allowed in all, of each of its tasks; absent: the worker's policy decides. */
  readonly retry?: RetryPolicy
  /** Of one attempt, in milliseconds. */
  readonly timeoutMs?: number
  readonly priority?: number
  /** What a final failure does. Default `fail`: the run fails. `continue`: those after it decide by their join. */
  readonly onFailure?: 'fail' | 'continue'
  /** Undoes what the node did, when the run fails or is cancelled. */
  readonly compensate?: (output: unknown, ctx: StepContext) => unknown
  /** Makes an input that an earlier version of the graph left into one of this version. */
  readonly migrate?: (input: unknown, from: { readonly version: string | null; readonly hash: string }) => unknown
}

/** How a map goes over its collection. */
export interface MapOptions {
  /** Elements at work at once, over all workers. */
  readonly concurrency: number
  /** `element`: a task for each. `slice`: many in one task. `auto`: slices above 5,000 elements. */
  readonly isolate: 'element' | 'slice' | 'auto'
  /** Elements of one slice. */
  readonly sliceSize: number
  /** How many elements may fail for good before the run does: a number, or a share from 0 to 1. */
  readonly tolerate: { readonly count: number } | { readonly share: number }
  /** Most elements started per second; `null`: as many as can be. */
  readonly perSecond: number | null
}
