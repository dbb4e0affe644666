/** A fold: one step that goes over a collection, and remembers about once a second how far it is. */
import { AbortError, type ProgramContext, QError } from '@q/core'
import { isGoto } from '../../build/goto.ts'
import type { GraphNode, Work } from '../../graph/graph.ts'
import { CollectionOf } from '../collection.ts'
import { stepContext } from '../context.ts'
import type { Host } from '../host.ts'
import { isIterable } from '../pages.ts'
import { mustTurn, turn } from '../turn.ts'
import { list } from './step.ts'

const SAVE_MS = 1_000

interface Position {
  /** Pages that are over. */
  readonly page: number
  /** Elements of the page after them that are. */
  readonly in: number
  /** Elements that are in all. */
  readonly at: number
  readonly state: unknown
}

/** Goes over all elements, one after the other. An empty collection gives the initial value. */
export async function runFold(
  host: Host,
  node: GraphNode,
  work: Extract<Work, { kind: 'fold' }>,
  ctx: ProgramContext,
  input: unknown,
): Promise<unknown> {
  if (!isIterable(input))
    throw new AbortError(
      new QError(
        'ERR_INVALID',
        `Node "${node.name}" goes over a collection and was given ${input === null ? 'null' : typeof input}.`,
      ),
    )
  const stored = ctx.checkpoint === null ? undefined : (host.values.decodeBytes(ctx.checkpoint) as Position)
  let { page, in: skip, at, state }: Position = stored ?? { page: 0, in: 0, at: 0, state: work.initial() }
  let savedAt = ctx.clock.now()
  for await (const elements of pagesOf(input, page)) {
    for (let next = skip; next < elements.length; next++) {
      ctx.signal.throwIfAborted()
      if (mustTurn()) await turn()
      const given = await work.run(state, elements[next], stepContext(ctx, { index: at, shared: true }))
      const to = isGoto(given) ? given : undefined
      if (to?.kind === 'end' || to?.kind === 'fail') return to
      if (to?.kind === 'delay') throw noDelay(node)
      state = to === undefined ? given : to.value
      at += 1
      if (ctx.clock.now() - savedAt < SAVE_MS) continue
      const position = host.values.encode({ page, in: next + 1, at, state } satisfies Position)
      if (position !== null) await ctx.progress(position.bytes)
      savedAt = ctx.clock.now()
    }
    page += 1
    skip = 0
  }
  return state
}

async function* pagesOf(
  input: Iterable<unknown> | AsyncIterable<unknown>,
  from: number,
): AsyncGenerator<readonly unknown[]> {
  if (input instanceof CollectionOf) return yield* input.pages(from)
  if (from === 0) yield await list(input)
}

function noDelay({ name }: GraphNode): AbortError {
  return new AbortError(
    new QError('ERR_INVALID', `Fold "${name}": an element cannot return goto.delay(): the fold goes on with the next.`),
  )
}
