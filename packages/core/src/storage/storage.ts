/**
 * One queue of one backend, typed: where producers push and what a worker is built on.
 *
 * Everything a caller can get wrong is answered here, before the backend is asked: options, names,
 * values that do not encode, payloads that are too large.
 */
import type { Backend } from '../backend/backend.ts'
import type { Codec } from '../codec/codec.ts'
import { json } from '../codec/json.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { uuidv7 } from '../id.ts'
import { checkInteger } from '../options.ts'
import type { PollStrategy } from '../poll/poll.ts'
import { pollEvery } from '../poll/poll.ts'
import type { CheckedPushOptions, PushOptions } from '../task/builder.ts'
import { checkPushOptions, TaskBuilder } from '../task/builder.ts'
import type { Encoded, NewTask, Outcome, Receipt, TaskId } from '../task/task.ts'
import { messageOf } from '../show.ts'
import { checkQueueName } from './queue-name.ts'

/** Default limit of one encoded payload or result: 1 MiB. */
export const DEFAULT_MAX_PAYLOAD_BYTES: number = 1024 * 1024
/** The largest limit that can be set: 64 MiB. */
export const LARGEST_PAYLOAD_BYTES: number = 64 * 1024 * 1024
/** Tasks stored by one statement of {@link Storage.pushAll}. */
export const PUSH_BATCH = 1_000
/** A batch is also cut when its payloads reach this many bytes. */
const PUSH_BATCH_BYTES = 8 * 1024 * 1024

/** Options every storage takes, whatever its backend. */
export interface StorageOptions<Args> {
  /** Name of the queue: 1 to 100 letters, digits and `-_.:/@`. Default `'default'`. */
  readonly queue?: string
  /** Default: strict JSON. */
  readonly codec?: Codec<Args>
  /** Limit of one encoded payload or result, in bytes, at most 64 MiB. Default 1 MiB. */
  readonly maxPayloadBytes?: number
  /** Most tasks a worker of this storage holds claimed but not started, 0 to 10,000. Default 1,000; what is really held follows the work. */
  readonly bufferSize?: number
  /** When an idle worker looks again. Default: see the backend. */
  readonly poll?: PollStrategy
}

/** Names of the options in {@link StorageOptions}. */
export const STORAGE_OPTIONS: readonly (keyof StorageOptions<unknown>)[] = [
  'queue',
  'codec',
  'maxPayloadBytes',
  'bufferSize',
  'poll',
]

/** The caller's own transaction, where the backend has one. */
export interface InTransaction<Tx> {
  /** Push inside this transaction: stored and announced if and when it commits. */
  readonly tx?: Tx
}

/** What {@link Storage.pushAll} did. */
export interface PushSummary {
  readonly created: number
  readonly duplicates: number
}

/** Args as they are, or with options through `task(args)`. */
export type Pushable<Args> = Args | TaskBuilder<Args>

/** A typed queue. Backends extend it or hand it out. */
export class Storage<Args, Tx = never> {
  readonly backend: Backend<Tx>
  readonly queue: string
  readonly codec: Codec<Args>
  readonly maxPayloadBytes: number
  readonly bufferSize: number
  readonly poll: PollStrategy

  /** @throws QError `ERR_OPTION` or `ERR_QUEUE_NAME` for options out of range. */
  constructor(backend: Backend<Tx>, options: StorageOptions<Args> = {}) {
    this.backend = backend
    this.queue = checkQueueName(options.queue ?? 'default')
    this.codec = options.codec ?? (json as Codec<Args>)
    this.maxPayloadBytes = checkInteger(
      'storage',
      'maxPayloadBytes',
      options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
      1,
      LARGEST_PAYLOAD_BYTES,
    )
    this.bufferSize = checkInteger('storage', 'bufferSize', options.bufferSize ?? 1_000, 0, 10_000)
    this.poll = options.poll ?? pollEvery('100ms').withBackoff({ max: '1s' })
    checkCodec(this.codec)
  }

  /**
   * Stores one task. Concurrent calls share round trips and commits where the backend can.
   *
   * @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION` before anything is stored;
   *   `ERR_KEY_CONFLICT` when the key was used with another payload.
   */
  async push(args: Pushable<Args>, options?: PushOptions & InTransaction<Tx>): Promise<Receipt> {
    const { tx, ...rest } = options ?? {}
    const pushed = await this.backend.push([this.encode(args, rest)], tx === undefined ? undefined : { tx })
    return pushed[0]!
  }

  /**
   * Stores an array and returns a receipt for each, in order. Statements carry at most 1,000 tasks; each is
   * all or nothing. Give `tx` to make the whole array so.
   */
  async pushBulk(items: readonly Pushable<Args>[], options?: InTransaction<Tx>): Promise<Receipt[]> {
    const receipts: Receipt[] = []
    for await (const batch of this.#pushBatches(items, options)) receipts.push(...batch)
    return receipts
  }

  /** Stores everything an array, iterable or async iterable yields, in bounded batches and bounded memory. */
  async pushAll(
    items: Iterable<Pushable<Args>> | AsyncIterable<Pushable<Args>>,
    options?: InTransaction<Tx>,
  ): Promise<PushSummary> {
    let created = 0
    let duplicates = 0
    for await (const batch of this.#pushBatches(items, options)) {
      const fresh = batch.filter((receipt) => receipt.outcome === 'created').length
      created += fresh
      duplicates += batch.length - fresh
    }
    return { created, duplicates }
  }

  /** As {@link pushAll}, yielding each receipt once its batch is stored. Stops pushing when the reader stops. */
  async *pushStream(
    items: Iterable<Pushable<Args>> | AsyncIterable<Pushable<Args>>,
    options?: InTransaction<Tx>,
  ): AsyncGenerator<Receipt> {
    for await (const batch of this.#pushBatches(items, options)) yield* batch
  }

  /**
   * Waits for one task and returns its decoded result.
   *
   * @typeParam Result What the handler returns; not checked.
   * @throws QError `ERR_TASK_FAILED` (with the stored error as its cause) when it was killed or cancelled;
   *   `ERR_WAIT_TIMEOUT`; `ERR_TASK_NOT_FOUND`.
   */
  async waitFor<Result = unknown>(
    id: TaskId,
    options: { readonly signal?: AbortSignal; readonly timeout?: Duration } = {},
  ): Promise<Result> {
    const { signal, timeout } = options
    for await (const outcome of this.backend.wait([id], {
      ...(signal === undefined ? {} : { signal }),
      ...(timeout === undefined ? {} : { timeoutMs: toMs(timeout, 'timeout') }),
    })) {
      return resultOf<Result>(outcome, this.codec as Codec<unknown>)
    }
    throw new QError('ERR_TASK_NOT_FOUND', `No outcome for task ${id}.`)
  }

  /** Ends the backend. Afterwards every call rejects with `ERR_CLOSED`. */
  async close(): Promise<void> {
    await this.backend.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Checks and encodes one task as the backend stores it.
   * @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION`, `ERR_DURATION`, `ERR_TASK_ID`.
   */
  encode(item: Pushable<Args>, options?: PushOptions): NewTask {
    const built = item instanceof TaskBuilder
    const checked = checkPushOptions(built ? { ...item.options, ...options } : options)
    return newTask(this, built ? item.args : item, checked)
  }

  async *#pushBatches(
    items: Iterable<Pushable<Args>> | AsyncIterable<Pushable<Args>>,
    options?: InTransaction<Tx>,
  ): AsyncGenerator<readonly Receipt[]> {
    const inTx = options?.tx === undefined ? undefined : { tx: options.tx }
    let batch: NewTask[] = []
    let bytes = 0
    for await (const item of items) {
      const next = this.encode(item)
      batch.push(next)
      bytes += next.payload.bytes.byteLength
      if (batch.length < PUSH_BATCH && bytes < PUSH_BATCH_BYTES) continue
      const full = batch
      batch = []
      bytes = 0
      yield await this.backend.push(full, inTx)
    }
    if (batch.length > 0) yield await this.backend.push(batch, inTx)
  }
}

function newTask<Args, Tx>(storage: Storage<Args, Tx>, args: Args, options: CheckedPushOptions): NewTask {
  return {
    id: options.id ?? uuidv7(),
    queue: storage.queue,
    payload: encodeBounded(storage.codec, args, storage.maxPayloadBytes, storage.queue),
    priority: options.priority,
    due: options.due,
    maxAttempts: options.maxAttempts,
    key: options.key,
    metadata: options.metadata,
  }
}

/**
 * Encodes with a size limit; whatever the codec throws becomes `ERR_ENCODE`.
 * @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`
 */
export function encodeBounded<T>(codec: Codec<T>, value: T, maxBytes: number, queue: string): Encoded {
  let bytes: Uint8Array
  try {
    bytes = codec.encode(value)
  } catch (cause) {
    throw new QError('ERR_ENCODE', `queue "${queue}", codec "${codec.tag}": ${messageOf(cause)}`, { cause })
  }
  if (!(bytes instanceof Uint8Array))
    throw new QError(
      'ERR_ENCODE',
      `queue "${queue}": codec "${codec.tag}" must return a Uint8Array from encode, got ${typeof bytes}.`,
    )
  if (bytes.byteLength > maxBytes) {
    throw new QError(
      'ERR_PAYLOAD_TOO_LARGE',
      `queue "${queue}": the encoded value has ${bytes.byteLength} bytes, the limit is ${maxBytes}. Store large data elsewhere and push a reference, or raise maxPayloadBytes.`,
    )
  }
  return { codec: codec.tag, bytes }
}

/**
 * Decodes with the tag checked; whatever the codec throws becomes `ERR_DECODE`.
 * @throws QError `ERR_DECODE`
 */
export function decodeTagged<T>(codec: Codec<T>, encoded: Encoded, queue: string): T {
  if (encoded.codec !== codec.tag) {
    throw new QError(
      'ERR_DECODE',
      `queue "${queue}": stored with codec "${encoded.codec}", but this storage reads "${codec.tag}". Drain the queue with the old codec first, or give the new codec its own queue.`,
    )
  }
  try {
    return codec.decode(encoded.bytes)
  } catch (cause) {
    throw new QError('ERR_DECODE', `queue "${queue}", codec "${codec.tag}": ${messageOf(cause)}`, { cause })
  }
}

function resultOf<Result>(outcome: Outcome, codec: Codec<unknown>): Result {
  if (outcome.status !== 'done') {
    throw new QError(
      'ERR_TASK_FAILED',
      `Task ${outcome.id} was ${outcome.status} after ${outcome.attempt} attempts${outcome.error ? `: ${outcome.error.message}` : ''}.`,
      { cause: outcome.error },
    )
  }
  return (outcome.result === null ? undefined : decodeTagged(codec, outcome.result, outcome.queue)) as Result
}

const CODEC_TAG = /^[a-z0-9.-]{1,32}$/

function checkCodec<T>(codec: Codec<T>): void {
  if (typeof codec?.encode === 'function' && typeof codec.decode === 'function' && CODEC_TAG.test(codec.tag)) return
  throw new QError(
    'ERR_OPTION',
    'storage: codec must have encode, decode and a tag of 1 to 32 characters out of a-z, 0-9, "-" and ".".',
  )
}
