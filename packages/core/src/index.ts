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
  Progress,
  Receipt,
  StoredTask,
  TaskId,
  Uniqueness,
  UniqueWhile,
} from './task/task.ts'
export type { FinalStatus, Status } from './task/status.ts'
export { isFinal, STATUSES, TRANSITIONS } from './task/status.ts'
export { task, TaskBuilder } from './task/builder.ts'
export type { PushOptions } from './task/push-options.ts'
export { MAX_ATTEMPTS, MAX_PRIORITY } from './task/push-options.ts'
export type { DebounceOptions, ThrottleOptions, UniqueOptions } from './task/unique.ts'
export { MAX_KEY_LENGTH } from './task/unique.ts'
export type { TraceContext } from './task/trace-context.ts'
export type { MetadataKey, MetadataKeyOptions } from './metadata/metadata-key.ts'
export { metadataKey } from './metadata/metadata-key.ts'
export type { Extension } from './metadata/extension.ts'
export { extension } from './metadata/extension.ts'

// Its queue
export type { Queue, QueueOptions } from './contract/queue.ts'
export { defineQueue } from './contract/queue.ts'
export { checkQueueName } from './contract/queue-name.ts'
export type { RetentionOptions } from './contract/retention.ts'
export type {
  InferInput,
  InferOutput,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from './contract/standard-schema.ts'
export { isStandardSchema, validate } from './contract/validate.ts'
export type { InTransaction, StorageOptions } from './storage/options.ts'
export { STORAGE_OPTIONS } from './storage/options.ts'
export type { Pushable, PushSummary } from './storage/producer.ts'
export { PUSH_BATCH } from './storage/push-batch.ts'
export type { EventOptions } from './storage/reader.ts'
export type { ListFilter } from './storage/filter.ts'
export type { ReadLogOptions, TaskLogLine } from './storage/log-reader.ts'
export type { Latency, MetricsOptions, MetricTotals, QueueMetrics, QueueStatistics } from './storage/statistics.ts'
export type { StoredTaskOf } from './storage/stored-task.ts'
export type { WatchEvent, WatchOptions } from './storage/watch.ts'
export type { PauseOptions } from './storage/control.ts'
export type { UpdateOptions } from './storage/update.ts'
export type { FinishedTask } from './storage/finished.ts'
export type { TraceSource } from './storage/trace.ts'
export type { WaitForOptions } from './storage/storage.ts'
export { Storage } from './storage/storage.ts'
export { decodeTagged, DEFAULT_MAX_PAYLOAD_BYTES, encodeBounded, LARGEST_PAYLOAD_BYTES } from './codec/stored.ts'
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
  WorkerAbout,
  WorkerCommand,
  WorkerRegistration,
} from './backend/backend.ts'
export {
  checkChange,
  checkLimitRequests,
  checkLogRead,
  checkMetricRequest,
  checkReports,
  checkTaskFilter,
  queueOfFilter,
  storableReason,
} from './backend/arguments.ts'
export { checkJoins, checkMessage, checkReceive, checkRetry, checkRunFilter } from './backend/run-arguments.ts'
export { CRASH_BUDGET, QUARANTINE_AT } from './backend/backend.ts'
export type { Capabilities, FetchById, NudgeReason, Wake } from './backend/capability.ts'
export { CAPABILITIES, required, supports } from './backend/capability.ts'
export type {
  Arrival,
  CancelRunAnswer,
  Collections,
  Compensation,
  FinalRunStatus,
  Listen,
  Mailbox,
  Message,
  NewRun,
  RetryRunAnswer,
  RunChange,
  RunFilter,
  RunId,
  RunInfo,
  RunPart,
  RunRetry,
  Runs,
  RunStatus,
  SignalAnswer,
  Step,
  Transactional,
} from './backend/runs.ts'
export { childMessage, RUN_TRANSITIONS } from './backend/runs.ts'
export type {
  Cancel,
  CancelAnswer,
  CommandWorker,
  ControlAnswer,
  Limit,
  LimitAnswer,
  LimitRequest,
  Pause,
  PauseInfo,
  Remove,
  ResumeAnswer,
  ResumeById,
  Retention,
  TaskChange,
  Unique,
  Update,
  Vacuum,
} from './backend/control.ts'
export type {
  AttemptRecord,
  AttemptResult,
  Count,
  CountTasks,
  ErrorGroup,
  Events,
  ListAttempts,
  ListErrorGroups,
  ListQueues,
  ListTasks,
  ListWorkers,
  LogLevel,
  LogLine,
  MetricPoint,
  MetricRequest,
  Metrics,
  NewLogLine,
  Page,
  PageRequest,
  QueueInfo,
  Report,
  StatusCounts,
  TaskEvent,
  TaskFilter,
  TaskReport,
  WorkerInfo,
} from './backend/visibility.ts'
export { bucketOf, HISTOGRAM_BUCKETS, quantile } from './backend/visibility.ts'

// Errors
export type { ErrorCode } from './error.ts'
export { ERROR_CODES, isQError, QError } from './error.ts'
export type { ErrorRecord } from './error-record.ts'
export { fingerprintOf, toErrorRecord } from './error-record.ts'

// Parts that backends share
export type { CancelTimer, Clock } from './clock.ts'
export { sleep, systemClock } from './clock.ts'
export type { Duration, DurationBounds } from './duration.ts'
export { MAX_DURATION_MS, toMs } from './duration.ts'
export type { PollBackoffOptions, PollStrategy } from './poll/poll.ts'
export { PollEvery, pollEvery } from './poll/poll.ts'
export { pollOn } from './poll/on.ts'
export { pollRace } from './poll/race.ts'
export { pollWhen } from './poll/when.ts'
export type { GroupCommit } from './group-commit.ts'
export { groupCommit } from './group-commit.ts'
export { checkTaskId, uuidv7 } from './id.ts'
export { checkMetadata } from './task/metadata-check.ts'
export { checkPriority } from './task/push-options.ts'
export { checkKey } from './task/unique.ts'
export { checkInteger, checkKnownOptions, didYouMean } from './options.ts'

// Workers
export type { SteeringError } from './steer.ts'
export { AbortError, DeferredError, FilteredError, isSteering, RetryAfterError } from './steer.ts'
export type { Handler, HandlerObject, With } from './worker/builder.ts'
export { WorkerBuilder } from './worker/builder.ts'
export type { LimitWish, TaskContext, TaskInfo } from './worker/context.ts'
export type { StopOptions, WorkerHandle, WorkerState } from './worker/handle.ts'
export type { AttachedProgram, Program, ProgramContext } from './worker/program.ts'
export { isProgram } from './worker/program.ts'
export type { TaskSource } from './worker/options.ts'
export type { Ack, AckHook } from './worker/ack.ts'
export type { AttemptOutcome, ErrorPlace, PauseCause, WorkerEvent } from './worker/event.ts'
export type { WorkerHealth } from './worker/health.ts'
export type { ProgressUpdate } from './worker/progress.ts'
export type { Say, TaskLog } from './worker/task-log.ts'
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
export { exponential, fixed, jitter } from './middleware/backoff.ts'
export type { Children, ChildrenOptions } from './middleware/children.ts'
export { children } from './middleware/children.ts'
export type { CircuitBreaker, CircuitBreakerOptions } from './middleware/circuit-breaker.ts'
export { circuitBreaker } from './middleware/circuit-breaker.ts'
export type { CircuitListener, CircuitState } from './middleware/circuit.ts'
export { chain, optional, when } from './middleware/combine.ts'
export type { ConcurrencyLimitOptions } from './middleware/concurrency-limit.ts'
export { concurrencyLimit } from './middleware/concurrency-limit.ts'
export type { FilterOptions } from './middleware/filter.ts'
export { filter } from './middleware/filter.ts'
export type { LimitKey, LimitScope } from './middleware/limit-options.ts'
export { MAX_LIMIT } from './middleware/limit-options.ts'
export type { LoadShedOptions } from './middleware/load-shed.ts'
export { loadShed } from './middleware/load-shed.ts'
export type { Logger, LogOptions } from './middleware/log.ts'
export { log } from './middleware/log.ts'
export { catchError, mapArgs, mapError, mapResult } from './middleware/map.ts'
export type { AnyMiddleware, Middleware, Next } from './middleware/middleware.ts'
export { named } from './middleware/middleware.ts'
export { provide } from './middleware/provide.ts'
export type { RateLimitOptions } from './middleware/rate-limit.ts'
export { rateLimit } from './middleware/rate-limit.ts'
export type { RetryOptions, RetryPolicy } from './middleware/retry.ts'
export { DEFAULT_RETRY } from './middleware/retry.ts'
export { DEFAULT_MAX_ATTEMPTS, retry } from './middleware/retry.ts'
export type { Observer } from './middleware/tap.ts'
export { tap } from './middleware/tap.ts'
export { timeout } from './middleware/timeout.ts'
export type { Span, SpanAttributes, Tracer, TracingOptions } from './middleware/tracing.ts'
export { tracing } from './middleware/tracing.ts'
export type { MonitorEvent, MonitorListener } from './monitor/event.ts'
export type { MonitoredWorker } from './monitor/kept-worker.ts'
export type { FailedWorker, WorkerFactory } from './monitor/monitor.ts'
export { Monitor } from './monitor/monitor.ts'
export type { SignalName } from './monitor/signals.ts'
