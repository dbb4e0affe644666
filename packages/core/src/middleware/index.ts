/** Entry `@q/core/middleware`: what can wrap a handler. */
export type { Backoff, ExponentialOptions } from './backoff.ts'
export { exponential, fixed } from './backoff.ts'
export type { Logger, LogOptions } from './log.ts'
export { log } from './log.ts'
export type { Middleware, Next } from './middleware.ts'
export type { RetryOptions, RetryPolicy } from './retry.ts'
export { DEFAULT_MAX_ATTEMPTS, retry } from './retry.ts'
export { timeout } from './timeout.ts'
