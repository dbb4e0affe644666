/** The public surface of `@q/core`, in the order in which one reads it. */

// A task
export type {
  ClaimedTask,
  ClaimToken,
  Due,
  Encoded,
  InstanceId,
  Metadata,
  NewTask,
  Outcome,
  Receipt,
  StoredTask,
  TaskId,
} from './task/task.ts'
export type { FinalStatus, Status } from './task/status.ts'
export { isFinal, STATUSES, TRANSITIONS } from './task/status.ts'
export type { CheckedPushOptions, PushOptions } from './task/builder.ts'
export { checkPushOptions, MAX_ATTEMPTS, MAX_KEY_LENGTH, MAX_PRIORITY, task, TaskBuilder } from './task/builder.ts'

// Its queue
export type { InTransaction, Pushable, PushSummary, StorageOptions } from './storage/storage.ts'
export {
  decodeTagged,
  DEFAULT_MAX_PAYLOAD_BYTES,
  encodeBounded,
  LARGEST_PAYLOAD_BYTES,
  PUSH_BATCH,
  Storage,
  STORAGE_OPTIONS,
} from './storage/storage.ts'
export { checkQueueName } from './storage/queue-name.ts'
export type { Codec } from './codec/codec.ts'
export { json } from './codec/json.ts'
export { MAX_JSON_DEPTH } from './codec/json-write.ts'
export { bytes } from './codec/bytes.ts'

// The store behind it: the contract and its capabilities
export type {
  Backend,
  BeatReply,
  BeatRequest,
  ClaimReply,
  ClaimRequest,
  SettleAnswer,
  Settlement,
  SweepReport,
  WaitOptions,
  WorkerRegistration,
} from './backend/backend.ts'
export { CRASH_BUDGET, QUARANTINE_AT } from './backend/backend.ts'
export type { Capabilities, FetchById, Wake } from './backend/capability.ts'
export { CAPABILITIES, required, supports } from './backend/capability.ts'

// Errors
export type { ErrorCode } from './error.ts'
export { ERROR_CODES, isQError, QError } from './error.ts'
export type { ErrorRecord } from './error-record.ts'
export { toErrorRecord } from './error-record.ts'

// Parts that backends share
export type { CancelTimer, Clock } from './clock.ts'
export { sleep, systemClock } from './clock.ts'
export type { Duration, DurationBounds } from './duration.ts'
export { MAX_DURATION_MS, toMs } from './duration.ts'
export type { PollBackoffOptions, PollStrategy } from './poll/poll.ts'
export { PollEvery, pollEvery } from './poll/poll.ts'
export type { GroupCommit } from './group-commit.ts'
export { groupCommit } from './group-commit.ts'
export { checkTaskId, uuidv7 } from './id.ts'
export { checkInteger, checkKnownOptions, didYouMean } from './options.ts'

// Workers
export { AbortError, DeferredError, RetryAfterError } from './steer.ts'
export type { Handler, HandlerObject } from './worker/builder.ts'
export { WorkerBuilder } from './worker/builder.ts'
export type { StopOptions, TaskContext, TaskInfo, WorkerHandle, WorkerState } from './worker/context.ts'
export type { AttemptOutcome, ErrorPlace, WorkerEvent } from './worker/event.ts'
export type { WorkerListener } from './worker/emitter.ts'
export {
  DEFAULT_CONCURRENCY,
  DEFAULT_LEASE_MS,
  DEFAULT_STALL_MS,
  DEFAULT_STOP_TIMEOUT_MS,
  DEFAULT_TIMEOUT_MS,
  MAX_CONCURRENCY,
} from './worker/options.ts'
export { Worker } from './worker/worker.ts'
export type { Backoff, ExponentialOptions } from './middleware/backoff.ts'
export { exponential, fixed } from './middleware/backoff.ts'
export type { Logger, LogOptions } from './middleware/log.ts'
export { log } from './middleware/log.ts'
export type { Middleware, Next } from './middleware/middleware.ts'
export type { RetryOptions, RetryPolicy } from './middleware/retry.ts'
export { DEFAULT_MAX_ATTEMPTS, retry } from './middleware/retry.ts'
export { timeout } from './middleware/timeout.ts'
export type { FailedWorker, WorkerFactory } from './monitor/monitor.ts'
export { Monitor } from './monitor/monitor.ts'
export type { SignalName } from './monitor/signals.ts'
