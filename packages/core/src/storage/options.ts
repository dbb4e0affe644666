/** What every storage can be told, whatever its backend. */
import type { Codec } from '../codec/codec.ts'
import type { Queue } from '../contract/queue.ts'
import type { RetentionOptions } from '../contract/retention.ts'
import type { PollStrategy } from '../poll/poll.ts'
import type { TraceSource } from './trace.ts'

/** Options every storage takes. All optional. */
export interface StorageOptions<Input, Result = unknown, Args = Input, Returns = Result> {
  /** A queue made by `defineQueue`, or a name: 1 to 100 letters, digits and `-_.:/@`. Default `'default'`. */
  readonly queue?: string | Queue<Input, Result, Args, Returns>
  /** How args and results become bytes, see {@link Codec}. Default: strict JSON. A defined queue brings its own. */
  readonly codec?: Codec<Input>
  /** Limit of one encoded payload or result, in bytes, at most 64 MiB. Default 1 MiB. A defined queue brings its own. */
  readonly maxPayloadBytes?: number
  /** How long finished tasks are kept; workers of this storage delete older ones. Default: for ever. A defined queue brings its own. */
  readonly retention?: RetentionOptions
  /** Most tasks a worker of this storage holds claimed but not started, 0 to 10,000. Default 1,000; what is really held follows the work. */
  readonly bufferSize?: number
  /** When an idle worker looks again. Default: see the backend. */
  readonly poll?: PollStrategy
  /** Gives the trace of whoever pushes; stored as the metadata `traceparent` and `tracestate`. Default: none. */
  readonly trace?: TraceSource
}

/** Names of the options in {@link StorageOptions}. */
export const STORAGE_OPTIONS: readonly (keyof StorageOptions<unknown>)[] = [
  'queue',
  'codec',
  'maxPayloadBytes',
  'retention',
  'bufferSize',
  'poll',
  'trace',
]

/** The caller's own transaction, where the backend has one. */
export interface InTransaction<Tx> {
  /** Push inside this transaction: stored and announced if and when it commits. */
  readonly tx?: Tx
}
