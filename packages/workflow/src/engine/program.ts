/**
 * Runs the steps of workflows on a worker.
 *
 * An attempt goes from top to bottom: is the step to be run at all (refuse.ts), what is it given (input.ts), what does its
 * node do with it (work/), what does its end lead to (transition.ts), and the settlement that carries all of it (settle.ts).
 */
import type {
  AttachedProgram,
  ClaimedTask,
  Encoded,
  Program,
  ProgramContext,
  RetryPolicy,
  Settlement,
  TaskSource,
} from '@q/core'
import type { Graph } from '../graph/graph.ts'
import { policyOf, runControl } from './control-steps.ts'
import { type Host, openHost } from './host.ts'
import { Library } from './library.ts'
import { needsOf } from './needs.ts'
import { refuse } from './refuse.ts'
import { type Returned, returned, settleStep } from './settle.ts'
import { work } from './work/work.ts'

/** The program of these workflows. @throws QError `ERR_OPTION` when two have one name. */
export function programOf(graphs: readonly Graph[]): Program {
  const library = new Library(graphs)
  return { attach: (source, policy) => attach(library, source, policy) }
}

function attach(library: Library, source: TaskSource, policy: RetryPolicy): AttachedProgram {
  const host = openHost(source, policy)
  for (const graph of library.graphs) needsOf(graph, host.backend)
  const ends = new WeakMap<ClaimedTask, Returned>()
  const tasks = new WeakMap<Settlement, ClaimedTask>()
  const settle = (task: ClaimedTask, settlement: Settlement): Settlement | null => {
    const settled = settleStep(library.find(task.step), task, settlement, ends.get(task))
    if (settled !== null) tasks.set(settled, task)
    return settled
  }
  return {
    settle,
    instead: (refused, minimal) => {
      const task = tasks.get(refused)
      return task === undefined ? minimal : (settleStep(library.find(task.step), task, minimal, undefined) ?? minimal)
    },
    policy: (task) => {
      const known = library.find(task.step)
      return known === undefined ? undefined : policyOf(known, task, policy)
    },
    refuse: (task) => refuse(library.find(task.step), task, settle),
    read: (payload) => host.values.peek(payload),
    run: (ctx) => run(host, library, ctx),
    encode: (value, ctx): Encoded | null => {
      const end = returned(host, library.find(ctx.task.step)!, ctx, value)
      ends.set(ctx.task, end)
      return end.result
    },
  }
}

function run(host: Host, library: Library, ctx: ProgramContext): unknown {
  const { graph, node } = library.find(ctx.task.step)!
  return node === undefined ? runControl(host, graph, ctx) : work(host, graph, node, ctx)
}
