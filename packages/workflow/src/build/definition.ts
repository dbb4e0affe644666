/**
 * What chains and DAGs have in common: they are compiled to a graph, once, when it is first asked for.
 *
 * Everything that can be done with a workflow whichever way it was built is a method here.
 */
import type { AttachedProgram, Program, RetryPolicy, RunId, RunInfo, TaskSource } from '@q/core'
import { checkTaskId } from '@q/core'
import { programOf } from '../engine/program.ts'
import type { Graph } from '../graph/graph.ts'
import { repairRun } from '../run/audit.ts'
import { Run } from '../run/handle.ts'
import { type StartOptions, startRun, startRunAt, startRuns } from '../run/start.ts'
import { hostOf, type RunStore } from '../run/store.ts'

/**
 * A workflow that can be started, worked on and be a child of another.
 * @typeParam Start What a run is started with.
 * @typeParam Output What it ends with.
 */
export abstract class Definition<Start, Output> implements Program {
  /** Only for the type: what a run takes. */
  declare readonly '~start': (start: Start) => void
  /** Only for the type: what a run gives. */
  declare readonly '~output': Output
  #graph: Graph | undefined

  /**
   * What it is compiled to.
   * @throws QError `ERR_OPTION` when it has no nodes, or is a branch of another.
   */
  get graph(): Graph {
    return (this.#graph ??= this.compile())
  }

  /**
   * Starts a run. It exists when this returns, or when the transaction given commits.
   *
   * ```ts
   * const run = await workflow.pushStart(storage, input)
   * await run.result()
   * ```
   * @param store A storage of the queue whose workers run its steps.
   * @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION`, `ERR_DURATION`, `ERR_TASK_ID` before anything is stored;
   *   `ERR_NOT_SUPPORTED` when the backend keeps no runs.
   */
  pushStart<Tx = never>(store: RunStore<Tx>, input: Start, options?: StartOptions<Tx>): Promise<Run<Output>> {
    return startRun<Output, Tx>(this.graph, store, input, options)
  }

  /**
   * Starts several runs with one statement: all of them or none.
   * @throws QError as {@link Definition.pushStart}; `ERR_OPTION` for an id or a key, which are of one run.
   */
  pushStarts<Tx = never>(
    store: RunStore<Tx>,
    inputs: readonly Start[],
    options?: Omit<StartOptions<Tx>, 'id' | 'key'>,
  ): Promise<Run<Output>[]> {
    return startRuns<Output, Tx>(this.graph, store, inputs, options)
  }

  /**
   * Starts a run in the middle, at a node, which is given the input: for runs that were begun elsewhere, and for tests.
   * @throws QError as {@link Definition.pushStart}; `ERR_OPTION` for a node that is not there, is given the outputs of several others, or
   *   leads to one that would wait for others that were not started.
   */
  pushStep<Tx = never>(
    store: RunStore<Tx>,
    node: string,
    input: unknown,
    options?: StartOptions<Tx>,
  ): Promise<Run<Output>> {
    return startRunAt<Output, Tx>(this.graph, store, node, input, options)
  }

  /**
   * A run that was started elsewhere. Nothing is read.
   * @throws QError `ERR_TASK_ID`, `ERR_NOT_SUPPORTED`
   */
  open<Tx = never>(store: RunStore<Tx>, id: RunId): Run<Output> {
    return new Run<Output>(hostOf(store), this.graph, checkTaskId(id, 'Pass the id of a run.'), false)
  }

  /**
   * Runs that stand still: they have not ended, and no step of theirs lives. There should be none; see {@link Definition.repair}.
   * @returns At most 1,000, of whatever workflow, the oldest first.
   */
  stuck<Tx = never>(store: RunStore<Tx>): Promise<readonly RunInfo[]> {
    return hostOf(store).runs.stuckRuns(1_000)
  }

  /**
   * Stores the steps that a run should have had, worked out from those that ended. Harmless for a run that is right.
   * @returns Nodes of the steps that were missing.
   * @throws QError `ERR_RUN_NOT_FOUND`
   */
  repair<Tx = never>(store: RunStore<Tx>, id: RunId): Promise<readonly string[]> {
    return repairRun(hostOf(store), this.graph, id)
  }

  /** For `WorkerBuilder.build(workflow)`. @throws QError `ERR_NOT_SUPPORTED`, `ERR_OPTION` */
  attach(source: TaskSource, policy: RetryPolicy): AttachedProgram {
    return programOf([this.graph]).attach(source, policy)
  }

  /** Makes the graph; called once. */
  protected abstract compile(): Graph
}

/** What a workflow is started with. */
export type StartOf<Workflow extends Definition<never, unknown>> = Parameters<Workflow['~start']>[0]

/** What a run of a workflow gives. */
export type OutputOf<Workflow extends Definition<never, unknown>> = Workflow['~output']
