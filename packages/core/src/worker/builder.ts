/** How a worker is put together; every mistake is answered at the call that makes it. */
import type { Clock } from '../clock.ts'
import { checkClock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { required } from '../backend/capability.ts'
import { compose, type Middleware } from '../middleware/middleware.ts'
import { DEFAULT_RETRY, isPolicyOnly, type RetryPolicy } from '../middleware/retry.ts'
import { missingCall } from '../middleware/uncalled.ts'
import { checkInteger } from '../options.ts'
import type { Storage } from '../storage/storage.ts'
import type { AckHook } from './ack.ts'
import { type AttachedProgram, isProgram, type Program } from './program.ts'
import type { RunningTask, TaskContext } from './context.ts'
import type { WorkerListener } from './emitter.ts'
import { defaultSettings, MAX_CONCURRENCY, type TaskSource, type WorkerSettings } from './options.ts'
import { Worker } from './worker.ts'

/** Does the work of one task. What it returns is the task's result; what it throws fails the attempt. */
export type Handler<Args, Result = unknown, Data extends object = object> = (
  args: Args,
  ctx: TaskContext<Data, Args>,
) => Result | Promise<Result>

/** A handler as an object, such as a workflow. */
export interface HandlerObject<Args, Result = unknown, Data extends object = object> {
  handle(args: Args, ctx: TaskContext<Data, Args>): Result | Promise<Result>
}

/** One and the other; just the other where the one is nothing yet. */
export type With<Data extends object, More extends object> = keyof Data extends never
  ? More
  : keyof More extends never
    ? Data
    : Data & More

const MAX_NAME_LENGTH = 200
const MIN_LEASE_MS = 1_000
const MAX_LEASE_MS = 3_600_000

/**
 * Builds a worker; immutable, each method returns a new one.
 *
 * ```ts
 * const worker = new WorkerBuilder('worker-1')
 *   .backend(reminders)
 *   .concurrency(20)
 *   .use(retry({ retries: 5 }))
 *   .build(async (reminder, ctx) => { … })
 * ```
 * @typeParam Args What the queue holds.
 * @typeParam Data What handlers and middlewares find in `ctx.data`.
 * @typeParam Returns What the queue's contract has handlers return; `unknown` when it has none.
 */
export class WorkerBuilder<
  Args = unknown,
  Ready extends boolean = false,
  Data extends object = object,
  Returns = unknown,
> {
  /** Only for the type: whether `backend()` was called. */
  declare readonly '~ready': Ready
  /** Only for the type: what handlers return. */
  declare readonly '~returns': Returns
  readonly #settings: WorkerSettings
  readonly #source: TaskSource | undefined

  /**
   * @param name A label for people, 1 to 200 characters; many processes may use the same.
   * @throws QError `ERR_OPTION`
   */
  constructor(name: string, settings?: WorkerSettings, source?: TaskSource) {
    if (typeof name !== 'string' || name.length === 0 || name.length > MAX_NAME_LENGTH)
      throw new QError(
        'ERR_OPTION',
        `WorkerBuilder: name must be 1 to ${MAX_NAME_LENGTH} characters, got ${typeof name === 'string' ? `${name.length} characters` : typeof name}.`,
      )
    this.#settings = settings ?? defaultSettings(name)
    this.#source = source
  }

  /**
   * The queue to work on; gives the handler its type.
   * @throws QError `ERR_OPTION` for what is no storage, and for a second one.
   */
  backend<Input, Tx, Result, Stored, Returns>(
    storage: Storage<Input, Tx, Result, Stored, Returns>,
  ): WorkerBuilder<Stored, true, Data, Returns> {
    if (typeof storage?.backend?.claim !== 'function' || typeof storage.queue !== 'string')
      throw new QError(
        'ERR_OPTION',
        'WorkerBuilder: backend() takes a storage, such as new MemoryStorage({ queue: "emails" }).',
      )
    if (this.#source !== undefined)
      throw new QError(
        'ERR_OPTION',
        `WorkerBuilder: backend() was called twice; a worker has one queue and this one has "${this.#source.queue}". Build a second worker for "${storage.queue}".`,
      )
    return new WorkerBuilder<Stored, true, Data, Returns>(this.#settings.name, this.#settings, storage as TaskSource)
  }

  /** Attempts under way at once, 1 to 10,000. Default 10. */
  concurrency(concurrency: number): WorkerBuilder<Args, Ready, Data, Returns> {
    return this.#with({
      concurrency: checkInteger('WorkerBuilder', 'concurrency', concurrency, 1, MAX_CONCURRENCY),
    })
  }

  /**
   * How long the worker is trusted without a sign of life, `'1s'` to `'1h'`. Default `'10s'`. It beats four times
   * as often; after it, others get its tasks.
   */
  lease(lease: Duration): WorkerBuilder<Args, Ready, Data, Returns> {
    return this.#with({
      leaseMs: toMs(lease, 'WorkerBuilder: lease', { min: MIN_LEASE_MS, max: MAX_LEASE_MS }),
    })
  }

  /**
   * How long one attempt may take. Default `'15m'`. After it the attempt fails with `ERR_TIMEOUT`, `ctx.signal`
   * aborts and the slot is free, whether or not the handler stops.
   */
  timeout(timeout: Duration): WorkerBuilder<Args, Ready, Data, Returns> {
    return this.#with({ timeoutMs: toMs(timeout, 'WorkerBuilder: timeout', { min: 1 }) })
  }

  /** How long running tasks may go on after `stop()` before their signals abort. Default `'30s'`. */
  stopTimeout(stopTimeout: Duration): WorkerBuilder<Args, Ready, Data, Returns> {
    return this.#with({ stopTimeoutMs: toMs(stopTimeout, 'WorkerBuilder: stopTimeout') })
  }

  /** After how long without a successful claim or settle, while there is reason for one, the worker says so and looks anew. Default `'60s'`, at least `'1s'`. */
  stallAfter(stallAfter: Duration): WorkerBuilder<Args, Ready, Data, Returns> {
    return this.#with({ stallMs: toMs(stallAfter, 'WorkerBuilder: stallAfter', { min: 1_000 }) })
  }

  /**
   * Paces the worker; for tests. Default: the system's.
   * @throws QError `ERR_OPTION` when it is none.
   */
  clock(clock: Clock): WorkerBuilder<Args, Ready, Data, Returns> {
    return this.#with({ clock: checkClock('WorkerBuilder', clock) })
  }

  /**
   * What every attempt finds as `ctx.data`, typed: connections, clients, settings. Added to what earlier calls gave. For what
   * is made for each attempt see `provide()`. Each attempt has a copy, so getters are read once and an instance of a class needs
   * a name: `data({ mailer: new Mailer() })`.
   * @throws QError `ERR_OPTION` when it is no plain object.
   */
  data<More extends object>(data: More): WorkerBuilder<Args, Ready, With<Data, More>, Returns> {
    if (typeof data !== 'object' || data === null)
      throw new QError(
        'ERR_OPTION',
        `WorkerBuilder: data() takes an object, such as { db }, got ${data === null ? 'null' : typeof data}.`,
      )
    if (!isPlain(data))
      throw new QError(
        'ERR_OPTION',
        'WorkerBuilder: data() takes a plain object and got an instance of a class, whose methods would be lost. Give it a name: data({ mailer: new Mailer() }).',
      )
    return new WorkerBuilder<Args, Ready, With<Data, More>, Returns>(
      this.#settings.name,
      { ...this.#settings, data: { ...this.#settings.data, ...data } },
      this.#source,
    )
  }

  /**
   * Wraps every attempt. The first added is the outermost. What it needs of `ctx.data` and of the args has to be there:
   * call `backend()`, `data()` and the `provide()` it depends on before.
   * @throws QError `ERR_OPTION` for what is no middleware, such as `retry` instead of `retry()`, and for a second `retry()`.
   */
  use<Adds extends object = object>(
    middleware: Middleware<Data, Adds, Args>,
  ): WorkerBuilder<Args, Ready, With<Data, Adds>, Returns> {
    if (typeof middleware !== 'function')
      throw new QError(
        'ERR_OPTION',
        `WorkerBuilder: use() takes a middleware (ctx, next) => …, got ${typeof middleware}.`,
      )
    const missing = missingCall(middleware)
    if (missing !== undefined)
      throw new QError(
        'ERR_OPTION',
        `WorkerBuilder: use() takes a middleware and got the function that makes one; call it: use(${missing}).`,
      )
    const { middlewares } = this.#settings
    if (middleware.retry !== undefined && middlewares.some((each) => each.retry !== undefined))
      throw new QError(
        'ERR_OPTION',
        'WorkerBuilder: retry() was added twice; a worker has one retry policy. For limits per task push with maxAttempts.',
      )
    return new WorkerBuilder<Args, Ready, With<Data, Adds>, Returns>(
      this.#settings.name,
      { ...this.#settings, middlewares: [...middlewares, middleware] },
      this.#source,
    )
  }

  /** Hears everything the worker says. Any number; one that throws hurts nobody. */
  onEvent(listener: WorkerListener): WorkerBuilder<Args, Ready, Data, Returns> {
    if (typeof listener !== 'function')
      throw new QError(
        'ERR_OPTION',
        `WorkerBuilder: onEvent() takes a function (worker, event) => …, got ${typeof listener}.`,
      )
    return this.#with({ listeners: [...this.#settings.listeners, listener] })
  }

  /**
   * Hears what became of every outcome of an attempt once the store has answered. Any number; one that fails harms
   * nothing: the outcome stands, and an `error` event tells of it.
   */
  onSettled(listener: AckHook): WorkerBuilder<Args, Ready, Data, Returns> {
    if (typeof listener !== 'function')
      throw new QError('ERR_OPTION', `WorkerBuilder: onSettled() takes a function (ack) => …, got ${typeof listener}.`)
    return this.#with({ acks: [...this.#settings.acks, listener] })
  }

  /**
   * Makes the worker. Needs `backend()` before.
   * @throws QError `ERR_OPTION`; `ERR_NOT_SUPPORTED` when a middleware needs what the backend lacks.
   */
  build<Result extends Returns>(
    this: WorkerBuilder<Args, true, Data, Returns>,
    handler: Handler<Args, Result, Data> | HandlerObject<Args, Result, Data> | Program,
  ): Worker {
    const source = this.#source
    if (source === undefined)
      throw new QError('ERR_OPTION', 'WorkerBuilder: call backend(storage) before build(handler).')
    if (isProgram(handler)) {
      const program = handler.attach(source, this.#policy())
      return this.#make(source, (task) => program.run(task), program)
    }
    const handle =
      typeof handler === 'function'
        ? handler
        : typeof handler?.handle === 'function'
          ? handler.handle.bind(handler)
          : undefined
    if (handle === undefined)
      throw new QError(
        'ERR_OPTION',
        `WorkerBuilder: build() takes a function (args, ctx) => … or an object with handle(), got ${handler === null ? 'null' : typeof handler}.`,
      )
    return this.#make(
      source,
      (task) => (task.handling = handle(task.args as Args, task as TaskContext as TaskContext<Data, Args>)),
    )
  }

  #policy(): RetryPolicy {
    return this.#settings.middlewares.find((each) => each.retry !== undefined)?.retry ?? DEFAULT_RETRY
  }

  #make(source: TaskSource, handle: (task: RunningTask) => unknown, program?: AttachedProgram): Worker {
    const { middlewares } = this.#settings
    for (const { requires = [] } of middlewares) for (const capability of requires) required(source.backend, capability)
    const policy = this.#policy()
    // A policy is read by the worker; as a layer retry() would only pass on.
    const layers = middlewares.filter((each) => !isPolicyOnly(each))
    const run = compose<RunningTask>(layers, handle)
    return new Worker(source, this.#settings, { run, policy, program })
  }

  #with(more: Partial<WorkerSettings>): WorkerBuilder<Args, Ready, Data, Returns> {
    return new WorkerBuilder<Args, Ready, Data, Returns>(
      this.#settings.name,
      { ...this.#settings, ...more },
      this.#source,
    )
  }
}

/** Also when it was made in another realm. */
function isPlain(data: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(data)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
