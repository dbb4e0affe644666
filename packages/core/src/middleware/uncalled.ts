/** Tells a middleware from the function that makes one: `use(retry)` would wrap attempts in a function that runs none. */
import { chain, optional, when } from './combine.ts'
import { circuitBreaker } from './circuit-breaker.ts'
import { concurrencyLimit } from './concurrency-limit.ts'
import { filter } from './filter.ts'
import { loadShed } from './load-shed.ts'
import { log } from './log.ts'
import { catchError, mapArgs, mapError, mapResult } from './map.ts'
import { provide } from './provide.ts'
import { rateLimit } from './rate-limit.ts'
import { retry } from './retry.ts'
import { tap } from './tap.ts'
import { timeout } from './timeout.ts'
import { tracing } from './tracing.ts'

/** By the call that is missing. */
const MAKERS: readonly (readonly [maker: unknown, call: string])[] = [
  [retry, 'retry()'],
  [log, 'log()'],
  [circuitBreaker, 'circuitBreaker()'],
  [timeout, 'timeout("30s")'],
  [filter, 'filter((args) => …)'],
  [rateLimit, 'rateLimit({ … })'],
  [concurrencyLimit, 'concurrencyLimit({ … })'],
  [loadShed, 'loadShed({ … })'],
  [tracing, 'tracing({ … })'],
  [tap, 'tap({ … })'],
  [provide, 'provide("name", (ctx) => …)'],
  [mapArgs, 'mapArgs((args) => …)'],
  [mapResult, 'mapResult((result) => …)'],
  [mapError, 'mapError((error) => …)'],
  [catchError, 'catchError((error) => …)'],
  [chain, 'chain(…)'],
  [when, 'when(…)'],
  [optional, 'optional(…)'],
]

/** The call that is missing, where this makes middlewares and is none. */
export function missingCall(middleware: unknown): string | undefined {
  return MAKERS.find(([maker]) => maker === middleware)?.[1]
}
