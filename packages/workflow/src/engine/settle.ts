/** From the end of an attempt to its settlement: whatever follows from it is part of it. */
import type { ClaimedTask, Encoded, ErrorRecord, NewTask, ProgramContext, RunPart, Settlement } from '@q/core'
import { QError, toErrorRecord, toMs } from '@q/core'
import { isGoto } from '../build/goto.ts'
import type { Graph, GraphNode } from '../graph/graph.ts'
import { CollectionOf } from './collection.ts'
import { DONE, isIndispensable } from './control.ts'
import { isUndo, undoFailed } from './ending.ts'
import { type Frame, frameOf } from './frame.ts'
import type { Host } from './host.ts'
import type { Known } from './library.ts'
import { isOutcome, type Outcome } from './outcome.ts'
import { Routed } from './routed.ts'
import { encodeCollection } from './refs.ts'
import { type DelayOf, failRun, lead, type Moves } from './transition.ts'
import { partFailed } from './work/parts.ts'

/** For how long a step is put off that the engine cannot do without. */
const AGAIN_MS = 1_000

type Done = Extract<Settlement, { kind: 'done' }>

/** What an attempt returned: what of it is stored, and what its `done` becomes. */
export interface Returned {
  readonly result: Encoded | null
  readonly settle: (done: Done) => Settlement | null
}

/**
 * Takes what an attempt returned.
 * @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`; what a delay of the user's throws.
 */
export function returned(host: Host, known: Known, ctx: ProgramContext, given: unknown): Returned {
  const { result, settle } = endOf(host, known, ctx.task, given)
  return { result, settle: (done) => carried(ctx, settle(done)) }
}

/** With what the attempt gave to `carry`. */
function carried(ctx: ProgramContext, settlement: Settlement | null): Settlement | null {
  if (settlement === null) return null
  const { follow, run } = settlement
  const { arrive, start } = run ?? {}
  const give = (task: NewTask): NewTask => ctx.carried(task)
  return {
    ...settlement,
    ...(follow === undefined ? {} : { follow: follow.map(give) }),
    ...(run === undefined
      ? {}
      : {
          run: {
            ...run,
            ...(arrive === undefined ? {} : { arrive: arrive.map((each) => ({ ...each, task: give(each.task) })) }),
            ...(start === undefined ? {} : { start: start.map((each) => ({ ...each, tasks: each.tasks.map(give) })) }),
          },
        }),
  }
}

function endOf(host: Host, { graph, node }: Known, task: ClaimedTask, given: unknown): Returned {
  const frame = frameOf(task)
  if (isOutcome(given)) return special(graph, frame, node, given)
  const goto = isGoto(given) ? given : undefined
  if (goto?.kind === 'fail') {
    const error = toErrorRecord(goto.error)
    return {
      result: null,
      settle: (done) => killed(done, frame.run, error, whenFailed(graph, frame, node, task, error)),
    }
  }
  const value: unknown = given instanceof Routed ? given.label : goto === undefined ? given : goto.value
  const result = value instanceof CollectionOf ? encodeCollection(value.ref) : host.values.encode(value)
  // Somebody else answered in the place of a step of the engine's own: it is still to be done.
  if (node === undefined) return { result, settle: (done) => deferred(done, AGAIN_MS) }
  if (goto?.kind === 'end')
    return { result, settle: carrying(frame, { follow: [], arrive: [], change: { status: 'done', output: result } }) }
  const label = given instanceof Routed ? given.label : undefined
  checkLabel(graph, node, label)
  const hand = given instanceof Routed && given.hand !== undefined ? { hand: given.hand } : {}
  if (goto?.kind === 'delay') checkDelay(graph, node)
  const due = goto?.kind === 'delay' ? { due: { afterMs: goto.ms } } : {}
  return {
    result,
    settle: carrying(
      frame,
      lead(
        graph,
        frame,
        node,
        { state: 'done', of: task.id, output: result, label, ...due, ...hand },
        delayAfter(given instanceof Routed ? given.value : value),
      ),
    ),
  }
}

/** The settlement to send, of an attempt that ended in whatever way. */
export function settleStep(
  known: Known | undefined,
  task: ClaimedTask,
  settlement: Settlement,
  end: Returned | undefined,
): Settlement | null {
  if (settlement.kind === 'done') return end === undefined ? settlement : end.settle(settlement)
  if (known === undefined || (settlement.kind !== 'killed' && settlement.kind !== 'cancelled')) return settlement
  const { run, node } = task.step!
  // A run does not end without them; a `$done` that was cancelled, but whose run goes on, was so by mistake.
  if (known.node === undefined && (isIndispensable(node) || (node === DONE && settlement.kind === 'cancelled')))
    return deferred(settlement, AGAIN_MS * (1 + Math.random()))
  const error = settlement.error ?? null
  return carry(settlement, run, whenFailed(known.graph, frameOf(task), known.node, task, error))
}

function special(graph: Graph, frame: Frame, node: GraphNode | undefined, given: Outcome): Returned {
  const { run } = frame
  switch (given.kind) {
    case 'moves':
      return { result: given.result, settle: carrying(frame, given.moves) }
    case 'settled':
      return { result: null, settle: () => null }
    case 'later':
      return { result: null, settle: (done) => deferred(done, given.afterMs) }
    case 'park': {
      const { names, until, start } = given
      const part: RunPart = { run, listen: { names, until }, ...(start === undefined ? {} : { start }) }
      return { result: null, settle: (done) => ({ ...deferred(done, 0), run: part }) }
    }
    case 'skip': {
      const moves = lead(graph, frame, node!, { state: 'skipped' }, delayAfter(undefined))
      const error: ErrorRecord = {
        name: 'QError',
        code: 'ERR_SKIPPED',
        message: `The rule of its join skipped node "${node!.name}".`,
      }
      return {
        result: null,
        settle: ({ id, token, ranMs }) =>
          carry({ id, token, kind: 'cancelled', error, ...(ranMs === undefined ? {} : { ranMs }) }, run, moves),
      }
    }
  }
}

/** What the final failure of a step leads to. Never throws. */
function whenFailed(
  graph: Graph,
  frame: Frame,
  node: GraphNode | undefined,
  task: ClaimedTask,
  error: ErrorRecord | null,
): Moves {
  if (node === undefined) return isUndo(task) ? undoFailed(task) : failRun(graph, frame, error)
  try {
    const part = partFailed(frame, node, task)
    if (part !== undefined) return part
    if (node.options.onFailure === 'continue')
      return lead(graph, frame, node, { state: 'failed' }, delayAfter(undefined))
  } catch {
    // Its payload is none, or a delay of the user's fails: then nothing can follow but the end of the run.
  }
  return failRun(graph, frame, error)
}

function carrying(frame: Frame, moves: Moves): Returned['settle'] {
  return (done) => carry(done, frame.run, moves)
}

function carry(settlement: Settlement, run: string, { follow, arrive, change }: Moves): Settlement {
  const before = settlement.follow ?? []
  const part: RunPart = { run, ...(arrive.length === 0 ? {} : { arrive }), ...(change === undefined ? {} : { change }) }
  return {
    ...settlement,
    ...(follow.length + before.length === 0 ? {} : { follow: [...before, ...follow] }),
    run: part,
  }
}

function killed({ id, token, ranMs }: Done, run: string, error: ErrorRecord, moves: Moves): Settlement {
  return carry({ id, token, kind: 'killed', error, ...(ranMs === undefined ? {} : { ranMs }) }, run, moves)
}

function deferred({ id, token, ranMs }: Settlement, afterMs: number): Settlement {
  return { id, token, kind: 'deferred', afterMs, ...(ranMs === undefined ? {} : { ranMs }) }
}

/** Delays of the nodes that follow, from what they will be given. */
export function delayAfter(value: unknown): DelayOf {
  return ({ name, delay }) => {
    if (delay === null) return { afterMs: 0 }
    return { afterMs: 'ms' in delay ? delay.ms : toMs(delay.of(value), `delay before "${name}"`) }
  }
}

/** What waits for several has no one moment that one of them could say. @throws QError `ERR_OPTION` */
function checkDelay(graph: Graph, { name, to }: GraphNode): void {
  const join = to
    .map((each) => graph.nodes.get(each))
    .find((each) => each?.join.kind !== 'one' && each!.from.length > 1)
  if (join === undefined) return
  throw new QError(
    'ERR_OPTION',
    `Node "${name}" returned goto.delay(), but "${join.name}", which follows, waits for others as well. Put the delay after it.`,
  )
}

/** A token that leads nowhere would leave the run standing. @throws QError `ERR_OPTION` */
function checkLabel(graph: Graph, node: GraphNode, label: string | undefined): void {
  const edges = node.to.flatMap((name) => {
    const target = graph.nodes.get(name)
    return target === undefined
      ? []
      : target.from.filter((edge) => edge.node === node.name).map(({ when }) => ({ when, join: target.join }))
  })
  if (edges.length === 0 || edges.some(({ when, join }) => when === undefined || when === label || join.kind !== 'one'))
    return
  const labels = edges.map(({ when }) => `"${when}"`).join(', ')
  throw new QError(
    'ERR_OPTION',
    `Node "${node.name}" chose ${label === undefined ? 'no branch' : `"${label}"`}; its branches are ${labels}.`,
  )
}
