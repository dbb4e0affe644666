/** What the compiler knows of a DAG: the outputs of its nodes, which of them are certain, and what its runs give. */

/** A DAG so far, as the compiler sees it. */
export interface DagShape {
  /** Outputs by name. */
  readonly nodes: object
  /** Names of nodes that choose labels. */
  readonly routes: string
  /** Names of nodes on which others depend. */
  readonly used: string
  /** Names of nodes that can end without an output while the run goes on. */
  readonly maybe: string
  /** Name of the node whose output is that of the run, where it was said. */
  readonly returns: string
  /** What runs end with that end earlier, by `goto.end`. */
  readonly ends: unknown
}

/** A DAG without nodes. */
export interface NoNodes extends DagShape {
  readonly nodes: object
  readonly routes: never
  readonly used: never
  readonly maybe: never
  readonly returns: never
  readonly ends: never
}

/** When a node runs that depends on others; see `JoinRule`. */
export type Join = 'all' | 'allDone' | 'noneFailed' | 'anyOf' | { readonly nOf: number }

/** A dependency on one label of a route; made by `when`. */
export interface When<Route extends string, Label extends string> {
  readonly node: Route
  readonly when: Label
}

type NameOf<Shape extends DagShape> = keyof Shape['nodes'] & string

/** What a node may depend on. */
export type Dependency<Shape extends DagShape> =
  NameOf<Shape> | { [Route in Shape['routes']]: When<Route, LabelOf<Shape, Route>> }[Shape['routes']]

type LabelOf<Shape extends DagShape, Route> = Route extends keyof Shape['nodes']
  ? Shape['nodes'][Route] & string
  : never

type NamesIn<Deps extends readonly unknown[]> = {
  [Index in keyof Deps]: Deps[Index] extends When<infer Route, string> ? Route : Deps[Index]
}[number]

type Outputs<Shape extends DagShape, Names> = {
  readonly [Name in Names & NameOf<Shape>]: Shape['nodes'][Name]
}

/** What a handler is given: the outputs of those it depends on; under rules other than `all` some may be absent. */
export type Given<Shape extends DagShape, Deps extends readonly unknown[], Rule> = [Rule] extends ['all']
  ? Outputs<Shape, NamesIn<Deps>>
  : Partial<Outputs<Shape, NamesIn<Deps>>>

/** `true` where a node can end without an output while the run goes on. */
type IsMaybe<Shape extends DagShape, Deps extends readonly unknown[], Rule, OnFailure> = 'continue' extends OnFailure
  ? true
  : [Rule] extends ['allDone']
    ? false
    : [Extract<Deps[number], When<string, string>> | Extract<NamesIn<Deps>, Shape['maybe']>] extends [never]
      ? false
      : true

/** A DAG with one more node. */
export interface Grown<
  Shape extends DagShape,
  Name extends string,
  Output,
  Ends,
  Deps extends readonly unknown[],
  Rule,
  OnFailure,
  IsRoute,
> extends DagShape {
  readonly nodes: Merged<Shape['nodes'], Name, Output>
  readonly routes: Shape['routes'] | (IsRoute extends true ? Name : never)
  readonly used: Shape['used'] | (NamesIn<Deps> & string)
  readonly maybe: Shape['maybe'] | (IsMaybe<Shape, Deps, Rule, OnFailure> extends true ? Name : never)
  readonly returns: Shape['returns']
  readonly ends: Shape['ends'] | Ends
}

type Merged<Nodes, Name extends string, Output> = {
  readonly [Key in keyof Nodes | Name]: Key extends keyof Nodes ? Nodes[Key] : Output
}

/** A DAG whose output was said. */
export interface Returning<Shape extends DagShape, Name extends string> extends DagShape {
  readonly nodes: Shape['nodes']
  readonly routes: Shape['routes']
  readonly used: Shape['used']
  readonly maybe: Shape['maybe']
  readonly returns: Name
  readonly ends: Shape['ends']
}

/** What a run gives: the output of the node that was named, or of the only one at the end, or of all at the end by name. */
export type DagOutput<Shape extends DagShape> =
  | Shape['ends']
  | ([Shape['returns']] extends [never]
      ? OfEnds<Shape, Exclude<NameOf<Shape>, Shape['used']>>
      : OfNode<Shape, Shape['returns']>)

type OfEnds<Shape extends DagShape, Names extends string> = [Names] extends [never]
  ? never
  : IsUnion<Names> extends true
    ? OfAll<Shape, Names>
    : OfNode<Shape, Names>

type OfNode<Shape extends DagShape, Name> =
  Name extends NameOf<Shape> ? Shape['nodes'][Name] | (Name extends Shape['maybe'] ? undefined : never) : never

type OfAll<Shape extends DagShape, Names extends string> = {
  readonly [
    Key in keyof (Outputs<Shape, Exclude<Names, Shape['maybe']>> &
      Partial<Outputs<Shape, Extract<Names, Shape['maybe']>>>)
  ]: (Outputs<Shape, Exclude<Names, Shape['maybe']>> & Partial<Outputs<Shape, Extract<Names, Shape['maybe']>>>)[Key]
}

type IsUnion<Names extends string, All = Names> = Names extends unknown ? ([All] extends [Names] ? false : true) : never
