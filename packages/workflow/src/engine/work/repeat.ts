/** A loop: each iteration is a step of its own, with attempts of its own, and the last one leads to the end of the node. */
import { AbortError, type Encoded, type NewTask, type ProgramContext, QError } from '@q/core'
import { isAgain } from '../../build/again.ts'
import { goto, isGoto } from '../../build/goto.ts'
import type { GraphNode, Work } from '../../graph/graph.ts'
import { storedName } from '../../graph/names.ts'
import { stepId } from '../../ids.ts'
import { stepContext } from '../context.ts'
import { CollectionOf } from '../collection.ts'
import { type Frame, frameOf, LAST, stepTask } from '../frame.ts'
import type { Host } from '../host.ts'
import type { Known } from '../library.ts'
import { outcome } from '../outcome.ts'
import { decodeRef, encodeCollection, encodeRef } from '../refs.ts'
import { wrap } from '../wrap.ts'
import { asValue, forNext } from './step.ts'

/** @throws QError `ERR_ABORT` when the loop goes round more often than it may. */
export async function runRepeat(
  host: Host,
  { graph, node }: Known & { readonly node: GraphNode },
  { run, max, everyMs }: Extract<Work, { kind: 'repeat' }>,
  ctx: ProgramContext,
  input: unknown,
): Promise<unknown> {
  const { index } = ctx.task.step!
  if (index === LAST) return decodeRef(ctx.task.payload)?.kind === 'output' ? delayed(input as Iteration) : input
  const given = await run(await asValue(input), stepContext(ctx, { index }))
  const to = isGoto(given) ? given : undefined
  if (to?.kind === 'end' || to?.kind === 'fail') return to
  const once = isAgain(given)
  if (once && index + 1 >= max)
    throw new AbortError(
      new QError(
        'ERR_OPTION',
        `Loop "${node.name}" was not done after ${max} iterations. Raise max, or let it return a value sooner.`,
      ),
    )
  const left: Iteration = once
    ? { again: given.state ?? null, afterMs: given.afterMs ?? everyMs }
    : await lastOf(host, { graph, node }, ctx, to === undefined ? given : to.value, to?.kind === 'delay' ? to.ms : 0)
  const result = left instanceof CollectionOf ? encodeCollection(left.ref) : host.values.encode(left)
  const next = nextIteration(host, frameOf(ctx.task), node, index, left)
  return outcome({ kind: 'moves', result, moves: { follow: [next], arrive: [], change: undefined } })
}

/** What an iteration leaves as its result; a collection where the last one gave that. */
export type Iteration =
  | { readonly again: unknown; readonly afterMs: number }
  | { readonly last: unknown; readonly delayMs?: number }
  | CollectionOf

/** The step after an iteration. */
export function nextIteration(host: Host, frame: Frame, node: GraphNode, index: number, left: Iteration): NewTask {
  if (left instanceof CollectionOf) return stepTask(frame, node, LAST, encodeCollection(left.ref))
  const encode = (value: unknown): Encoded => host.values.encode(value) ?? encodeRef({ kind: 'nothing' })
  if ('again' in left) {
    const made = node.origin === null ? {} : { origin: node.origin }
    return stepTask(frame, node, index + 1, wrap(encode(left.again), made), { afterMs: left.afterMs })
  }
  // The end of the node says how long what follows waits: it looks here.
  const of = stepId(frame.run, storedName(node), index)
  return stepTask(frame, node, LAST, left.delayMs === undefined ? encode(left.last) : encodeRef({ kind: 'output', of }))
}

async function lastOf(
  host: Host,
  known: Known,
  ctx: ProgramContext,
  value: unknown,
  delayMs: number,
): Promise<Iteration> {
  // A delay is kept with the value, and so needs one.
  const last = delayMs === 0 ? await forNext(host, known, ctx, value) : value
  if (last instanceof CollectionOf) return last
  return { last: last ?? null, ...(delayMs === 0 ? {} : { delayMs }) }
}

/** The value of the last iteration, on its way with the delay that it asked for. */
function delayed(left: Iteration): unknown {
  return 'last' in left ? goto.delay(left.last, left.delayMs ?? 0) : left
}
