/** How a task is pushed: every option, and the check that answers each mistake before anything is stored. */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkTaskId } from '../id.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { checkMetadata } from './metadata-check.ts'
import { checkMoment } from './moment.ts'
import type { Due, Metadata, TaskId, Uniqueness } from './task.ts'
import type { DebounceOptions, ThrottleOptions, UniqueOptions } from './unique.ts'
import { checkKey, checkUniqueness } from './unique.ts'

/** Priorities go from -100 to 100. */
export const MAX_PRIORITY = 100
/** The largest `maxAttempts`. */
export const MAX_ATTEMPTS = 1_000

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
  /** The longest one attempt may take, instead of the worker's limit. */
  readonly timeout?: Duration
  /** A moment after which no attempt starts and one under way is ended: the task is killed with `ERR_DEADLINE`. */
  readonly deadline?: Date | number
  /** The same as a span from now, by the store's clock. Not together with `deadline`. */
  readonly deadlineAfter?: Duration
  /** Pushing the same key to the same queue again stores nothing and returns the first task's id. For ever. */
  readonly key?: string
  /** At most one task with this key at a time; a string is the key alone. Not together with `debounce` or `throttle`. */
  readonly unique?: string | UniqueOptions
  /** Runs once the key was not pushed for a while, with what was pushed last. */
  readonly debounce?: DebounceOptions
  /** At most one task of the key is pushed per span; the first stands. */
  readonly throttle?: ThrottleOptions
  /** Small strings that travel with the task. */
  readonly metadata?: Metadata
}

const KNOWN = [
  'id',
  'runAt',
  'runAfter',
  'priority',
  'maxAttempts',
  'timeout',
  'deadline',
  'deadlineAfter',
  'key',
  'unique',
  'debounce',
  'throttle',
  'metadata',
] as const satisfies readonly (keyof PushOptions)[]

/** Push options after checking, with defaults. `id` is undefined when the storage is to make one. */
export interface CheckedPushOptions {
  readonly id: TaskId | undefined
  readonly due: Due
  readonly priority: number
  readonly maxAttempts: number | null
  readonly timeoutMs: number | null
  readonly deadline: Due | null
  readonly key: string | null
  readonly unique: Uniqueness | null
  readonly metadata: Metadata | null
}

const ID_ADVICE = 'Leave it out and one is made for you; for repeatable pushes use an idempotency key.'
const NOW: Due = { afterMs: 0 }
const DEFAULTS: CheckedPushOptions = {
  id: undefined,
  due: NOW,
  priority: 0,
  maxAttempts: null,
  timeoutMs: null,
  deadline: null,
  key: null,
  unique: null,
  metadata: null,
}

/**
 * @throws QError `ERR_OPTION`, `ERR_DURATION` or `ERR_TASK_ID`, naming the option.
 */
export function checkPushOptions(options: PushOptions | undefined): CheckedPushOptions {
  if (options === undefined) return DEFAULTS
  checkKnownOptions('push', options, KNOWN)
  const { id, key, metadata } = options
  const { unique, wait } = checkUniqueness('push', options)
  const due = wait ?? checkDue('push', options) ?? NOW
  const deadline = checkDeadline('push', options)
  if (deadline !== null) checkOrder(due, deadline)
  return {
    id: id === undefined ? undefined : checkTaskId(id, ID_ADVICE),
    due,
    priority: options.priority === undefined ? 0 : checkPriority('push', options.priority),
    maxAttempts: options.maxAttempts === undefined ? null : checkMaxAttempts('push', options.maxAttempts),
    timeoutMs: options.timeout === undefined ? null : checkTimeout('push', options.timeout),
    deadline,
    key: key === undefined ? null : checkKey('push: key', key),
    unique,
    metadata: metadata === undefined ? null : checkMetadata('push', metadata),
  }
}

/** Some options over others; one that is given as `undefined` says nothing. */
export function optionsOver(options: PushOptions | undefined, others: PushOptions): PushOptions {
  const unsaid = Object.entries(others).filter(([name]) => options?.[name as keyof PushOptions] === undefined)
  return { ...options, ...Object.fromEntries(unsaid) }
}

/**
 * The time out of `runAt` or `runAfter`; undefined when neither is given.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function checkDue(where: string, options: Pick<PushOptions, 'runAt' | 'runAfter'>): Due | undefined {
  const { runAt, runAfter } = options
  if (runAt !== undefined && runAfter !== undefined)
    throw new QError('ERR_OPTION', `${where}: give either runAt (a moment) or runAfter (a span), not both.`)
  if (runAt !== undefined) return { at: checkMoment(where, 'runAt', runAt, 'runAfter') }
  return runAfter === undefined ? undefined : { afterMs: toMs(runAfter, 'runAfter') }
}

/**
 * The deadline out of `deadline` or `deadlineAfter`; `null` when neither is given.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function checkDeadline(where: string, options: Pick<PushOptions, 'deadline' | 'deadlineAfter'>): Due | null {
  const { deadline, deadlineAfter } = options
  if (deadline !== undefined && deadlineAfter !== undefined)
    throw new QError('ERR_OPTION', `${where}: give either deadline (a moment) or deadlineAfter (a span), not both.`)
  if (deadline !== undefined) return { at: checkMoment(where, 'deadline', deadline, 'deadlineAfter') }
  return deadlineAfter === undefined ? null : { afterMs: toMs(deadlineAfter, 'deadlineAfter', { min: 1 }) }
}

/** @throws QError `ERR_OPTION` */
export function checkPriority(where: string, priority: number): number {
  return checkInteger(where, 'priority', priority, -MAX_PRIORITY, MAX_PRIORITY)
}

/** @throws QError `ERR_OPTION` */
export function checkMaxAttempts(where: string, maxAttempts: number): number {
  return checkInteger(where, 'maxAttempts', maxAttempts, 1, MAX_ATTEMPTS)
}

/** @throws QError `ERR_DURATION` */
export function checkTimeout(where: string, timeout: Duration): number {
  return toMs(timeout, `${where}: timeout`, { min: 1 })
}

/** A task that comes due after its deadline can never run; where both are of one kind that is known here. */
function checkOrder(due: Due, deadline: Due): void {
  const late =
    'at' in due ? 'at' in deadline && due.at >= deadline.at : 'afterMs' in deadline && due.afterMs >= deadline.afterMs
  if (late) throw new QError('ERR_OPTION', 'push: the deadline comes before the task is due; it could never run.')
}
