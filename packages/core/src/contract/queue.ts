/**
 * A queue as a contract: one value that says what its tasks are, used by producers, workers and readers alike.
 *
 * It holds no connection and no handler, so that a program which only pushes need not know who works.
 */
import type { Codec } from '../codec/codec.ts'
import { checkCodec, LARGEST_PAYLOAD_BYTES } from '../codec/stored.ts'
import type { Duration } from '../duration.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { messageOf } from '../show.ts'
import { checkMetadata } from '../task/metadata-check.ts'
import type { PushOptions } from '../task/push-options.ts'
import { checkMaxAttempts, checkPriority, checkTimeout, optionsOver } from '../task/push-options.ts'
import type { Metadata } from '../task/task.ts'
import type { UniqueOptions } from '../task/unique.ts'
import { checkUniqueness } from '../task/unique.ts'
import { checkQueueName } from './queue-name.ts'
import type { RetentionOptions } from './retention.ts'
import { checkRetention } from './retention.ts'
import type { InferInput, InferOutput, StandardSchemaV1 } from './standard-schema.ts'
import { isStandardSchema } from './validate.ts'

/** What a queue promises. All but `args` are optional. */
export interface QueueOptions<Args extends StandardSchemaV1, Result extends StandardSchemaV1> {
  /**
   * What can be pushed and what handlers are given: any Standard Schema (zod, valibot, arktype …), synchronous.
   * Checked at the push and again at the claim. What was pushed is stored; what the schema makes of it is what the handler gets.
   */
  readonly args: Args
  /** What handlers return and `waitFor` gives, likewise. Default: anything, not checked. */
  readonly result?: Result
  /** How args and results become bytes: give `result` too where it takes less than JSON does. Default: strict JSON. */
  readonly codec?: Codec<InferInput<Args>>
  /** Limit of one encoded payload or result, in bytes, at most 64 MiB. Default 1 MiB. */
  readonly maxPayloadBytes?: number
  /** Executions allowed in all, for pushes that do not say. Default: the worker's retry policy. */
  readonly maxAttempts?: number
  /** The longest one attempt may take, for pushes that do not say. Default: the worker's limit. */
  readonly timeout?: Duration
  /** For pushes that do not say, -100 to 100. Default 0. */
  readonly priority?: number
  /** Travels with every task; a push may add to it and replace entries. */
  readonly metadata?: Metadata
  /** Makes tasks unique by their args, for pushes that do not say otherwise. Undefined: this one is not unique. */
  readonly unique?: (args: InferOutput<Args>) => string | UniqueOptions | undefined
  /** How long finished tasks are kept; workers of the queue delete older ones. Default: for ever. */
  readonly retention?: RetentionOptions
}

/** Push options that a queue can have a default for. */
type Default = 'maxAttempts' | 'timeout' | 'priority' | 'metadata'

/** A queue that was defined. Frozen; made by {@link defineQueue}. */
export interface Queue<Input = unknown, Result = unknown, Args = Input, Returns = Result> {
  readonly name: string
  readonly args: StandardSchemaV1<Input, Args>
  readonly result: StandardSchemaV1<Returns, Result> | undefined
  readonly codec: Codec<Input> | undefined
  readonly maxPayloadBytes: number | undefined
  readonly retention: RetentionOptions | undefined
  /** What pushes that do not say otherwise get. */
  readonly defaults: Pick<PushOptions, Default>
  /** See {@link QueueOptions.unique}. */
  readonly unique: ((args: Args) => string | UniqueOptions | undefined) | undefined
}

/** The part of a queue that a push reads. */
type PushRules<Args> = Pick<Queue<unknown, unknown, Args>, 'name' | 'defaults' | 'unique'>

const KNOWN = [
  'args',
  'result',
  'codec',
  'maxPayloadBytes',
  'maxAttempts',
  'timeout',
  'priority',
  'metadata',
  'unique',
  'retention',
] as const satisfies readonly (keyof QueueOptions<StandardSchemaV1, StandardSchemaV1>)[]

/**
 * Defines a queue.
 *
 * ```ts
 * const emails = defineQueue('emails', {
 *   args: z.object({ to: z.email(), subject: z.string() }),
 *   maxAttempts: 3,
 * })
 * const storage = new PostgresStorage({ pool, queue: emails })
 * await storage.push({ to: 'ada@example.com', subject: 'Hello' })
 * ```
 *
 * @throws QError `ERR_QUEUE_NAME`, `ERR_OPTION`, `ERR_DURATION`
 */
export function defineQueue<
  Args extends StandardSchemaV1,
  Result extends StandardSchemaV1 = StandardSchemaV1<unknown, unknown>,
>(
  name: string,
  options: QueueOptions<Args, Result>,
): Queue<InferInput<Args>, InferOutput<Result>, InferOutput<Args>, InferInput<Result>> {
  const where = `defineQueue("${checkQueueName(name)}")`
  checkKnownOptions(where, options, KNOWN)
  const { args, result, codec, maxPayloadBytes, retention, unique } = options
  const { maxAttempts, timeout, priority, metadata } = options
  checkSchema(where, 'args', args)
  if (result !== undefined) checkSchema(where, 'result', result)
  if (codec !== undefined) checkCodec(where, codec)
  if (maxPayloadBytes !== undefined) checkInteger(where, 'maxPayloadBytes', maxPayloadBytes, 1, LARGEST_PAYLOAD_BYTES)
  if (retention !== undefined) checkRetention(where, retention)
  if (unique !== undefined && typeof unique !== 'function')
    throw new QError('ERR_OPTION', `${where}: unique must be a function of the args that gives a key.`)
  return Object.freeze({
    name,
    args: args as StandardSchemaV1<InferInput<Args>, InferOutput<Args>>,
    result: result as StandardSchemaV1<InferInput<Result>, InferOutput<Result>> | undefined,
    codec,
    maxPayloadBytes,
    retention: retention === undefined ? undefined : Object.freeze({ ...retention }),
    defaults: defaultsOf(where, { maxAttempts, timeout, priority, metadata }),
    unique,
  })
}

/** Whether a value was made by {@link defineQueue}. */
export function isQueue(value: unknown): value is Queue {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'defaults' in value &&
    'args' in value &&
    isStandardSchema(value.args)
  )
}

/**
 * The push options of one task of a queue: those given, then what the queue says.
 * @throws QError `ERR_OPTION` when the queue's `unique` throws or gives no key.
 */
export function withDefaults<Args>(queue: PushRules<Args>, args: Args, options: PushOptions | undefined): PushOptions {
  const { defaults } = queue
  const merged = optionsOver(options, defaults)
  const metadata =
    defaults.metadata === undefined || options?.metadata === undefined
      ? {}
      : { metadata: { ...defaults.metadata, ...options.metadata } }
  const unique = chooses(merged) ? undefined : uniqueOf(queue, args)
  return { ...merged, ...metadata, ...(unique === undefined ? {} : { unique }) }
}

function chooses(options: PushOptions): boolean {
  return options.unique !== undefined || options.debounce !== undefined || options.throttle !== undefined
}

function uniqueOf<Args>(queue: PushRules<Args>, args: Args): string | UniqueOptions | undefined {
  if (queue.unique === undefined) return undefined
  const where = `queue "${queue.name}"`
  let unique: string | UniqueOptions | undefined
  try {
    unique = queue.unique(args)
  } catch (cause) {
    throw new QError('ERR_OPTION', `${where}: unique threw: ${messageOf(cause)}`, { cause })
  }
  if (unique !== undefined) checkUniqueness(where, { unique })
  return unique
}

function defaultsOf(
  where: string,
  options: { readonly [Name in Default]: PushOptions[Name] | undefined },
): Pick<PushOptions, Default> {
  const { maxAttempts, timeout, priority, metadata } = options
  return Object.freeze({
    ...(maxAttempts === undefined ? {} : { maxAttempts: checkMaxAttempts(where, maxAttempts) }),
    ...(timeout === undefined ? {} : { timeout: checkTimeout(where, timeout) }),
    ...(priority === undefined ? {} : { priority: checkPriority(where, priority) }),
    ...(metadata === undefined ? {} : { metadata: Object.freeze(checkMetadata(where, metadata)) }),
  })
}

function checkSchema(where: string, name: string, schema: unknown): void {
  if (isStandardSchema(schema)) return
  throw new QError(
    'ERR_OPTION',
    `${where}: ${name} must be a schema that keeps to Standard Schema v1, such as z.object({ … }) of zod, valibot's or arktype's.`,
  )
}
