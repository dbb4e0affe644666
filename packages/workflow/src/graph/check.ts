/**
 * What is wrong with a workflow, found while it is built: before anything runs, and at the call that made the mistake
 * where that can be known there.
 */
import { didYouMean, QError } from '@q/core'
import type { GraphOutput } from './graph.ts'
import type { NodeDraft } from './make.ts'

/** The longest name of a node. The engine's own steps are named after nodes, and a store takes 200 characters. */
const MAX_NODE_NAME = 100
/** The longest label of a route. */
const MAX_LABEL = 80
/** The longest name of a workflow. */
const MAX_WORKFLOW_NAME = 200

/** Most nodes that one leads to, or that a run begins with: they are stored by one statement. */
const MAX_WIDTH = 1_000

const CONTROL = /\p{Cc}/u

/** @throws QError `ERR_OPTION` */
export function checkWorkflowName(name: unknown): string {
  if (typeof name === 'string' && isText(name, MAX_WORKFLOW_NAME)) return name
  throw new QError('ERR_OPTION', `Workflow: the name must be ${wanted(MAX_WORKFLOW_NAME)}, got ${shown(name)}.`)
}

/**
 * A name that a user gives to a node, or that it had before.
 * @throws QError `ERR_OPTION`
 */
export function checkNodeName(workflow: string, name: unknown, what: 'node' | 'alias' = 'node'): string {
  if (typeof name !== 'string' || !isText(name, MAX_NODE_NAME))
    fail(
      workflow,
      `the name of ${what === 'node' ? 'a node' : 'an alias'} must be ${wanted(MAX_NODE_NAME)}, got ${shown(name)}.`,
    )
  if (name.startsWith('$') || name.startsWith('~'))
    fail(workflow, `${what} ${shown(name)}: names that start with "$" or "~" are the engine's own. Choose another.`)
  return name
}

/** @throws QError `ERR_OPTION` */
export function checkLabel(workflow: string, node: string, label: unknown): string {
  if (typeof label === 'string' && isText(label, MAX_LABEL)) return label
  return fail(workflow, `node "${node}": a label must be ${wanted(MAX_LABEL)}, got ${shown(label)}.`)
}

/**
 * That a new node does not bear the name of another.
 * @throws QError `ERR_OPTION`
 */
export function checkUnused(workflow: string, nodes: readonly NodeDraft[], node: NodeDraft): void {
  const mine = [node.name, ...node.aliases]
  const twice = mine.find((name, index) => mine.indexOf(name) !== index)
  if (twice !== undefined) fail(workflow, `node "${node.name}" has the name "${twice}" twice.`)
  for (const other of nodes) {
    const theirs = [other.name, ...other.aliases]
    const name = mine.find((each) => theirs.includes(each))
    if (name === undefined) continue
    if (name === node.name && name === other.name)
      fail(
        workflow,
        `there are two nodes with the name "${name}". A node is known by its name: give each one of its own.`,
      )
    fail(
      workflow,
      `"${name}" is a name of node "${other.name}" and of node "${node.name}", as an alias of one at least.`,
    )
  }
}

/**
 * That a node is one that exists.
 * @param self Who asks, and so does not mean itself.
 * @throws QError `ERR_OPTION`
 */
export function checkKnown(
  workflow: string,
  nodes: readonly NodeDraft[],
  name: unknown,
  where: string,
  self?: string,
): NodeDraft {
  const node = nodes.find((each) => each.name === name)
  if (node !== undefined) return node
  const renamed = nodes.find(({ aliases }) => aliases.includes(name as string))
  if (renamed !== undefined)
    fail(workflow, `${where}: "${String(name)}" is an earlier name of "${renamed.name}"; use the name it has now.`)
  const names = nodes.map((each) => each.name).filter((each) => !each.startsWith('~') && each !== self)
  const near = typeof name === 'string' ? didYouMean(name, names) : undefined
  return fail(
    workflow,
    `${where}: there is no node ${shown(name)}${near === undefined ? ` before it. Known: ${names.length === 0 ? 'none' : names.map((each) => `"${each}"`).join(', ')}.` : `, did you mean "${near}"?`}`,
  )
}

/**
 * Everything about the nodes and edges of a whole graph, except for cycles: see {@link topological}.
 * @throws QError `ERR_OPTION`
 */
export function checkNodes(workflow: string, nodes: readonly NodeDraft[], output: GraphOutput): void {
  if (nodes.length === 0) fail(workflow, 'it has no nodes. Add one before it is used.')
  checkWidth(workflow, nodes)
  for (const [index, node] of nodes.entries()) {
    checkUnused(workflow, nodes.slice(0, index), node)
    for (const edge of node.from) checkEdge(workflow, nodes, node, edge)
    checkJoin(workflow, node)
  }
  const named = output.kind === 'record' ? output.nodes : output.kind === 'node' ? [output.node] : []
  for (const name of named) checkKnown(workflow, nodes, name, 'output')
}

function checkWidth(workflow: string, nodes: readonly NodeDraft[]): void {
  const after = new Map<string | undefined, number>()
  for (const { from } of nodes) {
    const before = from.length === 0 ? [undefined] : new Set(from.map(({ node }) => node))
    for (const each of before) after.set(each, (after.get(each) ?? 0) + 1)
  }
  for (const [name, count] of after)
    if (count > MAX_WIDTH)
      fail(
        workflow,
        `${name === undefined ? 'a run begins with' : `node "${name}" leads to`} ${count} nodes; at most ${MAX_WIDTH} are stored at once. For so many of a kind use a map.`,
      )
}

/** @throws QError `ERR_OPTION` */
export function checkEdge(
  workflow: string,
  nodes: readonly NodeDraft[],
  node: Pick<NodeDraft, 'name'>,
  edge: NodeDraft['from'][number],
): void {
  const where = `node "${node.name}"`
  if (edge.node === node.name) fail(workflow, `${where} depends on itself.`)
  const { work } = checkKnown(workflow, nodes, edge.node, where, node.name)
  if (edge.when === undefined) return
  if (work.kind !== 'route')
    fail(
      workflow,
      `${where}: when("${edge.node}", "${edge.when}") needs a route, and "${edge.node}" is none. Make it with route().`,
    )
  if (work.labels === null || work.labels.includes(edge.when)) return
  const near = didYouMean(edge.when, work.labels)
  fail(
    workflow,
    `${where}: route "${edge.node}" cannot give "${edge.when}"${near === undefined ? `. Its labels: ${work.labels.map((label) => `"${label}"`).join(', ')}.` : `, did you mean "${near}"?`}`,
  )
}

/**
 * That a node can run under its rule.
 * @throws QError `ERR_OPTION`
 */
export function checkJoin(workflow: string, { name, from, join }: Pick<NodeDraft, 'name' | 'from' | 'join'>): void {
  const where = `node "${name}"`
  const seen = new Set<string>()
  for (const { node, when } of from) {
    const key = JSON.stringify([node, when])
    if (seen.has(key)) fail(workflow, `${where} depends on "${node}" twice.`)
    seen.add(key)
  }
  const most = mostDone(from)
  if (join.kind === 'nOf' && (!Number.isInteger(join.n) || join.n < 1 || join.n > most))
    fail(
      workflow,
      `${where}: nOf must be a whole number from 1 to ${most}, of what can be done before it, got ${String(join.n)}.`,
    )
  if (join.kind === 'all' && most < from.length)
    fail(
      workflow,
      `${where} can never be reached: it waits for different labels of one route, which gives one. Use join: "anyOf".`,
    )
}

/**
 * The nodes so that each comes after those that lead to it; in the order given where that is one already.
 * @throws QError `ERR_OPTION` naming a cycle, or what cannot be reached.
 */
export function topological(workflow: string, nodes: readonly NodeDraft[]): readonly NodeDraft[] {
  const placed = new Set<string>()
  const sorted: NodeDraft[] = []
  let left = nodes
  while (left.length > 0) {
    const before = sorted.length
    for (const node of left) {
      if (!node.from.every((edge) => placed.has(edge.node))) continue
      placed.add(node.name)
      sorted.push(node)
    }
    if (sorted.length === before) return failOnCycle(workflow, left)
    left = left.filter(({ name }) => !placed.has(name))
  }
  return sorted
}

/** Of nodes each of which waits for another of them, the first circle. */
function failOnCycle(workflow: string, nodes: readonly NodeDraft[]): never {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const path: string[] = []
  let at = nodes[0]!
  while (!path.includes(at.name)) {
    path.push(at.name)
    at = at.from.map((edge) => byName.get(edge.node)).find((node) => node !== undefined)!
  }
  const circle = [...path.slice(path.indexOf(at.name)), at.name].toReversed()
  const outside = nodes.filter(({ name }) => !circle.includes(name)).map(({ name }) => `"${name}"`)
  const also = outside.length === 0 ? '' : ` So ${outside.join(', ')} cannot be reached either.`
  return fail(
    workflow,
    `there is a cycle: ${circle.map((name) => `"${name}"`).join(' → ')}.${also} For loops use repeatUntil().`,
  )
}

/** Of edges from one route only those of one label can be taken. */
function mostDone(from: NodeDraft['from']): number {
  const certain = from.filter(({ when }) => when === undefined)
  const routes = new Set(from.filter(({ when }) => when !== undefined).map(({ node }) => node))
  return certain.length + routes.size
}

/** @throws QError `ERR_OPTION` */
export function fail(workflow: string, message: string): never {
  throw new QError('ERR_OPTION', `Workflow "${workflow}": ${message}`)
}

function isText(text: string, max: number): boolean {
  return text.length > 0 && text.length <= max && text.isWellFormed() && !CONTROL.test(text)
}

function wanted(max: number): string {
  return `a text of 1 to ${max} characters without control characters`
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return value === null ? 'null' : typeof value
  return value.length > 100 ? `${value.length} characters` : JSON.stringify(value.toWellFormed())
}
