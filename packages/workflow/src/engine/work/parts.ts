/**
 * What the parts of a map lead to. Pure: a settlement carries it, and a repair computes it again.
 *
 * A window has as many lanes as slices at once: when a slice is over the one a window further is next in its lane. In a slice of
 * several, an element that fails becomes a step of its own, with attempts of its own. These run in the lane of their slice, as
 * many at once as the slice had, and the next slice of the lane comes when all of them are over: whatever fails, there are never
 * more elements at work than the map may have, nor more steps waiting.
 */
import type { Arrival, ClaimedTask, NewTask, RetryPolicy } from '@q/core'
import type { GraphNode, Work } from '../../graph/graph.ts'
import { elementIndex, type Hole, sliceIndex } from '../collections.ts'
import { type Frame, LAST, NOW, stepTask } from '../frame.ts'
import { decodeRef, encodeRef, type MapRef, type Ref } from '../refs.ts'
import type { Moves } from '../transition.ts'

/** A node that is a map. */
export type MapNode = GraphNode & { readonly work: Extract<Work, { kind: 'map' }> }

/** A slice, or one element of it that runs by itself. */
export type Part = Extract<Ref, { kind: 'slice' | 'element' }>

type ElementPart = Extract<Ref, { kind: 'element' }>

/** Whether a node is a map. */
export function isMap(node: GraphNode): node is MapNode {
  return node.work.kind === 'map'
}

/** Places that its source has for elements. */
export function elementsOf({ source }: MapRef): number {
  return source.kind === 'pages' ? source.count : source.slices * source.size
}

/** Elements of a slice at work at once: its share of the concurrency. */
export function shareOf(node: MapNode, { window }: MapRef, slice: number): number {
  const { concurrency } = node.work.map
  return Math.max(1, Math.floor(concurrency / window) + (slice % window < concurrency % window ? 1 : 0))
}

/** Milliseconds between the starts of two elements of a slice; 0: as many as can be. */
export function laneMs(node: MapNode, { window }: MapRef): number {
  const { perSecond } = node.work.map
  return perSecond === null ? 0 : (window * 1_000) / perSecond
}

/** The first slices of a map, or its end where there is nothing to go over. */
export function afterStart(frame: Frame, node: MapNode, map: MapRef): Moves {
  const first = Math.min(map.window, map.slices)
  const apart = laneMs(node, map) / map.window
  const follow =
    map.slices === 0
      ? [endOf(frame, node, map)]
      : Array.from({ length: first }, (_, slice) =>
          sliceTask(frame, node, map, slice, { afterMs: Math.ceil(slice * apart) }),
        )
  return { follow, arrive: [], change: undefined }
}

/**
 * What a part leads to that was done.
 * @param part Its payload.
 * @param runAt When it was due.
 * @param holes Elements of a slice that are to run by themselves.
 * @param waits For how long each does, by its place.
 */
export function afterPart(
  frame: Frame,
  node: MapNode,
  part: Part,
  runAt: number,
  holes: readonly Hole[] = [],
  waits: (at: number) => number = () => 0,
): Moves {
  if (part.kind === 'element') return afterElement(frame, node, part, 0)
  const { map, slice } = part
  const again = holes.filter(([, , error]) => error === undefined).map(([, at]) => at)
  const chains = Math.min(shareOf(node, map, slice), again.length)
  const follow: NewTask[] = []
  for (const [index, at] of again.slice(0, chains).entries()) {
    const rest = again.filter((_, place) => place > index && place % chains === index)
    follow.push(elementTask(frame, node, { map, slice, at, chains, rest, afterMs: waits(at) }))
  }
  for (const [, at, error] of holes)
    if (error !== undefined) follow.push(elementTask(frame, node, { map, slice, at, error, afterMs: 0 }))
  if (chains === 0) follow.push(...afterSlice(frame, node, map, slice, runAt))
  return { follow, arrive: [arrival(frame, node, map, 1 - holes.length, 0)], change: undefined }
}

/** What it leads to when a part of a map has failed for good and the map may go on; `undefined`: it may not, or it is no part. */
export function partFailed(
  frame: Frame,
  node: GraphNode,
  task: Pick<ClaimedTask, 'payload' | 'runAt'>,
): Moves | undefined {
  const ref = decodeRef(task.payload)
  if (!isMap(node) || (ref?.kind !== 'slice' && ref?.kind !== 'element') || ref.map.tolerated === 0) return undefined
  if (ref.kind === 'element') return afterElement(frame, node, ref, 1)
  const { map, slice } = ref
  const elements = Math.min(map.size, elementsOf(map) - slice * map.size)
  return {
    follow: afterSlice(frame, node, map, slice, task.runAt),
    arrive: [arrival(frame, node, map, 1, elements)],
    change: undefined,
  }
}

/** The step of one element that failed in its slice. `error`: it is not to be tried again. */
export function elementTask(
  frame: Frame,
  node: GraphNode,
  { afterMs, ...element }: Omit<ElementPart, 'kind'> & { readonly afterMs: number },
): NewTask {
  const { slice, at, map } = element
  const payload = encodeRef({ kind: 'element', ...element })
  // How often it is tried is said by retryOf: once it was already.
  return { ...stepTask(frame, node, elementIndex(slice, map.size, at), payload, { afterMs }), maxAttempts: null }
}

/** The policy of a step. An element that runs by itself had its first attempt in its slice. */
export function retryOf(node: GraphNode, index: number, policy: RetryPolicy): RetryPolicy {
  const own = node.options.retry ?? policy
  if (!isMap(node) || index >= 0) return own
  return { ...own, limit: Math.max(1, own.limit - 1), backoff: (attempts) => own.backoff(attempts + 1) }
}

/** Its arrival at the end; and the next of its chain or, after the last, its arrival at the next slice of the lane. */
function afterElement(frame: Frame, node: MapNode, part: ElementPart, failed: number): Moves {
  const { map, slice, chains = 0, rest = [] } = part
  const end = arrival(frame, node, map, 1, failed)
  const [at, ...others] = rest
  if (at !== undefined)
    return {
      follow: [elementTask(frame, node, { map, slice, at, chains, rest: others, afterMs: 0 })],
      arrive: [end],
      change: undefined,
    }
  const next = slice + map.window
  if (chains === 0 || next >= map.slices) return { follow: [], arrive: [end], change: undefined }
  const lane = {
    task: sliceTask(frame, node, map, next, NOW),
    arrived: 1,
    done: 0,
    failed: 0,
    opens: { arrived: chains },
  }
  return { follow: [], arrive: [end, lane], change: undefined }
}

/** The next slice of the lane, where there is one. */
function afterSlice(frame: Frame, node: MapNode, map: MapRef, slice: number, runAt: number): NewTask[] {
  const next = slice + map.window
  if (next >= map.slices) return []
  const pace = laneMs(node, map)
  return [sliceTask(frame, node, map, next, pace === 0 ? NOW : { at: Math.ceil(runAt + map.size * pace) })]
}

function arrival(frame: Frame, node: MapNode, map: MapRef, arrived: number, failed: number): Arrival {
  return {
    task: endOf(frame, node, map),
    arrived,
    done: 0,
    failed,
    opens: { arrived: map.slices, ...(Number.isFinite(map.tolerated) ? { failed: map.tolerated } : {}) },
  }
}

function sliceTask(frame: Frame, node: MapNode, map: MapRef, slice: number, due: NewTask['due']): NewTask {
  return stepTask(frame, node, sliceIndex(slice), encodeRef({ kind: 'slice', map, slice }), due)
}

function endOf(frame: Frame, node: GraphNode, map: MapRef): NewTask {
  return stepTask(frame, node, LAST, encodeRef({ kind: 'mapped', map }))
}
