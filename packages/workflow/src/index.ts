/** The public surface of `@q/workflow`, in the order in which one reads it. */

// A workflow
export { Workflow } from './build/chain.ts'
export type { Branch, Step } from './build/branch.ts'
export type { JoinOptions, OnFailure, RouteOptions } from './build/dag.ts'
export { Dag, when } from './build/dag.ts'
export type { DagOutput, DagShape, Dependency, Given, Join, NoNodes, When } from './build/dag-types.ts'
export type { OutputOf, StartOf } from './build/definition.ts'
export { Definition } from './build/definition.ts'
export type {
  ChildSettings,
  MapSettings,
  NodeSettings,
  RepeatSettings,
  StepOptions,
  WaitSettings,
  WorkflowOptions,
} from './build/options.ts'

// What steps are given, and may return
export type { StepContext } from './engine/context.ts'
export type { Collection, FailedElement } from './engine/collection.ts'
export type { Goto, GotoDelay, GotoEnd, GotoFail, GotoNext } from './build/goto.ts'
export { goto } from './build/goto.ts'
export type { Again, AgainOptions } from './build/again.ts'
export { again } from './build/again.ts'
export type { AllOf, AnyOf, Condition, Conditions, ResultOf, Signal, Timer } from './build/wait.ts'
export { all, any, signal, timer } from './build/wait.ts'

// Its runs
export type { ResultOptions } from './run/handle.ts'
export { Run } from './run/handle.ts'
export type { StartOptions } from './run/start.ts'
export type { RunStore } from './run/store.ts'
export type { RetryPlan, RetryScope } from './run/retry.ts'
export type { StepInfo } from './run/steps.ts'
export type { WaitReason } from './run/audit.ts'
export type { Stranded } from './run/check.ts'
export { findStranded } from './run/check.ts'
export { workflows } from './run/workflows.ts'

// Its graph
export type { Delay, Edge, Graph, GraphNode, GraphOutput, JoinRule, Work } from './graph/graph.ts'
export type { GraphJson, NodeJson } from './graph/picture.ts'
export { toDot, toJSON, toMermaid } from './graph/picture.ts'
