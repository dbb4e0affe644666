/** Stops running tasks for a while when they keep failing, so that what is broken gets a rest. */
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { MAX_DURATION_MS, toMs } from '../duration.ts'
import { isQError, QError } from '../error.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import { DeferredError } from '../steer.ts'
import type { TaskContext } from '../worker/context.ts'
import { type CallEnd, Circuit, type CircuitListener, type CircuitState } from './circuit.ts'
import { MAX_LIMIT, spread } from './limit-options.ts'
import { type Middleware, named } from './middleware.ts'
import { withRest } from './rest.ts'

/** Options of {@link circuitBreaker}. All optional. */
export interface CircuitBreakerOptions {
  /** Failures in a row that open it, 1 to 1,000,000. Default 5. A success begins the count anew. */
  readonly failureThreshold?: number
  /** Failures older than this are not counted. Default: all are. */
  readonly window?: Duration
  /** How long it stays open before it lets tasks through to try. Default `'60s'`. */
  readonly recoveryTimeout?: Duration
  /** Tasks that are let through to try, 1 to 1,000,000. Default 3. */
  readonly halfOpenMaxCalls?: number
  /** The share of these that must succeed for it to close, above 0 and at most 1. Default 0.5. */
  readonly successThreshold?: number
  /**
   * Which errors count as failures. Default: all but `AbortError`, `DeferredError` and a filter's refusal, which say something
   * of the task and nothing of what it needs.
   */
  readonly failIf?: (error: unknown, ctx: TaskContext) => boolean
  /** Told of every change. What it throws goes to `console.warn`. */
  readonly onStateChange?: CircuitListener
}

/** A middleware that can be asked for its state. */
export interface CircuitBreaker extends Middleware {
  /** By the clock of the worker that used it last, or the system's. */
  readonly state: CircuitState
}

const OPTIONS = [
  'failureThreshold',
  'window',
  'recoveryTimeout',
  'halfOpenMaxCalls',
  'successThreshold',
  'failIf',
  'onStateChange',
] as const
/** How soon a task comes back that found all places for trying taken. */
const TRYING_MS = 1_000

/**
 * Opens after `failureThreshold` failures in a row. While it is open nothing is claimed, and tasks that were claimed before are put
 * off until it lets some through to try, their attempts not counted. When enough of those succeed it closes, otherwise
 * it stays open for another `recoveryTimeout`. Give the same breaker to several workers and they judge together.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const where = 'circuitBreaker'
  checkKnownOptions(where, options, OPTIONS)
  const { failIf = isFailure, onStateChange } = options
  for (const [name, value] of Object.entries({ failIf, onStateChange }))
    if (value !== undefined && typeof value !== 'function')
      throw new QError('ERR_OPTION', `${where}: ${name} must be a function, got ${show(value)}.`)
  const circuit = new Circuit(
    {
      failureThreshold: checkInteger(where, 'failureThreshold', options.failureThreshold ?? 5, 1, MAX_LIMIT),
      windowMs: options.window === undefined ? MAX_DURATION_MS : toMs(options.window, `${where}: window`, { min: 1 }),
      recoveryMs: toMs(options.recoveryTimeout ?? '60s', `${where}: recoveryTimeout`, { min: 1 }),
      halfOpenMaxCalls: checkInteger(where, 'halfOpenMaxCalls', options.halfOpenMaxCalls ?? 3, 1, MAX_LIMIT),
      successThreshold: checkShare(where, options.successThreshold ?? 0.5),
    },
    (to, from) => tell(onStateChange, to, from),
  )
  let clock: Clock = systemClock
  const breaker = named(
    where,
    (ctx, next) => {
      clock = ctx.clock
      const end = circuit.enter(clock)
      if (end === undefined) throw refusal(ctx, circuit.waitMs(clock))
      return withRest(ctx, next, (how, value) => end(how === 'done' ? 'success' : judge(failIf, value, ctx)))
    },
    { gates: [circuit] },
  )
  return Object.defineProperty(breaker, 'state', {
    get: () => circuit.state(clock),
    enumerable: true,
  }) as CircuitBreaker
}

function refusal(ctx: TaskContext, waitMs: number): DeferredError {
  const open = new QError(
    'ERR_CIRCUIT_OPEN',
    waitMs > 0
      ? `The circuit breaker of worker "${ctx.worker.name}" is open for another ${waitMs} ms.`
      : `The circuit breaker of worker "${ctx.worker.name}" is trying whether it can close.`,
  )
  return new DeferredError(waitMs > 0 ? waitMs : spread(TRYING_MS), open)
}

function judge(failIf: NonNullable<CircuitBreakerOptions['failIf']>, error: unknown, ctx: TaskContext): CallEnd {
  // A handler that was asked to stop fails because of that, whatever it throws.
  const thrown: unknown = ctx.signal.aborted ? ctx.signal.reason : error
  // Nobody's fault: the worker stops, lost its lease, or somebody cancelled the task.
  if (
    isQError(thrown, 'ERR_SHUTDOWN_TIMEOUT') ||
    isQError(thrown, 'ERR_LEASE_LOST') ||
    isQError(thrown, 'ERR_CANCELLED')
  )
    return 'neither'
  try {
    return failIf(thrown, ctx) ? 'failure' : 'neither'
  } catch {
    return 'failure'
  }
}

function isFailure(error: unknown): boolean {
  return !isQError(error, 'ERR_ABORT') && !isQError(error, 'ERR_DEFERRED') && !isQError(error, 'ERR_FILTERED')
}

function tell(listener: CircuitListener | undefined, to: CircuitState, from: CircuitState): void {
  try {
    listener?.(to, from)
  } catch (error) {
    console.warn('[q] circuitBreaker: onStateChange failed; the breaker is not affected.', error)
  }
}

function checkShare(where: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= 1) return value
  throw new QError(
    'ERR_OPTION',
    `${where}: successThreshold must be a number above 0 and at most 1, got ${show(value)}.`,
  )
}
