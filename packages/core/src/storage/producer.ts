/**
 * The half of a storage that pushes.
 *
 * Everything a caller can get wrong is answered here, before the backend is asked: options, values that do not fit
 * the queue, values that do not encode, payloads that are too large.
 */
import { required } from '../backend/capability.ts'
import { withDefaults } from '../contract/queue.ts'
import { QError } from '../error.ts'
import { uuidv7 } from '../id.ts'
import { checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import { TaskBuilder } from '../task/builder.ts'
import type { PushOptions } from '../task/push-options.ts'
import { checkPushOptions, optionsOver } from '../task/push-options.ts'
import type { NewTask, Receipt } from '../task/task.ts'
import { StorageBase } from './base.ts'
import type { InTransaction } from './options.ts'
import { itemError, PushBatch, type PushProgress, statementError } from './push-batch.ts'
import { withTrace } from './trace.ts'

/** What {@link Producer.pushAll} did. */
export interface PushSummary {
  readonly created: number
  readonly duplicates: number
  /** Tasks that waited and were given what was pushed (see `unique` and `debounce`). */
  readonly replaced: number
}

/** Args as they are, or with options through `task(args)`. */
export type Pushable<Args> = Args | TaskBuilder<Args>

/** Pushes tasks to one queue. */
export class Producer<Input, Tx = never, Result = unknown, Args = Input, Returns = Result> extends StorageBase<
  Input,
  Tx,
  Result,
  Args,
  Returns
> {
  /**
   * Stores one task. Concurrent calls share round trips and commits where the backend can.
   *
   * @returns `created`; `duplicate` or `replaced` with the id of the task that was there.
   * @throws QError `ERR_INVALID`, `ERR_SCHEMA_ASYNC`, `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION` before anything is
   *   stored; `ERR_KEY_CONFLICT` when the key was used with another payload; `ERR_NOT_SUPPORTED` for `unique`, `debounce`
   *   and `throttle` on a backend that does not know them.
   */
  async push(args: Pushable<Input>, options?: PushOptions & InTransaction<Tx>): Promise<Receipt> {
    const { tx, ...rest } = options ?? {}
    const pushed = await this.backend.push([this.encode(args, rest)], tx === undefined ? undefined : { tx })
    return pushed[0]!
  }

  /**
   * Stores an array and returns a receipt for each, in order. All items are checked and encoded before the first
   * statement, so that a bad one stores nothing. Statements carry at most 1,000 tasks; each is all or nothing. Give `tx`
   * to make the whole array so.
   * @throws QError as {@link push}. For a bad item the message names its index; for a statement that failed it says how
   *   many items were stored before.
   */
  async pushBulk(items: readonly Pushable<Input>[], options?: InTransaction<Tx>): Promise<Receipt[]> {
    const where = 'pushBulk'
    const inTx = checkTransaction(where, options)
    if (!Array.isArray(items))
      throw new QError(
        'ERR_OPTION',
        `${where}: takes an array, got ${show(items)}. For anything else that can be iterated use pushAll().`,
      )
    const progress = { where, stored: 0, inTransaction: inTx !== undefined }
    const tasks: NewTask[] = []
    for (const [index, item] of (items as readonly Pushable<Input>[]).entries())
      tasks.push(this.#encodeAt(item, index, progress))
    const receipts: Receipt[] = []
    const batch = new PushBatch()
    for (const [index, task] of tasks.entries()) {
      batch.add(task)
      if (!batch.full && index < tasks.length - 1) continue
      receipts.push(...(await this.#send(batch, inTx, { ...progress, stored: receipts.length })))
    }
    return receipts
  }

  /**
   * Stores everything an array, iterable or async iterable yields, in bounded batches and bounded memory.
   * @throws QError as {@link push}. What was stored before an error stays stored: the message says how many items that
   *   were, and for a bad item its index. What the iterable itself throws is passed on as it is.
   */
  async pushAll(
    items: Iterable<Pushable<Input>> | AsyncIterable<Pushable<Input>>,
    options?: InTransaction<Tx>,
  ): Promise<PushSummary> {
    const count = { created: 0, duplicate: 0, replaced: 0 }
    for await (const batch of this.#pushBatches('pushAll', items, options))
      for (const { outcome } of batch) count[outcome] += 1
    return { created: count.created, duplicates: count.duplicate, replaced: count.replaced }
  }

  /** As {@link pushAll}, yielding each receipt once its batch is stored. Stops pushing when the reader stops. */
  async *pushStream(
    items: Iterable<Pushable<Input>> | AsyncIterable<Pushable<Input>>,
    options?: InTransaction<Tx>,
  ): AsyncGenerator<Receipt> {
    for await (const batch of this.#pushBatches('pushStream', items, options)) yield* batch
  }

  /**
   * Checks and encodes one task as the backend stores it: for `ctx.follow`, for `follow` of a settlement, and for
   * `backend.push` of several queues at once.
   *
   * ```ts
   * ctx.follow(receipts.encode(task({ order: 17 }).runAfter('1m')))
   * ```
   *
   * @throws QError `ERR_INVALID`, `ERR_SCHEMA_ASYNC`, `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION`, `ERR_DURATION`,
   *   `ERR_TASK_ID`, `ERR_NOT_SUPPORTED`
   */
  encode(item: Pushable<Input>, options?: PushOptions): NewTask {
    const built = item instanceof TaskBuilder
    const given = built ? optionsOver(options, item.options) : options
    const { payload, args } = this.values.encodeArgs(built ? item.args : item)
    const { contract, trace } = this
    const checked = checkPushOptions(contract === undefined ? given : withDefaults(contract, args, given))
    if (checked.unique !== null) required(this.backend, 'unique')
    return {
      id: checked.id ?? uuidv7(),
      queue: this.queue,
      payload,
      priority: checked.priority,
      due: checked.due,
      maxAttempts: checked.maxAttempts,
      key: checked.key,
      metadata: trace === undefined ? checked.metadata : withTrace(checked.metadata, trace),
      unique: checked.unique,
      timeoutMs: checked.timeoutMs,
      deadline: checked.deadline,
    }
  }

  /** Pulls, encodes and stores by and by. */
  async *#pushBatches(
    where: string,
    items: Iterable<Pushable<Input>> | AsyncIterable<Pushable<Input>>,
    options?: InTransaction<Tx>,
  ): AsyncGenerator<readonly Receipt[]> {
    const inTx = checkTransaction(where, options)
    checkIterable(where, items)
    const batch = new PushBatch()
    const progress = { where, stored: 0, inTransaction: inTx !== undefined }
    for await (const item of items) {
      batch.add(this.#encodeAt(item, progress.stored + batch.size, progress))
      if (!batch.full) continue
      const receipts = await this.#send(batch, inTx, progress)
      progress.stored += receipts.length
      yield receipts
    }
    if (batch.size > 0) yield await this.#send(batch, inTx, progress)
  }

  async #send(
    batch: PushBatch,
    inTx: InTransaction<Tx> | undefined,
    progress: PushProgress,
  ): Promise<readonly Receipt[]> {
    try {
      return await this.backend.push(batch.take(), inTx)
    } catch (error) {
      throw statementError(error, progress)
    }
  }

  #encodeAt(item: Pushable<Input>, index: number, progress: PushProgress): NewTask {
    try {
      return this.encode(item)
    } catch (error) {
      throw itemError(error, index, progress)
    }
  }
}

/** @throws QError `ERR_OPTION` */
function checkTransaction<Tx>(where: string, options: InTransaction<Tx> | undefined): InTransaction<Tx> | undefined {
  if (options === undefined) return undefined
  checkKnownOptions(where, options, ['tx'] satisfies readonly (keyof InTransaction<Tx>)[])
  return options.tx === undefined ? undefined : { tx: options.tx }
}

/** @throws QError `ERR_OPTION`; for text too: its letters are hardly meant. */
function checkIterable(where: string, items: unknown): void {
  const { [Symbol.iterator]: iterator, [Symbol.asyncIterator]: asyncIterator } = Object(items) as {
    readonly [Symbol.iterator]?: unknown
    readonly [Symbol.asyncIterator]?: unknown
  }
  if (typeof items === 'object' && (typeof iterator === 'function' || typeof asyncIterator === 'function')) return
  throw new QError(
    'ERR_OPTION',
    `${where}: takes an array, an iterable or an async iterable, got ${show(items)}. For one task use push().`,
  )
}
