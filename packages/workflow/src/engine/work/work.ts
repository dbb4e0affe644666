/** What a node does with what it is given: one function per kind. */
import type { ProgramContext } from '@q/core'
import type { Graph, GraphNode } from '../../graph/graph.ts'
import { LAST } from '../frame.ts'
import type { Host } from '../host.ts'
import type { Input } from '../input.ts'
import { outcome } from '../outcome.ts'
import { unwrap } from '../wrap.ts'
import { runChild } from './child.ts'
import { runFold } from './fold.ts'
import { partOfMap, startMap } from './map.ts'
import { isMap } from './parts.ts'
import { runRepeat } from './repeat.ts'
import { runRoute } from './route.ts'
import { asValue, runCollect, runStep } from './step.ts'
import { runTx } from './tx.ts'
import { runWait } from './wait.ts'

/** Runs one attempt of a node. What it returns is a value of the user's, a `goto`, or an `Outcome`. */
export function work(host: Host, graph: Graph, node: GraphNode, ctx: ProgramContext): unknown {
  const part = isMap(node) ? partOfMap(host, node, ctx) : undefined
  if (part !== undefined) return part
  const found = host.inputs.of(graph, node, ctx.task, ctx.args)
  const input = node.options.migrate === undefined ? found : migrated(host, graph, node, ctx, found)
  return input instanceof Promise
    ? input.then((each) => given(host, graph, node, ctx, each))
    : given(host, graph, node, ctx, input)
}

/** The input as this version of the graph has it, where another one made it. */
async function migrated(
  host: Host,
  graph: Graph,
  node: GraphNode,
  ctx: ProgramContext,
  found: Input | Promise<Input>,
): Promise<Input> {
  const input = await found
  const { index, run } = ctx.task.step!
  // The end of a loop is given what the loop made.
  if (input.verdict === 'skip' || index === LAST) return input
  const from = unwrap(ctx.task.payload).said.origin ?? (await host.runs.fetchRun(run))
  if (from === null || from.hash === graph.hash) return input
  const { version, hash } = from
  return { verdict: 'run', value: await node.options.migrate!(await asValue(input.value), { version, hash }) }
}

function given(host: Host, graph: Graph, node: GraphNode, ctx: ProgramContext, input: Input): unknown {
  if (input.verdict === 'skip') return outcome({ kind: 'skip' })
  ctx.args = input.value
  const { work } = node
  switch (work.kind) {
    case 'step':
      return runStep(host, graph, node, work, ctx, input.value)
    case 'collect':
      return runCollect(host, graph, node, work.run, ctx, input.value)
    case 'route':
      return runRoute(host, node, work, ctx, input.value)
    case 'tx':
      return runTx(host, { graph, node }, work, ctx, input.value)
    case 'map':
      return startMap(host, { ...node, work }, ctx, input.value)
    case 'fold':
      return runFold(host, node, work, ctx, input.value)
    case 'repeat':
      return runRepeat(host, { graph, node }, work, ctx, input.value)
    case 'wait':
      return runWait(host, node, work, ctx, input.value)
    case 'child':
      return runChild(host, node, work, ctx, input.value)
  }
}
