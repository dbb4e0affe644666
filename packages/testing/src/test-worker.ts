/**
 * Runs a handler on tasks one at a time, as a real worker would, on memory and under a virtual clock.
 *
 * Nothing is simulated: the worker, its middlewares, the codec and the store are those of production. Only time
 * stands still until the test moves it.
 */
import type {
  AttemptOutcome,
  ClaimReply,
  ClaimRequest,
  Codec,
  Duration,
  Handler,
  Middleware,
  Pushable,
  Receipt,
  StoredTask,
} from '@q/core'
import { checkKnownOptions, decodeTagged, QError, WorkerBuilder } from '@q/core'
import type { Worker, WorkerEvent } from '@q/core'
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { VirtualClock } from './virtual-clock.ts'

/** Options of {@link TestWorker}. All optional. */
export interface TestWorkerOptions<Args = unknown, Data extends object = object> {
  /** Middlewares around the handler, the first outermost. */
  readonly use?: readonly Middleware<Data, object, Args>[]
  /** What the handler finds in `ctx.data`: doubles of what the real worker is given. */
  readonly data?: Data
  /** Default: strict JSON. */
  readonly codec?: Codec<Args>
  /** Time limit of one attempt; moves with the virtual clock. Default `'15m'`. */
  readonly timeout?: Duration
}

/** One attempt that was run. */
export interface TestAttempt<Result> {
  readonly id: string
  /** 1 for the first execution. */
  readonly attempt: number
  readonly outcome: AttemptOutcome
  /** What the handler returned, after the round trip through the codec; undefined unless `done`. */
  readonly result: Result | undefined
  /** What was thrown, as it was thrown; undefined when nothing was. */
  readonly error: unknown
  /** Milliseconds until the next attempt, `null` when there is none. */
  readonly retryInMs: number | null
  /** The task as it is stored now. */
  readonly task: StoredTask
}

/**
 * Memory that remembers when the next task comes due, as the last claim was told.
 */
class RememberingBackend extends MemoryBackend {
  nextDueMs: number | null = null

  override async claim(request: ClaimRequest): Promise<ClaimReply> {
    const reply = await super.claim(request)
    this.nextDueMs = reply.nextDueMs
    return reply
  }
}

/**
 * A worker for tests of handlers.
 *
 * ```ts
 * await using worker = new TestWorker(async (n: number) => n * 2)
 * await worker.push(21)
 * const ran = await worker.executeNext() // { outcome: 'done', result: 42, … }
 * ```
 */
export class TestWorker<Args, Result = unknown, Data extends object = object> implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock()
  /** The queue the worker works on; push to it, read from it. */
  readonly storage: MemoryStorage<Args>
  readonly #backend: RememberingBackend
  readonly #gates: NonNullable<Middleware['gates']>
  readonly #worker: Worker
  readonly #heard = new Set<(event: WorkerEvent) => void>()
  #running: Promise<void> | undefined
  #busy = false

  /** @throws QError `ERR_OPTION` for unknown options. */
  constructor(handler: Handler<Args, Result, Data>, options: TestWorkerOptions<Args, Data> = {}) {
    checkKnownOptions('TestWorker', options, ['use', 'timeout', 'data', 'codec'])
    const { use = [], timeout, data, codec } = options
    this.#gates = use.flatMap((middleware) => middleware.gates ?? [])
    this.#backend = new RememberingBackend({ clock: this.clock })
    this.storage = new MemoryStorage<Args>({
      backend: this.#backend,
      queue: 'test',
      bufferSize: 0,
      ...(codec === undefined ? {} : { codec }),
    })
    let builder = new WorkerBuilder('test-worker')
      .data(data ?? ({} as Data))
      .backend(this.storage)
      .concurrency(1)
      .clock(this.clock)
      .onEvent((_, event) => {
        // Paused within the event: the next task is not started before the test asks for it.
        if (event.type === 'task-end' || event.type === 'idle') this.#worker.pause()
        for (const hear of this.#heard) hear(event)
      })
    if (timeout !== undefined) builder = builder.timeout(timeout)
    for (const middleware of use) builder = builder.use(middleware)
    this.#worker = builder.build(handler)
  }

  /** Pushes a task, with options through `task(args)`. */
  push(args: Pushable<Args>): Promise<Receipt> {
    return this.storage.push(args)
  }

  /**
   * Runs one attempt of the next due task, to its stored end.
   *
   * The virtual clock does not move meanwhile: a handler that waits for it needs `clock.advance` beside this call.
   * @returns What came of it; `null` when nothing is due, or a middleware (a limit, an open circuit breaker) lets nothing start.
   * @throws QError `ERR_WORKER_STATE` when another attempt is under way.
   */
  async executeNext(): Promise<TestAttempt<Result> | null> {
    if (this.#busy) throw new QError('ERR_WORKER_STATE', 'TestWorker: await one executeNext() before the next.')
    if (this.#gates.some((gate) => gate.room(this.clock) <= 0)) return null
    this.#busy = true
    try {
      const ended = this.#next((event) => event.type === 'task-end' || event.type === 'idle')
      const stored = this.#next((event) => event.type === 'settled' || event.type === 'idle')
      if (this.#running === undefined) this.#running = this.#worker.run()
      else this.#worker.resume()
      const event = await ended
      if (event.type !== 'task-end') return null
      if (event.outcome !== 'lost') await stored
      return await this.#describe(event)
    } finally {
      this.#busy = false
    }
  }

  /** Moves the clock, so that retries and scheduled tasks come due. */
  async advance(duration: Duration): Promise<void> {
    await this.clock.advance(duration)
  }

  /** Runs attempts until nothing is due, moving no time. */
  async *drain(): AsyncGenerator<TestAttempt<Result>> {
    for (let ran = await this.executeNext(); ran !== null; ran = await this.executeNext()) yield ran
  }

  /**
   * Runs attempts one after the other until no task waits any more, moving time on to each that is scheduled, deferred or to be
   * retried. Does not end by itself while a task is put off again and again: stop reading then.
   */
  async *stream(): AsyncGenerator<TestAttempt<Result>> {
    for (;;) {
      yield* this.drain()
      const held = this.#gates.some((gate) => gate.room(this.clock) <= 0)
      const nextMs = held ? this.clock.nextMs : this.#backend.nextDueMs
      if (nextMs === null) return
      await this.clock.advance(nextMs)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.stop({ timeout: 0 })
    await this.#running
    await this.#backend.close()
  }

  async #describe(event: Extract<WorkerEvent, { type: 'task-end' }>): Promise<TestAttempt<Result>> {
    const task = await this.#backend.fetchById(event.id)
    if (task === null) throw new QError('ERR_TASK_NOT_FOUND', `Task ${event.id} is gone.`)
    const waits = task.finishedAt === null
    return {
      id: event.id,
      attempt: event.attempt,
      outcome: event.outcome,
      result:
        task.result === null
          ? undefined
          : (decodeTagged(this.storage.codec as Codec<unknown>, task.result, task.queue) as Result),
      error: event.error,
      retryInMs: waits ? Math.max(0, task.runAt - this.clock.now()) : null,
      task,
    }
  }

  #next(wanted: (event: WorkerEvent) => boolean): Promise<WorkerEvent> {
    return new Promise((resolve) => {
      const hear = (event: WorkerEvent): void => {
        if (!wanted(event)) return
        this.#heard.delete(hear)
        resolve(event)
      }
      this.#heard.add(hear)
    })
  }
}
