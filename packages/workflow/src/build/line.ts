/**
 * A chain under construction, as a value: the nodes so far, and the ends to which the next one is tied.
 *
 * A chain has one end until it branches. What has no task of its own becomes part of what follows: a delay of the next
 * node, an empty branch of the edge to it. Where nothing follows, a node that only passes its input on takes its place.
 */
import { type Duration, QError, toMs } from '@q/core'
import { checkEdge, checkLabel, checkNodeName, checkUnused, fail } from '../graph/check.ts'
import type { Delay, Edge, Graph, StepHandler, Work } from '../graph/graph.ts'
import { makeGraph, type NodeDraft } from '../graph/make.ts'
import type { About } from './options.ts'

/** A chain so far. */
export interface Line {
  readonly workflow: string
  readonly version: string | null
  readonly deadlineMs: number | null
  readonly nodes: readonly NodeDraft[]
  /** What the next node is tied to; nothing at the start. */
  readonly ends: readonly Edge[]
  /** How long the next node waits. */
  readonly delay: Delay | null
  /** After what a node is named that has no name of its own. */
  readonly after: string
  /** The branches it is in, the innermost last: a chain that comes back must be the one that was handed out. */
  readonly inside: readonly symbol[]
}

/** A chain without nodes. */
export function emptyLine(about: Pick<Line, 'workflow' | 'version' | 'deadlineMs'>): Line {
  return { ...about, nodes: [], ends: [], delay: null, after: 'start', inside: [] }
}

/**
 * With one more node at its end.
 * @throws QError `ERR_OPTION`
 */
export function addNode(line: Line, name: string, work: Work, about: About): Line {
  return tie(line, { name: checkNodeName(line.workflow, name), work, ...about })
}

/** With a delay before whatever comes next. A second one is added to the first. */
export function addDelay(line: Line, delay: Delay): Line {
  // The elements of a map are not in one hand when it ends: a step has to collect them before a function can see them.
  const from = 'of' in delay && endsInMap(line) ? pass(line, `~all:${line.after}`) : line
  return { ...from, delay: from.delay === null ? delay : sum(from.delay, delay) }
}

/**
 * With a node that chooses between branches. The ends of all of them are tied to what comes next.
 * @param run Gives the label.
 * @param branches Makes each branch from a chain that starts at its label; `null`: it is empty.
 * @throws QError `ERR_OPTION`
 */
export function addBranches(
  line: Line,
  name: string,
  run: StepHandler,
  about: About,
  branches: readonly (readonly [label: string, build: ((line: Line) => Line | undefined) | null])[],
): Line {
  const labels = branches.map(([label]) => checkLabel(line.workflow, name, label))
  if (labels.length === 0) fail(line.workflow, `node "${name}" has no branches. Give one for each label.`)
  const route = addNode(line, name, { kind: 'route', gives: 'input', labels, run }, about)
  let nodes = route.nodes
  const ends: Edge[] = []
  for (const [label, build] of branches) {
    const start: Line = { ...route, nodes, ends: [{ node: name, when: label }], after: `${name}:${label}` }
    const end = settleEnd(build === null ? start : inside(start, `branch "${label}" of node "${name}"`, build))
    nodes = end.nodes
    ends.push(...end.ends)
  }
  return { ...route, nodes, ends }
}

/**
 * What somebody else makes of a chain, who must give back the same one, only longer.
 * @param where Begins the message.
 */
export function inside(line: Line, where: string, build: (line: Line) => Line | undefined): Line {
  const mark = Symbol(where)
  const built = build({ ...line, inside: [...line.inside, mark] })
  if (built?.inside.at(-1) !== mark)
    throw new QError(
      'ERR_OPTION',
      `Workflow "${line.workflow}": ${where} must return the chain that it is given, with what it adds to it.`,
    )
  return { ...built, inside: line.inside }
}

/**
 * The graph of a whole chain.
 * @throws QError `ERR_OPTION`
 */
export function finishLine(line: Line): Graph {
  const { workflow } = line
  if (line.inside.length > 0)
    fail(workflow, 'this is a branch of it, which cannot be used by itself. Return it instead.')
  const settled = settleEnd(line)
  // Of an end with a label nobody knows whether it is one until the route has chosen.
  const whole = settled.ends.some(({ when }) => when !== undefined) ? pass(settled, `~after:${settled.after}`) : settled
  const { nodes, version, deadlineMs } = whole
  return makeGraph({ name: workflow, version, deadlineMs, nodes, output: { kind: 'chain' } })
}

/** Ends that hand on a value, at once. */
function settleEnd(line: Line): Line {
  return line.delay === null ? line : pass(line, `~after:${line.after}`)
}

function pass(line: Line, name: string): Line {
  return tie(line, { name, aliases: [], work: { kind: 'step', run: (input) => input }, options: {} })
}

function tie(line: Line, node: Pick<NodeDraft, 'name' | 'aliases' | 'work' | 'options'>): Line {
  const { workflow, nodes, ends, delay } = line
  const draft: NodeDraft = { ...node, from: ends, join: { kind: 'one' }, input: 'value', delay }
  checkUnused(workflow, nodes, draft)
  for (const edge of ends) checkEdge(workflow, nodes, draft, edge)
  return { ...line, nodes: [...nodes, draft], ends: [{ node: node.name }], delay: null, after: node.name }
}

function endsInMap({ nodes, ends }: Line): boolean {
  return ends.some((edge) => nodes.some(({ name, work }) => name === edge.node && work.kind === 'map'))
}

function sum(a: Delay, b: Delay): Delay {
  if ('ms' in a && 'ms' in b) return { ms: toMs(a.ms + b.ms, 'delayFor') }
  return { of: (input) => spanOf(a, input) + spanOf(b, input) }
}

/**
 * The milliseconds of a delay.
 * @throws QError `ERR_DURATION`; what its function throws.
 */
export function spanOf(delay: Delay, input: unknown): number {
  return 'ms' in delay ? delay.ms : toMs(delay.of(input) satisfies Duration, 'delayWith')
}
