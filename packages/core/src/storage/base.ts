/**
 * What all halves of a storage share: which backend, which queue, and how its values are written.
 *
 * A queue that was defined says everything about its values; giving the same to the storage again would be two truths,
 * and is refused. So are two different contracts for one queue of one backend, as far as one process can know.
 */
import type { Backend } from '../backend/backend.ts'
import type { Retention } from '../backend/control.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import type { Codec } from '../codec/codec.ts'
import { json } from '../codec/json.ts'
import { checkCodec, DEFAULT_MAX_PAYLOAD_BYTES, LARGEST_PAYLOAD_BYTES } from '../codec/stored.ts'
import type { Queue } from '../contract/queue.ts'
import { isQueue } from '../contract/queue.ts'
import { checkQueueName } from '../contract/queue-name.ts'
import { checkRetention } from '../contract/retention.ts'
import { QueueValues } from '../contract/values.ts'
import { QError } from '../error.ts'
import { checkInteger } from '../options.ts'
import type { PollStrategy } from '../poll/poll.ts'
import { checkPoll, pollEvery } from '../poll/poll.ts'
import type { StorageOptions } from './options.ts'
import type { TraceSource } from './trace.ts'

const DEFAULT_POLL: PollStrategy = pollEvery('100ms').withBackoff({ max: '1s' })

/** One queue of one backend. */
export class StorageBase<Input, Tx = never, Result = unknown, Args = Input, Returns = Result> {
  readonly backend: Backend<Tx>
  /** Name of the queue. */
  readonly queue: string
  /** The queue as it was defined, if it was. */
  readonly contract: Queue<Input, Result, Args, Returns> | undefined
  readonly codec: Codec<Input>
  /** In bytes. */
  readonly maxPayloadBytes: number
  /** Reads and writes args and results, schemas included. */
  readonly values: QueueValues<Input, Result, Args, Returns>
  /** How long finished tasks are kept, in milliseconds. Absent: for ever. */
  readonly retention?: Retention
  readonly bufferSize: number
  readonly poll: PollStrategy
  /** Paces what this storage waits for by looking. The store's clock decides what is due. */
  readonly clock: Clock
  protected readonly trace: TraceSource | undefined

  /**
   * @param clock Default: the system's. For tests.
   * @throws QError `ERR_OPTION`, `ERR_DURATION` or `ERR_QUEUE_NAME` for options out of range.
   */
  constructor(
    backend: Backend<Tx>,
    options: StorageOptions<Input, Result, Args, Returns> = {},
    clock: Clock = systemClock,
  ) {
    const contract = contractOf(options)
    const { codec = contract?.codec, maxPayloadBytes = contract?.maxPayloadBytes } = options
    const retention = options.retention ?? contract?.retention
    this.backend = backend
    this.contract = contract
    this.queue = contract?.name ?? checkQueueName(options.queue ?? 'default')
    this.codec = checkCodec('storage', codec ?? (json as Codec<Input>))
    this.maxPayloadBytes = checkInteger(
      'storage',
      'maxPayloadBytes',
      maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
      1,
      LARGEST_PAYLOAD_BYTES,
    )
    this.values = new QueueValues({
      queue: this.queue,
      codec: this.codec,
      maxPayloadBytes: this.maxPayloadBytes,
      args: contract?.args,
      result: contract?.result,
    })
    if (retention !== undefined) this.retention = checkRetention('storage', retention)
    this.bufferSize = checkInteger('storage', 'bufferSize', options.bufferSize ?? 1_000, 0, 10_000)
    this.poll = options.poll === undefined ? DEFAULT_POLL : checkPoll('storage', options.poll)
    this.clock = clock
    this.trace = checkTrace(options.trace)
    if (contract !== undefined) agree(backend, contract)
  }
}

const OF_THE_QUEUE = ['codec', 'maxPayloadBytes', 'retention'] as const

function contractOf<Input, Result, Args, Returns>(
  options: StorageOptions<Input, Result, Args, Returns>,
): Queue<Input, Result, Args, Returns> | undefined {
  const { queue } = options
  if (typeof queue !== 'object' || queue === null) return undefined
  if (!isQueue(queue))
    throw new QError('ERR_OPTION', 'storage: queue must be a name, or what defineQueue("emails", { … }) returned.')
  const twice = OF_THE_QUEUE.find((name) => options[name] !== undefined)
  if (twice !== undefined)
    throw new QError(
      'ERR_OPTION',
      `storage: ${twice} belongs to the queue. Give it to defineQueue("${queue.name}", …), not to the storage.`,
    )
  return queue
}

/** The contract of each queue, by backend; gone with the backend. */
const contracts = new WeakMap<object, Map<string, object>>()

function agree(backend: object, contract: { readonly name: string }): void {
  const known = contracts.get(backend) ?? new Map<string, object>()
  const earlier = known.get(contract.name)
  if (earlier !== undefined && earlier !== contract)
    throw new QError(
      'ERR_OPTION',
      `storage: queue "${contract.name}" of this backend has another contract already. Define a queue once and import it, or give this one a name of its own.`,
    )
  known.set(contract.name, contract)
  contracts.set(backend, known)
}

function checkTrace(trace: unknown): TraceSource | undefined {
  if (trace === undefined || typeof trace === 'function') return trace as TraceSource | undefined
  throw new QError('ERR_OPTION', `storage: trace must be a function that gives { traceparent }, got ${typeof trace}.`)
}
