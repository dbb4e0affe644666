/**
 * A map: its start, and its end. What its parts lead to is in parts.ts, how they run in slice.ts.
 *
 * The start cuts the collection into slices and stores the first of them; each slice stores one further on, so that there
 * are never more than the window. Slices arrive at the step that ends the map.
 */
import { AbortError, type ErrorRecord, type ProgramContext, QError } from '@q/core'
import type { MapOptions } from '../../graph/graph.ts'
import { storedName } from '../../graph/names.ts'
import { CollectionOf, type CollectionRef } from '../collection.ts'
import { frameOf } from '../frame.ts'
import type { Host } from '../host.ts'
import { type Outcome, outcome } from '../outcome.ts'
import { isIterable, paged } from '../pages.ts'
import { decodeRef, encodeRef, type MapRef } from '../refs.ts'
import { afterStart, elementsOf, type MapNode } from './parts.ts'
import { runPart } from './slice.ts'

/** Up to so many elements each is a step of its own. */
const ELEMENTS_ALONE = 5_000
/** Slices of several elements at once, as long as that is enough for the concurrency. */
const SLICES_AT_ONCE = 8
/** Most slices, or elements, at once: the start stores them in one statement. */
const WINDOW = 500
/** About how long a slice may take where the elements per second are limited. */
const PACED_MS = 1_000
/** What a map kept is written in pages when it is no more than this; otherwise it stays where the slices left it. */
const GATHER = 5_000

/** A step of a map that is not its start: a slice, an element, the end. */
export function partOfMap(host: Host, node: MapNode, ctx: ProgramContext): Promise<unknown> | undefined {
  const ref = decodeRef(ctx.task.payload)
  if (ref?.kind === 'mapped') return gather(host, node, ctx, ref.map)
  if (ref?.kind === 'slice' || ref?.kind === 'element') return runPart(host, node, ctx, ref)
  return undefined
}

/** Starts a map over what the node is given. */
export async function startMap(host: Host, node: MapNode, ctx: ProgramContext, input: unknown): Promise<Outcome> {
  const source = await sourceOf(host, node, ctx, input)
  const map = plan(source, node.work.map)
  const moves = afterStart(frameOf(ctx.task), node, map)
  return outcome({ kind: 'moves', result: encodeRef({ kind: 'mapped', map }), moves })
}

async function sourceOf(host: Host, node: MapNode, { task }: ProgramContext, input: unknown): Promise<CollectionRef> {
  if (input instanceof CollectionOf && !mustBeCut(input.ref, node.work.map)) return input.ref
  if (isIterable(input)) return (await paged(host, task, input)).ref
  throw new AbortError(
    new QError(
      'ERR_INVALID',
      `Node "${node.name}" goes over a collection and was given ${input === null ? 'null' : typeof input}. The step before it must return something that can be iterated.`,
    ),
  )
}

/** The slices of an earlier map are this one's too, unless it has to have others: then their elements are written anew. */
function mustBeCut(ref: CollectionRef, { isolate, perSecond }: MapOptions): boolean {
  return ref.kind === 'slices' && (ref.size === 1 || isolate === 'element' || perSecond !== null)
}

function plan(source: CollectionRef, { isolate, sliceSize, concurrency, tolerate, perSecond }: MapOptions): MapRef {
  const { count } = source
  const alone = isolate === 'element' || (isolate === 'auto' && count <= ELEMENTS_ALONE)
  const own = source.kind === 'slices'
  const most = perSecond === null ? sliceSize : Math.min(sliceSize, paceOf(perSecond, concurrency))
  const size = own ? source.size : alone ? 1 : Math.min(most, source.size)
  const slices = own ? source.slices : Math.ceil(count / size)
  const wanted = perSecond === null ? Math.ceil(concurrency / size) : 0
  const window = size === 1 ? concurrency : Math.max(SLICES_AT_ONCE, wanted)
  const tolerated = 'count' in tolerate ? tolerate.count : Math.floor(tolerate.share * count)
  return { source, slices, size, window: Math.max(1, Math.min(window, concurrency, slices, WINDOW)), tolerated }
}

/** Elements that one of the slices at once starts in a while. */
function paceOf(perSecond: number, concurrency: number): number {
  const each = perSecond / Math.min(SLICES_AT_ONCE, concurrency)
  return Math.max(1, Math.floor((each * PACED_MS) / 1_000))
}

/** Ends a map: counts what was kept and what failed. */
async function gather(host: Host, node: MapNode, ctx: ProgramContext, map: MapRef): Promise<CollectionOf> {
  const { run } = frameOf(ctx.task)
  const { slices, size } = map
  const made = ctx.task.token
  const ref = {
    kind: 'slices',
    run,
    node: storedName(node),
    made,
    slices,
    size,
    of: elementsOf(map),
    count: 0,
  } as const
  let failed = 0
  let first: ErrorRecord | null = null
  if (map.tolerated > 0)
    for await (const each of host.collections.open({ ...ref, failed }).failed()) {
      failed += 1
      first ??= each.error
      if (failed > map.tolerated) break
    }
  if (failed > map.tolerated)
    throw new AbortError(
      new QError(
        'ERR_TASK_FAILED',
        `More than ${map.tolerated} elements of "${node.name}" failed. The first: ${first?.message ?? 'unknown'}`,
      ),
    )
  let count = 0
  let small: unknown[] | undefined = []
  for await (const page of host.collections.open({ ...ref, failed }).pages()) {
    ctx.signal.throwIfAborted()
    count += page.length
    if (small !== undefined && small.length + page.length <= GATHER) small.push(...page)
    else small = undefined
  }
  return small === undefined || failed > 0
    ? host.collections.open({ ...ref, count, failed })
    : paged(host, ctx.task, small)
}
