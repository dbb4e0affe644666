/** A task as a producer writes it: args and, chained, everything else. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkTaskId } from '../id.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import type { Due, Metadata, TaskId } from './task.ts'

/** Priorities go from -100 to 100. */
export const MAX_PRIORITY = 100
/** The largest `maxAttempts`. */
export const MAX_ATTEMPTS = 1_000
/** The longest idempotency key, in characters. */
export const MAX_KEY_LENGTH = 200

const EPOCH_SECONDS_LIMIT = 100_000_000_000
const LATEST_MS = 8_640_000_000_000_000

/** How a task is pushed. All optional. */
export interface PushOptions {
  /** A UUID of your own. Default: a new UUIDv7. */
  readonly id?: TaskId
  /** A moment: a `Date`, or milliseconds since the epoch. Default: now, by the store's clock. */
  readonly runAt?: Date | number
  /** A span from now, by the store's clock. Not together with `runAt`. */
  readonly runAfter?: Duration
  /** -100 to 100, larger runs first. Default 0. */
  readonly priority?: number
  /** Executions allowed in all, 1 to 1000. Default: what the worker's retry policy says. */
  readonly maxAttempts?: number
  /** Pushing the same key to the same queue again stores nothing and returns the first task's id. */
  readonly key?: string
  /** Small strings that travel with the task. */
  readonly metadata?: Metadata
}

const KNOWN = [
  'id',
  'runAt',
  'runAfter',
  'priority',
  'maxAttempts',
  'key',
  'metadata',
] as const satisfies readonly (keyof PushOptions)[]

/** Args with push options, immutable: each method returns a new one. Made by {@link task}. */
export class TaskBuilder<Args> {
  readonly args: Args
  readonly options: PushOptions

  constructor(args: Args, options: PushOptions = {}) {
    this.args = args
    this.options = options
  }

  /** Sets a UUID of your own. */
  id(id: TaskId): TaskBuilder<Args> {
    return this.#with({ id })
  }
  /** Runs at a moment: a `Date` or milliseconds since the epoch. */
  runAt(runAt: Date | number): TaskBuilder<Args> {
    return this.#with({ runAt })
  }
  /** Runs after a span, counted from the push by the store's clock. */
  runAfter(runAfter: Duration): TaskBuilder<Args> {
    return this.#with({ runAfter })
  }
  /** -100 to 100, larger runs first. */
  priority(priority: number): TaskBuilder<Args> {
    return this.#with({ priority })
  }
  /** Executions allowed in all, 1 to 1000. */
  maxAttempts(maxAttempts: number): TaskBuilder<Args> {
    return this.#with({ maxAttempts })
  }
  /** Idempotency key, unique in the queue. */
  key(key: string): TaskBuilder<Args> {
    return this.#with({ key })
  }
  /** Adds small strings that travel with the task. */
  metadata(metadata: Metadata): TaskBuilder<Args> {
    return this.#with({ metadata: { ...this.options.metadata, ...metadata } })
  }

  #with(more: PushOptions): TaskBuilder<Args> {
    return new TaskBuilder(this.args, { ...this.options, ...more })
  }
}

/** Starts a task: `task(42).runAfter('1s').priority(1)`. */
export function task<Args>(args: Args, options: PushOptions = {}): TaskBuilder<Args> {
  return new TaskBuilder(args, options)
}

/** Push options after checking, with defaults. `id` is undefined when the storage is to make one. */
export interface CheckedPushOptions {
  readonly id: TaskId | undefined
  readonly due: Due
  readonly priority: number
  readonly maxAttempts: number | null
  readonly key: string | null
  readonly metadata: Metadata | null
}

const NOW: Due = { afterMs: 0 }
const DEFAULTS: CheckedPushOptions = {
  id: undefined,
  due: NOW,
  priority: 0,
  maxAttempts: null,
  key: null,
  metadata: null,
}

/**
 * @throws QError `ERR_OPTION`, `ERR_DURATION` or `ERR_TASK_ID`, naming the option.
 */
export function checkPushOptions(options: PushOptions | undefined): CheckedPushOptions {
  if (options === undefined) return DEFAULTS
  checkKnownOptions('push', options, KNOWN)
  const { id, runAt, runAfter, priority, maxAttempts, key, metadata } = options
  if (runAt !== undefined && runAfter !== undefined)
    throw new QError('ERR_OPTION', 'push: give either runAt (a moment) or runAfter (a span), not both.')
  return {
    id: id === undefined ? undefined : checkTaskId(id),
    due:
      runAt !== undefined
        ? { at: checkMoment(runAt) }
        : runAfter !== undefined
          ? { afterMs: toMs(runAfter, 'runAfter') }
          : NOW,
    priority: priority === undefined ? 0 : checkInteger('push', 'priority', priority, -MAX_PRIORITY, MAX_PRIORITY),
    maxAttempts: maxAttempts === undefined ? null : checkInteger('push', 'maxAttempts', maxAttempts, 1, MAX_ATTEMPTS),
    key: key === undefined ? null : checkKey(key),
    metadata: metadata === undefined ? null : checkMetadata(metadata),
  }
}

function checkMoment(runAt: unknown): number {
  const ms = runAt instanceof Date ? runAt.getTime() : runAt
  if (typeof ms !== 'number' || !Number.isFinite(ms) || Math.abs(ms) > LATEST_MS) {
    throw new QError(
      'ERR_OPTION',
      `push: runAt must be a valid Date or milliseconds since the epoch, got ${show(runAt)}. For a span use runAfter.`,
    )
  }
  if (typeof runAt === 'number' && ms < EPOCH_SECONDS_LIMIT) {
    throw new QError(
      'ERR_OPTION',
      `push: runAt is milliseconds since the epoch, got ${ms}, which lies before March 1973. Are these seconds? Multiply by 1000, pass a Date, or use runAfter for a span.`,
    )
  }
  return Math.ceil(ms)
}

function checkKey(key: unknown): string {
  if (typeof key !== 'string' || key.length === 0 || key.length > MAX_KEY_LENGTH || !isStorable(key)) {
    throw new QError(
      'ERR_OPTION',
      `push: key must be 1 to ${MAX_KEY_LENGTH} characters without NUL or lone surrogates, got ${typeof key === 'string' ? `${key.length} characters` : typeof key}. Hash longer keys.`,
    )
  }
  return key
}

const MAX_METADATA_ENTRIES = 64
const MAX_METADATA_LENGTH = 1_024

function checkMetadata(metadata: unknown): Metadata {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw new QError('ERR_OPTION', 'push: metadata must be an object of strings.')
  const entries = Object.entries(metadata)
  if (entries.length > MAX_METADATA_ENTRIES)
    throw new QError(
      'ERR_OPTION',
      `push: metadata holds at most ${MAX_METADATA_ENTRIES} entries, got ${entries.length}.`,
    )
  for (const [name, value] of entries) {
    if (
      typeof value !== 'string' ||
      name.length + value.length > MAX_METADATA_LENGTH ||
      !isStorable(name) ||
      !isStorable(value)
    ) {
      throw new QError(
        'ERR_OPTION',
        `push: metadata["${name.slice(0, 60).toWellFormed()}"] must be a string, name and value together at most ${MAX_METADATA_LENGTH} characters, without NUL or lone surrogates.`,
      )
    }
  }
  return Object.fromEntries(entries) as Metadata
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
