/** A handler that runs on threads: what a worker is built on, and the life of its threads. */
import {
  checkInteger,
  checkKnownOptions,
  type Duration,
  type HandlerObject,
  QError,
  type TaskContext,
  toMs,
} from '@q/core'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { Call, type CallPlan } from './call.ts'
import { Line } from './line.ts'
import { moduleFile } from './module-file.ts'

/** Options of {@link parallelize}. All optional. */
export interface ParallelizeOptions {
  /** How many threads at most, 1 to 1,000; started as they are needed. Default: one less than there are cores, at least 1. */
  readonly threads?: number
  /** Which export of the module is the handler. Default `'default'`. */
  readonly name?: string
  /** The most a thread's JavaScript heap may hold, in MiB, 16 to 65,536. Buffers are not part of it. Default: Node's own limit. */
  readonly memoryLimitMb?: number
  /** How long a handler may go on after its signal aborted before its thread is ended. Default `'500ms'`; 0 ends it at once. */
  readonly grace?: Duration
  /** After how long without work a thread ends. Default `'30s'`. */
  readonly idleTimeout?: Duration
}

const OPTIONS = ['threads', 'name', 'memoryLimitMb', 'grace', 'idleTimeout']
const MAX_THREADS = 1_000
const MIN_MEMORY_MB = 16
const MAX_MEMORY_MB = 65_536

/** A handler for `.build()` whose work is done on threads. Close it after its workers have stopped. */
export interface ParallelHandler<Args, Result> extends HandlerObject<Args, Result>, AsyncDisposable {
  /** At most so many tasks run at once; the right `concurrency` for a worker with this handler alone. */
  readonly threads: number
  /** Tasks that threads work on now. */
  readonly running: number
  /** Tasks that wait for a thread. */
  readonly waiting: number
  /**
   * Runs one task on a thread.
   * @returns A structured clone of what the handler returned.
   * @throws What the handler threw, or the reason of `ctx.signal`; QError `ERR_CRASHED` when its thread died, `ERR_CLOSED`
   *   after `close()`; AbortError with the cause `ERR_ENCODE` when args or result cannot be cloned.
   */
  handle(args: Args, ctx: TaskContext): Promise<Result>
  /** Ends the threads. Tasks that still run or wait fail with `ERR_CLOSED`. */
  close(): Promise<void>
}

/**
 * Runs a handler on worker threads, where it may compute for as long as it likes without keeping the worker from its
 * heartbeats, and where it can be stopped even inside a loop.
 *
 * ```ts
 * const resize = parallelize<Image, Thumbnail>(new URL('./resize.js', import.meta.url))
 * const worker = new WorkerBuilder('thumbnails').backend(images).concurrency(resize.threads).build(resize)
 * ```
 *
 * @param module File URL or absolute path of a module that exports the handler, `(args, ctx) => …` of the type
 *   `ThreadHandler`. A `.js` that does not exist stands for the `.ts` beside it and the other way round.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`; also when there is no such file.
 */
export function parallelize<Args, Result = unknown>(
  module: URL | string,
  options: ParallelizeOptions = {},
): ParallelHandler<Args, Result> {
  checkKnownOptions('parallelize', options, OPTIONS)
  const { memoryLimitMb, name = 'default' } = options
  if (typeof name !== 'string' || name === '')
    throw new QError('ERR_OPTION', 'parallelize: name must be the name of an export, such as "default" or "resize".')
  if (memoryLimitMb !== undefined)
    checkInteger('parallelize', 'memoryLimitMb', memoryLimitMb, MIN_MEMORY_MB, MAX_MEMORY_MB)
  return new Parallel<Args, Result>({
    module: moduleFile(module).href,
    name,
    memoryLimitMb,
    graceMs: toMs(options.grace ?? '500ms', 'parallelize: grace'),
    threads: checkInteger('parallelize', 'threads', options.threads ?? defaultThreads(), 1, MAX_THREADS),
    idleMs: toMs(options.idleTimeout ?? '30s', 'parallelize: idleTimeout'),
  })
}

/** One core is left to the event loop. */
function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1)
}

interface ParallelPlan extends CallPlan {
  readonly threads: number
  readonly idleMs: number
}

class Parallel<Args, Result> implements ParallelHandler<Args, Result> {
  readonly #plan: ParallelPlan
  readonly #line: Line
  readonly #calls = new Set<Call>()
  readonly #closing = new AbortController()
  #pool: Piscina | undefined

  constructor(plan: ParallelPlan) {
    this.#plan = plan
    this.#line = new Line(plan.threads)
  }

  get threads(): number {
    return this.#plan.threads
  }
  get running(): number {
    return this.#line.inside
  }
  get waiting(): number {
    return this.#line.waiting
  }

  async handle(args: Args, ctx: TaskContext): Promise<Result> {
    await this.#line.enter(AbortSignal.any([ctx.signal, this.#closing.signal]))
    const call = new Call(this.#plan, ctx)
    this.#calls.add(call)
    try {
      this.#pool ??= this.#makePool()
      return (await call.run(this.#pool, args)) as Result
    } finally {
      this.#calls.delete(call)
      this.#line.leave()
    }
  }

  async close(): Promise<void> {
    const error = new QError(
      'ERR_CLOSED',
      `parallelize: the threads of ${this.#plan.module} were closed. Stop the workers before you close their handler.`,
    )
    if (!this.#closing.signal.aborted) this.#closing.abort(error)
    for (const call of this.#calls) call.fail(error)
    await this.#pool?.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #makePool(): Piscina {
    const { threads, idleMs, memoryLimitMb } = this.#plan
    const pool = new Piscina({
      filename: threadFile(),
      name: 'runJob',
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: idleMs,
      // Otherwise an idle thread blocks its event loop, and with it the end of whatever a handler left behind.
      atomics: 'disabled',
      recordTiming: false,
      ...(memoryLimitMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb } }),
    })
    pool.on('error', (error: unknown) => this.#threadDied(pool, error))
    return pool
  }

  /** A thread died that had no task: before it could take one, or of something an earlier one left behind. */
  #threadDied(pool: Piscina, cause: unknown): void {
    const error = new QError(
      'ERR_CRASHED',
      `parallelize: a thread for ${this.#plan.module} died while it had no task; see the cause. A handler may have left work behind, or memoryLimitMb is too low to start.`,
      { cause },
    )
    // The pool starts no other thread for a call that waits for this one.
    let without = this.#calls.size - pool.threads.length
    const stranded = [...this.#calls].filter((call) => !call.started && without-- > 0)
    for (const call of stranded) call.fail(error)
    if (stranded.length === 0) console.warn(error)
  }
}

/** Beside this file, as a source or as it was built. */
function threadFile(): string {
  const source = new URL('./thread.ts', import.meta.url)
  return fileURLToPath(existsSync(source) ? source : new URL('./thread.js', import.meta.url))
}
