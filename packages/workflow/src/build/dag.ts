/**
 * The DAG: a workflow as nodes that depend on others by name, typed by what those give.
 *
 * Only a builder. A node depends on nodes before it, so that there are no cycles; what remains to be checked is checked at
 * the call that made the mistake.
 */
import { didYouMean, QError } from '@q/core'
import type { StepContext } from '../engine/context.ts'
import {
  checkEdge,
  checkJoin,
  checkKnown,
  checkLabel,
  checkNodeName,
  checkUnused,
  checkWorkflowName,
} from '../graph/check.ts'
import type { Edge, Graph, GraphOutput, JoinRule, StepHandler, Work } from '../graph/graph.ts'
import { makeGraph, type NodeDraft } from '../graph/make.ts'
import type { DagOutput, DagShape, Dependency, Given, Grown, Join, NoNodes, Returning, When } from './dag-types.ts'
import { Definition } from './definition.ts'
import {
  type AnySettings,
  checkAbout,
  checkFunction,
  checkSchemas,
  checkWorkflowOptions,
  KNOWN,
  type NodeSettings,
  type StepOptions,
  whereIs,
  type WorkflowOptions,
} from './options.ts'
import type { Awaitable, EndOf, NextOf } from './types.ts'

/** What a final failure of a node does. */
export type OnFailure = 'fail' | 'continue'

/** What a node of a DAG can be told besides its dependencies. */
export interface JoinOptions<Rule, Failure> {
  /** When it runs, of those it depends on. Default `all`: when all are done. */
  readonly join?: Rule
  /** What its final failure does. Default `fail`: the run fails. `continue`: those that depend on it decide by their `join`. */
  readonly onFailure?: Failure
}

/** Options of a route. */
export interface RouteOptions<Input, Label extends string, Rule> extends NodeSettings<Input, Label> {
  /** When it runs, of those it depends on. Default `all`: when all are done. */
  readonly join?: Rule
  /** All labels it can give. Where they are said, others are refused: in `when` at once, and from the handler when it runs. */
  readonly labels?: readonly Label[]
}

/**
 * Depends on one label of a route: the node is skipped when another one is chosen.
 *
 * ```ts
 * .node('review', ['order', when('size', 'large')], async ({ order }) => review(order))
 * ```
 */
export function when<const Route extends string, const Label extends string>(
  route: Route,
  label: Label,
): When<Route, Label> {
  return { node: route, when: label }
}

type Next<Returned> = NextOf<Awaited<Returned>>
type End<Returned> = EndOf<Awaited<Returned>>

interface Parts {
  readonly workflow: string
  readonly version: string | null
  readonly deadlineMs: number | null
  readonly nodes: readonly NodeDraft[]
  readonly returns: string | null
}

/**
 * A workflow of nodes that depend on each other. Immutable: each method returns a new one.
 *
 * ```ts
 * const publish = new Dag<Article>('publish')
 *   .node('html', async (article) => render(article))
 *   .node('cover', async (article) => draw(article))
 *   .node('upload', ['html', 'cover'], async ({ html, cover }) => upload(html, cover))
 * ```
 * A run gives the output of the node at the end or, where there are several, an object of their outputs by name.
 * @typeParam Input What a run is started with; given to nodes without dependencies.
 * @typeParam Shape What the compiler knows of its nodes.
 */
export class Dag<Input, Shape extends DagShape = NoNodes> extends Definition<Input, DagOutput<Shape>> {
  readonly #parts: Parts

  /**
   * @param name By which workers know it: 1 to 200 characters.
   * @throws QError `ERR_OPTION`, `ERR_DURATION`
   */
  constructor(name: string, options: WorkflowOptions = {}, parts?: Parts) {
    super()
    this.#parts = parts ?? {
      workflow: checkWorkflowName(name),
      ...checkWorkflowOptions(name, options),
      nodes: [],
      returns: null,
    }
  }

  /** A node that is given the input of the run. */
  node<Name extends string, Returned, Failure extends OnFailure = 'fail'>(
    name: Name,
    run: (input: Input, ctx: StepContext) => Returned,
    options?: StepOptions<Input, NoInfer<Next<Returned>>> & Omit<JoinOptions<never, Failure>, 'join'>,
  ): Dag<Input, Grown<Shape, Name, Next<Returned>, End<Returned>, [], 'all', Failure, false>>
  /**
   * A node that runs after others, and is given their outputs by name.
   * @param deps Names of nodes, or `when(route, label)`.
   */
  node<
    Name extends string,
    const Deps extends readonly Dependency<Shape>[],
    Returned,
    Rule extends Join = 'all',
    Failure extends OnFailure = 'fail',
  >(
    name: Name,
    deps: Deps,
    run: (given: Given<Shape, Deps, Rule>, ctx: StepContext) => Returned,
    options?: StepOptions<NoInfer<Given<Shape, Deps, Rule>>, NoInfer<Next<Returned>>> & JoinOptions<Rule, Failure>,
  ): Dag<Input, Grown<Shape, Name, Next<Returned>, End<Returned>, Deps, Rule, Failure, false>>
  node<Grew extends DagShape>(name: string, first: unknown, second?: unknown, third?: unknown): Dag<Input, Grew> {
    const { deps, run, options } = this.#read(name, first, second, third)
    const schema = checkSchemas(whereIs(this.#parts.workflow, name), options)
    return this.#add(name, deps, options, KNOWN.graphNode, {
      kind: 'step',
      run,
      ...(schema === undefined ? {} : { schema }),
    })
  }

  /** A node that chooses a label, given the input of the run. Others depend on its labels by `when`. */
  route<Name extends string, Label extends string>(
    name: Name,
    run: (input: Input, ctx: StepContext) => Awaitable<Label>,
    options?: Omit<RouteOptions<Input, NoInfer<Label>, never>, 'join'>,
  ): Dag<Input, Grown<Shape, Name, Label, never, [], 'all', 'fail', true>>
  /** A node that chooses a label after others, and is given their outputs by name. */
  route<
    Name extends string,
    const Deps extends readonly Dependency<Shape>[],
    Label extends string,
    Rule extends Join = 'all',
  >(
    name: Name,
    deps: Deps,
    run: (given: Given<Shape, Deps, Rule>, ctx: StepContext) => Awaitable<Label>,
    options?: RouteOptions<NoInfer<Given<Shape, Deps, Rule>>, NoInfer<Label>, Rule>,
  ): Dag<Input, Grown<Shape, Name, Label, never, Deps, Rule, 'fail', true>>
  route<Grew extends DagShape>(name: string, first: unknown, second?: unknown, third?: unknown): Dag<Input, Grew> {
    const { deps, run, options } = this.#read(name, first, second, third)
    const labels = this.#labels(name, options.labels)
    return this.#add(name, deps, options, KNOWN.graphRoute, { kind: 'route', run, gives: 'label', labels })
  }

  /**
   * The node whose output is that of the run. A run still ends only when all its nodes have.
   * @throws QError `ERR_OPTION`
   */
  returns<Name extends keyof Shape['nodes'] & string>(name: Name): Dag<Input, Returning<Shape, Name>> {
    const { workflow, nodes } = this.#parts
    const { name: returns } = checkKnown(workflow, nodes, name, 'returns')
    return new Dag<Input, Returning<Shape, Name>>(workflow, {}, { ...this.#parts, returns })
  }

  protected override compile(): Graph {
    const { workflow, version, deadlineMs, nodes, returns } = this.#parts
    const used = new Set(nodes.flatMap(({ from }) => from.map(({ node }) => node)))
    const ends = nodes.map(({ name }) => name).filter((name) => !used.has(name))
    return makeGraph({ name: workflow, version, deadlineMs, nodes, output: outputOf(ends, returns) })
  }

  #read(name: string, first: unknown, second: unknown, third: unknown) {
    const [deps, run, options] = Array.isArray(first) ? [first as unknown[], second, third] : [[], first, second]
    const where = whereIs(this.#parts.workflow, name)
    return {
      deps,
      run: checkFunction<StepHandler>(where, 'what it runs', run),
      options: (options ?? {}) as AnySettings,
    }
  }

  #add<Grew extends DagShape>(
    name: string,
    deps: readonly unknown[],
    options: AnySettings,
    known: readonly string[],
    work: Work,
  ): Dag<Input, Grew> {
    const { workflow, nodes } = this.#parts
    const where = whereIs(workflow, checkNodeName(workflow, name))
    const node: NodeDraft = {
      name,
      ...checkAbout(workflow, name, options, known),
      work,
      from: deps.map((dep) => checkDependency(where, dep)),
      join: checkRule(where, options.join, deps.length),
      input: deps.length === 0 ? 'value' : 'record',
      delay: null,
    }
    checkUnused(workflow, nodes, node)
    for (const edge of node.from) checkEdge(workflow, nodes, node, edge)
    checkJoin(workflow, node)
    return new Dag<Input, Grew>(workflow, {}, { ...this.#parts, nodes: [...nodes, node] })
  }

  #labels(name: string, labels: unknown): readonly string[] | null {
    if (labels === undefined) return null
    const { workflow } = this.#parts
    if (!Array.isArray(labels) || labels.length === 0)
      throw new QError('ERR_OPTION', `${whereIs(workflow, name)}: labels must be a list of one label at least.`)
    return labels.map((label) => checkLabel(workflow, name, label))
  }
}

function outputOf(ends: readonly string[], returns: string | null): GraphOutput {
  if (ends.length === 1 && (returns === null || returns === ends[0])) return { kind: 'chain' }
  return returns === null ? { kind: 'record', nodes: ends } : { kind: 'node', node: returns }
}

function checkDependency(where: string, dep: unknown): Edge {
  if (typeof dep === 'string') return { node: dep }
  if (typeof dep === 'object' && dep !== null && 'node' in dep && 'when' in dep) {
    const { node, when: label } = dep
    if (typeof node === 'string' && typeof label === 'string') return { node, when: label }
  }
  throw new QError('ERR_OPTION', `${where}: a dependency is the name of a node, or when("route", "label").`)
}

const RULES = ['all', 'allDone', 'noneFailed', 'anyOf'] as const

function checkRule(where: string, join: unknown, deps: number): JoinRule {
  if (deps === 0) {
    if (join === undefined) return { kind: 'one' }
    throw new QError('ERR_OPTION', `${where}: join is for nodes that depend on others.`)
  }
  if (join === undefined) return { kind: 'all' }
  const kind = RULES.find((rule) => rule === join)
  if (kind !== undefined) return { kind }
  if (typeof join === 'object' && join !== null && 'nOf' in join && Object.keys(join).length === 1)
    return { kind: 'nOf', n: join.nOf as number }
  const near = typeof join === 'string' ? didYouMean(join, RULES) : undefined
  throw new QError(
    'ERR_OPTION',
    `${where}: join must be ${RULES.map((rule) => `"${rule}"`).join(', ')} or { nOf: 2 }${near === undefined ? '.' : `, did you mean "${near}"?`}`,
  )
}
