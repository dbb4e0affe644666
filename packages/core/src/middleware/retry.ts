/**
 * How often and when a failed task is tried again.
 *
 * There is one retry system: the policy only computes, the store keeps the time of the next
 * attempt, and the slot is free meanwhile. So `retry` does not loop around the handler; the worker
 * reads its policy, and reads it in worker/attempt.ts only.
 */
import { checkInteger, checkKnownOptions } from '../options.ts'
import { MAX_ATTEMPTS } from '../task/push-options.ts'
import { QError } from '../error.ts'
import type { TaskContext } from '../worker/context.ts'
import { type Backoff, exponential } from './backoff.ts'
import { type Middleware, named } from './middleware.ts'

/** Executions of a task that sets no `maxAttempts`, on a worker without `retry()`. */
export const DEFAULT_MAX_ATTEMPTS = 5

/** What a worker does with a failed attempt. */
export interface RetryPolicy {
  /** Executions in all, for tasks without a `maxAttempts` of their own. */
  readonly limit: number
  readonly backoff: Backoff
  /** False kills the task at once. */
  readonly retryIf?: (error: unknown, ctx: TaskContext) => boolean
}

/** The policy of a worker without `retry()`: five executions, 1 s doubling up to 5 min. */
export const DEFAULT_RETRY: RetryPolicy = { limit: DEFAULT_MAX_ATTEMPTS, backoff: exponential() }

/** Options of {@link retry}. */
export interface RetryOptions {
  /** Tries after the first: `retries: 5` is at most six executions. 0 to 999. Default 4. */
  readonly retries?: number
  /** Default: {@link exponential}, 1 s doubling up to 5 min. */
  readonly backoff?: Backoff
  /** Return false to kill the task at once. Default: every error is worth another try. */
  readonly retryIf?: (error: unknown, ctx: TaskContext) => boolean
}

/**
 * Sets the worker's retry policy. A task's own `maxAttempts` goes before `retries`. Where it stands
 * among the middlewares makes no difference.
 * @throws QError `ERR_OPTION`
 */
export function retry(options: RetryOptions = {}): Middleware {
  checkKnownOptions('retry', options, ['retries', 'backoff', 'retryIf'])
  const { retries = DEFAULT_MAX_ATTEMPTS - 1, backoff = DEFAULT_RETRY.backoff, retryIf } = options
  if (typeof backoff !== 'function')
    throw new QError(
      'ERR_OPTION',
      'retry: backoff must be a function of the attempt, such as exponential({ min: "1s" }) or fixed("10s").',
    )
  if (retryIf !== undefined && typeof retryIf !== 'function')
    throw new QError('ERR_OPTION', 'retry: retryIf must be a function.')
  const limit = checkInteger('retry', 'retries', retries, 0, MAX_ATTEMPTS - 1) + 1
  const policy: RetryPolicy = { limit, backoff, ...(retryIf === undefined ? {} : { retryIf }) }
  const made = named('retry', (_ctx, next) => next(), { retry: policy })
  policiesOnly.add(made)
  return made
}

const policiesOnly = new WeakSet<object>()

/** Whether it is a `retry()` and nothing else: there is no need to run it around every attempt. */
export function isPolicyOnly(middleware: object): boolean {
  return policiesOnly.has(middleware)
}
