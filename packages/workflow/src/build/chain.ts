/**
 * The chain: a workflow as one step after the other, typed from its start to its output.
 *
 * Only a builder. It puts nodes on a line (line.ts), and the graph that comes of it is all that the engine knows.
 */
import { type Duration, QError, toMs } from '@q/core'
import type { Collection } from '../engine/collection.ts'
import type { StepContext } from '../engine/context.ts'
import { checkWorkflowName, fail } from '../graph/check.ts'
import type { ChildWorkflow, Graph, StepHandler, Work } from '../graph/graph.ts'
import type { Again } from './again.ts'
import type { Branch, Covered, EndsOf, Step, ValueOf } from './branch.ts'
import { childOf, conditionOf, initialOf } from './given.ts'
import { Definition } from './definition.ts'
import { addBranches, addDelay, addNode, emptyLine, finishLine, inside, type Line } from './line.ts'
import {
  type AnySettings,
  checkAbout,
  checkFunction,
  checkMap,
  checkRepeat,
  checkSchemas,
  checkWorkflowOptions,
  KNOWN,
  type ChildSettings,
  type MapSettings,
  type NodeSettings,
  type RepeatSettings,
  type StepOptions,
  type WaitSettings,
  whereIs,
  type WorkflowOptions,
} from './options.ts'
import type { Awaitable, ElementOf, EndOf, Kept, LoopEnd, NextOf, WhereCollection } from './types.ts'
import type { Condition, ResultOf } from './wait.ts'

type Next<Returned> = NextOf<Awaited<Returned>>
type End<Returned> = EndOf<Awaited<Returned>>

/**
 * A workflow of one step after the other. Immutable: each method returns a new one.
 *
 * ```ts
 * const welcome = new Workflow<{ to: string }>('welcome')
 *   .andThen('create', async (user) => create(user))
 *   .delayFor('1d')
 *   .andThen('greet', async (account) => greet(account))
 * ```
 * Each step is a task of its own: retried alone, and run on whichever worker is free. What a step returns is stored together
 * with the next step. Every node has a name, by which runs under way find it in the next version of the program.
 * @typeParam Start What a run is started with.
 * @typeParam Value What the last node so far gives.
 * @typeParam Ends What runs end with that end earlier, by `goto.end`.
 */
export class Workflow<Start, Value = Start, Ends = never> extends Definition<Start, Value | Ends> {
  /** Only for the type: what the next node is given. */
  declare readonly '~value': Value
  /** Only for the type: what runs end with that end earlier. */
  declare readonly '~ends': Ends
  readonly #line: Line

  /**
   * @param name By which workers know it: 1 to 200 characters.
   * @throws QError `ERR_OPTION`, `ERR_DURATION`
   */
  constructor(name: string, options: WorkflowOptions = {}, line?: Line) {
    super()
    this.#line = line ?? emptyLine({ workflow: checkWorkflowName(name), ...checkWorkflowOptions(name, options) })
  }

  /** One step: given what the one before it returned. It may return a `goto`. */
  andThen<Returned>(
    name: string,
    run: (input: Value, ctx: StepContext) => Returned,
    options: StepOptions<Value, NoInfer<Next<Returned>>> = {},
  ): Workflow<Start, Next<Returned>, Ends | End<Returned>> {
    const schema = checkSchemas(this.#where(name), options)
    return this.#add(name, options, KNOWN.step, {
      kind: 'step',
      run: this.#function<StepHandler>(name, run),
      ...(schema === undefined ? {} : { schema }),
    })
  }

  /**
   * A step inside a transaction of the store, in which it also ends: what it writes there is written exactly once.
   * @param run Is given the transaction as the backend lends it; annotate it. Long collections for a map go past it.
   */
  tx<Tx, Returned>(
    name: string,
    run: (tx: Tx, input: Value, ctx: StepContext) => Returned,
    options: NodeSettings<Value, NoInfer<Next<Returned>>> = {},
  ): Workflow<Start, Next<Returned>, Ends | End<Returned>> {
    return this.#add(name, options, KNOWN.node, { kind: 'tx', run: this.#function(name, run) })
  }

  /** Runs for each element of a collection, which the node before gives; the results keep its order. */
  map<Returned>(
    name: WhereCollection<Value, string>,
    run: (element: ElementOf<Value>, ctx: StepContext) => Returned,
    options: MapSettings<ElementOf<Value>> = {},
  ): Workflow<Start, readonly Awaited<Returned>[], Ends> {
    return this.#map(name, run, false, options)
  }

  /** Like `map`, without the elements for which `undefined` or `null` is returned. */
  filterMap<Returned>(
    name: WhereCollection<Value, string>,
    run: (element: ElementOf<Value>, ctx: StepContext) => Returned,
    options: MapSettings<ElementOf<Value>> = {},
  ): Workflow<Start, readonly Kept<Awaited<Returned>>[], Ends> {
    return this.#map(name, run, true, options)
  }

  /**
   * Goes over a collection, one element after the other, in one step that remembers how far it is.
   * @param initial The state before the first element, or a function that makes it. The state is stored like any value.
   */
  fold<State>(
    name: WhereCollection<Value, string>,
    initial: State | (() => State),
    run: (state: State, element: ElementOf<Value>, ctx: StepContext) => Awaitable<State>,
    options: NodeSettings<Value, NoInfer<State>> = {},
  ): Workflow<Start, State, Ends> {
    return this.#add(name, options, KNOWN.node, {
      kind: 'fold',
      initial: initialOf(initial),
      run: this.#function(name, run),
    })
  }

  /** One step over a whole collection, however large: it is read as it is asked for. */
  collect<Returned>(
    name: WhereCollection<Value, string>,
    run: (collection: Collection<ElementOf<Value>>, ctx: StepContext) => Returned,
    options: NodeSettings<Value, NoInfer<Next<Returned>>> = {},
  ): Workflow<Start, Next<Returned>, Ends | End<Returned>> {
    return this.#add(name, options, KNOWN.node, { kind: 'collect', run: this.#function(name, run) })
  }

  /** Waits before what comes next; nothing is held meanwhile. */
  delayFor(span: Duration): Workflow<Start, Value, Ends> {
    return this.#with(addDelay(this.#line, { ms: toMs(span, `Workflow "${this.#line.workflow}": delayFor`) }))
  }

  /** Waits for as long as the function says. It is called once, when the node before has ended, and has to be quick. */
  delayWith(span: (input: Value) => Duration): Workflow<Start, Value, Ends> {
    const of = checkFunction<(input: unknown) => Duration>(`Workflow "${this.#line.workflow}"`, 'delayWith', span)
    return this.#with(addDelay(this.#line, { of }))
  }

  /** Runs until it does not return `again(state)`. The first state is what the node before gives. */
  repeatUntil<Returned, State extends Value = Value>(
    name: string,
    run: (state: Value, ctx: StepContext) => Awaitable<Returned | Again<State>>,
    options: RepeatSettings<Value, NoInfer<NextOf<LoopEnd<Returned>>>> = {},
  ): Workflow<Start, NextOf<LoopEnd<Returned>>, Ends | EndOf<LoopEnd<Returned>>> {
    const limits = checkRepeat(this.#where(name), options)
    return this.#add(name, options, KNOWN.repeat, {
      kind: 'repeat',
      run: this.#function<StepHandler>(name, run),
      ...limits,
    })
  }

  /**
   * Goes on with one of several branches, each of which is given what this node was given.
   * @param choose Says which.
   * @param branches One for each label that can be chosen; `(branch) => branch` does nothing.
   */
  switch<Label extends string, Branches extends Record<Label, Branch<Value>>>(
    name: Covered<Exclude<keyof Branches & string, Label>>,
    choose: (input: Value, ctx: StepContext) => Awaitable<Label>,
    branches: Branches,
    options: NodeSettings<Value, NoInfer<Label>> = {},
  ): Workflow<Start, ValueOf<Branches[Label]>, Ends | EndsOf<Branches[Label]>> {
    const where = this.#where(name)
    if (typeof branches !== 'object' || branches === null)
      throw new QError('ERR_OPTION', `${where}: switch takes an object with a branch for each label.`)
    const built = Object.entries<Branch<Value>>(branches).map(
      ([label, branch]) => [label, branchOf(where, label, branch)] as const,
    )
    return this.#branches(name, this.#function(name, choose), options, built)
  }

  /** Does what the branch does where the predicate holds, and nothing otherwise. */
  when<B extends Branch<Value>>(
    name: string,
    predicate: (input: Value, ctx: StepContext) => Awaitable<boolean>,
    branch: B,
    options: NodeSettings<Value, 'true' | 'false'> = {},
  ): Workflow<Start, Value | ValueOf<B>, Ends | EndsOf<B>> {
    const holds = this.#function<(input: unknown, ctx: StepContext) => unknown>(name, predicate)
    const choose: StepHandler = async (input, ctx) => String(Boolean(await holds(input, ctx)))
    return this.#branches(name, choose, options, [
      ['true', branchOf(this.#where(name), 'true', branch)],
      ['false', null],
    ])
  }

  /**
   * Runs another workflow as a run of its own and gives its output; when it fails so does this node.
   * @param workflow Or a function that returns it, where it is defined later or is this one.
   */
  child<ChildStart, Output>(
    name: string,
    workflow: Definition<ChildStart, Output> | (() => Definition<ChildStart, Output>),
    ...[options = {}]: [Value] extends [ChildStart]
      ? [options?: ChildSettings<Value, ChildStart, NoInfer<Output>>]
      : [options: ChildSettings<Value, ChildStart, NoInfer<Output>> & { readonly input: (value: Value) => ChildStart }]
  ): Workflow<Start, Output, Ends> {
    const { input } = options as AnySettings
    return this.#add(name, options, KNOWN.child, {
      kind: 'child',
      of: childOf(this.#where(name), workflow as ChildWorkflow | (() => ChildWorkflow)),
      input: input === undefined ? (value) => value : checkFunction(this.#where(name), 'input', input),
    })
  }

  /** Waits for signals or time, and gives what they give. */
  waitFor<const C extends Condition>(
    name: string,
    condition: C | ((input: Value) => C),
    options: WaitSettings<Value> = {},
  ): Workflow<Start, ResultOf<C>, Ends> {
    return this.#add(name, options, KNOWN.wait, {
      kind: 'wait',
      for: conditionOf(this.#where(name), condition as Condition | ((input: unknown) => Condition)),
    })
  }

  /** Adds what a step of your own adds. */
  step<NextValue, MoreEnds = never>(
    custom: Step<Value, NextValue, MoreEnds>,
  ): Workflow<Start, NextValue, Ends | MoreEnds> {
    if (typeof custom?.addTo !== 'function')
      fail(this.#line.workflow, 'step() takes an object with a method addTo(chain).')
    return this.#with(
      inside(this.#line, 'addTo() of a step', (line) =>
        Workflow['~line'](custom.addTo(new Workflow<Value>(line.workflow, {}, line))),
      ),
    )
  }

  protected override compile(): Graph {
    return finishLine(this.#line)
  }

  /** What a chain is made of, for the builder itself. */
  static '~line'(chain: unknown): Line | undefined {
    return typeof chain === 'object' && chain !== null && #line in chain ? chain.#line : undefined
  }

  #map<V>(
    name: string,
    run: (element: ElementOf<Value>, ctx: StepContext) => unknown,
    filter: boolean,
    options: MapSettings<ElementOf<Value>>,
  ): Workflow<Start, V, Ends> {
    const map = checkMap(this.#where(name), options)
    return this.#add(name, options, KNOWN.map, {
      kind: 'map',
      run: this.#function<StepHandler>(name, run),
      filter,
      map,
    })
  }

  #branches<V, E>(
    name: string,
    run: StepHandler,
    options: AnySettings,
    branches: Parameters<typeof addBranches>[4],
  ): Workflow<Start, V, E> {
    const about = checkAbout(this.#line.workflow, name, options, KNOWN.node)
    return this.#with(addBranches(this.#line, name, run, about, branches))
  }

  #add<V, E>(name: string, options: AnySettings, known: readonly string[], work: Work): Workflow<Start, V, E> {
    return this.#with(addNode(this.#line, name, work, checkAbout(this.#line.workflow, name, options, known)))
  }

  #with<V, E>(line: Line): Workflow<Start, V, E> {
    return new Workflow<Start, V, E>(line.workflow, {}, line)
  }

  #where(name: string): string {
    return whereIs(this.#line.workflow, name)
  }

  #function<Type = (...given: unknown[]) => unknown>(name: string, run: unknown): Type {
    return checkFunction(this.#where(name), 'what it runs', run)
  }
}

function branchOf<Value>(where: string, label: string, branch: unknown): (line: Line) => Line | undefined {
  const build = checkFunction<Branch<Value>>(`${where}: branch "${label}"`, 'it', branch)
  return (line) => Workflow['~line'](build(new Workflow<Value>(line.workflow, {}, line)))
}
