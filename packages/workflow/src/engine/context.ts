/**
 * What a handler of a node sees: the context of its task, and where in which run it is.
 *
 * A view of the task's context, because one task may run many elements, each of which has an index of its own.
 */
import type {
  Clock,
  LimitAnswer,
  LimitWish,
  Metadata,
  NewTask,
  ProgramContext,
  ProgressUpdate,
  RunId,
  TaskContext,
  TaskId,
  TaskInfo,
  TaskLog,
  WorkerHandle,
} from '@q/core'
import { QError } from '@q/core'

/** Handed to the handlers of nodes, one per attempt; in a map one per element. */
export interface StepContext extends TaskContext {
  /** The run that it belongs to. */
  readonly run: { readonly id: RunId; readonly workflow: string }
  /** Name of the node. */
  readonly node: string
  /** Of a map the number of the element, of a loop that of the iteration, from 0; otherwise 0. */
  readonly index: number
  /** The same in every attempt and on every worker: what makes an effect outside of the database happen once. */
  readonly idempotencyKey: string
}

/** Where a handler is, if that is not where its task is. */
export interface Place {
  readonly node?: string
  readonly index?: number
  readonly key?: string
  readonly signal?: AbortSignal
  readonly attempt?: number
  /** It shares its step, and so the checkpoint, with others: that is the engine's. */
  readonly shared?: boolean
}

/** The context of a step over that of its task. */
export function stepContext(ctx: ProgramContext, place: Place = {}): StepContext {
  return new View(ctx, place)
}

class View implements StepContext {
  readonly #ctx: ProgramContext
  readonly #place: Place

  constructor(ctx: ProgramContext, place: Place) {
    this.#ctx = ctx
    this.#place = place
  }

  get run(): { readonly id: RunId; readonly workflow: string } {
    const { run, workflow } = this.#ctx.task.step!
    return { id: run, workflow }
  }
  get node(): string {
    return this.#place.node ?? this.#ctx.task.step!.node
  }
  get index(): number {
    return this.#place.index ?? 0
  }
  get idempotencyKey(): string {
    return this.#place.key ?? this.#ctx.taskId
  }
  get data(): object {
    return this.#ctx.data
  }
  get task(): TaskInfo {
    return this.#ctx.task
  }
  get args(): unknown {
    return this.#ctx.args
  }
  set args(args: unknown) {
    this.#ctx.args = args
  }
  get attempt(): number {
    return this.#place.attempt ?? this.#ctx.attempt
  }
  get taskId(): TaskId {
    return this.#ctx.taskId
  }
  get signal(): AbortSignal {
    return this.#place.signal ?? this.#ctx.signal
  }
  get worker(): WorkerHandle {
    return this.#ctx.worker
  }
  get checkpoint(): Uint8Array | null {
    return this.#place.shared === true ? null : this.#ctx.checkpoint
  }
  get clock(): Clock {
    return this.#ctx.clock
  }
  get log(): TaskLog {
    return this.#ctx.log
  }
  progress(checkpoint: Uint8Array): Promise<void> {
    if (this.#place.shared !== true) return this.#ctx.progress(checkpoint)
    return Promise.reject(
      new QError(
        'ERR_NOT_SUPPORTED',
        `Node "${this.node}": ctx.progress() is not for elements that share a step, which remembers by itself how far it is. Give the map isolate: "element".`,
      ),
    )
  }
  report(progress: ProgressUpdate): void {
    this.#ctx.report(progress)
  }
  follow(...tasks: readonly NewTask[]): void {
    this.#ctx.follow(...tasks)
  }
  carry(metadata: Metadata): void {
    this.#ctx.carry(metadata)
  }
  acquire(wish: LimitWish): Promise<LimitAnswer> {
    return this.#ctx.acquire(wish)
  }
  abort(reason: unknown): void {
    this.#ctx.abort(reason)
  }
  onEnd(listener: (error?: unknown) => void): () => void {
    return this.#ctx.onEnd(listener)
  }
}
