/** A plain step: a value in, a value out. */
import type { ProgramContext } from '@q/core'
import type { Graph, GraphNode, StepHandler, StepSchemas } from '../../graph/graph.ts'
import { isGoto } from '../../build/goto.ts'
import { type Collection, CollectionOf, ListCollection } from '../collection.ts'
import { stepContext } from '../context.ts'
import type { Host } from '../host.ts'
import type { Known } from '../library.ts'
import { feedsCollection, isIterable, page } from '../pages.ts'

/** Runs a handler on what it is given; collections become arrays. */
export function runStep(
  host: Host,
  graph: Graph,
  node: GraphNode,
  { run, schema }: { readonly run: StepHandler; readonly schema?: StepSchemas },
  ctx: ProgramContext,
  input: unknown,
): unknown {
  const go = (value: unknown): unknown => {
    const returned = run(schema?.input === undefined ? value : schema.input(value), stepContext(ctx))
    const check = schema?.output
    const checked =
      check === undefined ? returned : after(returned, (output) => (isGoto(output) ? output : check(output)))
    return leadsToCollection(graph, node)
      ? Promise.resolve(checked).then((output) => forNext(host, { graph, node }, ctx, output))
      : checked
  }
  return needsArrays(node, input) ? arrays(node, input).then(go) : go(input)
}

/** Runs a handler on the collection itself. */
export function runCollect(
  host: Host,
  graph: Graph,
  node: GraphNode,
  run: StepHandler,
  ctx: ProgramContext,
  input: unknown,
): unknown {
  const go = (value: unknown): unknown => {
    const returned = after(run(value, stepContext(ctx)), plain)
    return leadsToCollection(graph, node)
      ? Promise.resolve(returned).then((output) => forNext(host, { graph, node }, ctx, output))
      : returned
  }
  if (isCollection(input)) return go(input)
  return isIterable(input) ? list(input).then((elements) => go(new ListCollection(elements))) : go(input)
}

/** What a user's code may be given: a collection as an array. */
export async function asValue(value: unknown): Promise<unknown> {
  return value instanceof CollectionOf ? value.toArray() : value
}

/** What a step gives, in pages where it is long and what follows goes over it. */
export async function forNext(
  host: Host,
  { graph, node }: Known,
  ctx: ProgramContext,
  output: unknown,
): Promise<unknown> {
  if (node === undefined || !leadsToCollection(graph, node)) return output
  if (!isGoto(output)) return page(host, ctx.task, output)
  return output.kind === 'fail' || output.kind === 'end'
    ? output
    : { ...output, value: await page(host, ctx.task, output.value) }
}

/** All elements of an iterable. */
export async function list<T>(elements: Iterable<T> | AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const element of elements) all.push(element)
  return all
}

function isCollection(value: unknown): value is Collection<unknown> {
  return value instanceof CollectionOf || value instanceof ListCollection
}

/** A short list that a step was given as a collection, and gives on. */
function plain(output: unknown): unknown {
  if (isGoto(output)) return output.kind === 'fail' ? output : { ...output, value: plain(output.value) }
  return output instanceof ListCollection ? output.elements : output
}

function leadsToCollection(graph: Graph, node: GraphNode): boolean {
  return node.to.length > 0 && feedsCollection(node.to.map((name) => graph.nodes.get(name)))
}

function needsArrays(node: GraphNode, input: unknown): boolean {
  if (input instanceof CollectionOf) return true
  return (
    node.input === 'record' &&
    typeof input === 'object' &&
    input !== null &&
    Object.values(input).some((value) => value instanceof CollectionOf)
  )
}

async function arrays(node: GraphNode, input: unknown): Promise<unknown> {
  if (input instanceof CollectionOf) return input.toArray()
  const record: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input as object)) record[name] = await asValue(value)
  return record
}

function after(returned: unknown, then: (value: unknown) => unknown): unknown {
  return returned instanceof Promise ? returned.then(then) : then(returned)
}
