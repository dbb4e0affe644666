/**
 * One span per attempt, in any tracer, as a child of whatever pushed the task.
 *
 * The tracer is a small interface so that core depends on none; the guide shows it for OpenTelemetry.
 */
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import { isSteering } from '../steer.ts'
import type { TaskContext } from '../worker/context.ts'
import { isTraceparent, type TraceContext, traceOf } from '../task/trace-context.ts'
import { type Middleware, named, type Next } from './middleware.ts'
import { withRest } from './rest.ts'

/** Values a span may carry. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** A span under way. */
export interface Span {
  /** Given to tasks that follow, so that their spans become children of this one. */
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
  /** Runs the handler with this span active, where the tracer has such a thing. Calls `work` once, at once, and returns what it returns. */
  run?<Result>(work: () => Result): Result
  /** The attempt failed. Called at most once, before `end`. */
  recordError(error: unknown): void
  /** Called once. */
  end(attributes?: SpanAttributes): void
}

/** What is needed of a tracer. */
export interface Tracer {
  startSpan(
    name: string,
    options: { readonly parent: TraceContext | undefined; readonly attributes: SpanAttributes },
  ): Span
}

/** Options of {@link tracing}. */
export interface TracingOptions {
  readonly tracer: Tracer
  /** Names the span. Default: `process <queue>`. */
  readonly name?: (ctx: TaskContext) => string
  /** Added to the attributes of the span. */
  readonly attributes?: (ctx: TaskContext) => SpanAttributes
}

/**
 * Starts a span before the layers below and ends it after them, also when they throw, or with the attempt when that ends first. Its parent is the trace in the task's
 * metadata (`traceparent`, `tracestate`), which the producer put there; tasks added by `ctx.follow` carry this span on. A tracer
 * that throws hurts nobody: the task runs without a span.
 * @throws QError `ERR_OPTION`
 */
export function tracing(options: TracingOptions): Middleware {
  checkKnownOptions('tracing', options, ['tracer', 'name', 'attributes'])
  const { tracer, name, attributes } = options
  if (typeof tracer?.startSpan !== 'function')
    throw new QError('ERR_OPTION', 'tracing: tracer must have startSpan(name, { parent, attributes }).')
  for (const [option, value] of Object.entries({ name, attributes }))
    if (value !== undefined && typeof value !== 'function')
      throw new QError('ERR_OPTION', `tracing: ${option} must be a function of the context.`)
  return named('tracing', (ctx, next) => {
    const span = quietly(() =>
      tracer.startSpan(name?.(ctx) ?? `process ${ctx.task.queue}`, {
        parent: traceOf(ctx.task.metadata),
        attributes: { ...describe(ctx), ...attributes?.(ctx) },
      }),
    )
    if (span === undefined) return next()
    carry(ctx, span)
    return withRest(
      ctx,
      () => within(span, next),
      (how, value) => {
        if (how !== 'done') quietly(() => span.recordError(value))
        const end = how === 'done' ? how : isSteering(value) ? value.name : 'failed'
        quietly(() => span.end({ 'q.attempt.end': end }))
      },
    )
  })
}

/** The names of OpenTelemetry's conventions for messaging, where they have one. */
function describe(ctx: TaskContext): SpanAttributes {
  return {
    'messaging.system': 'q',
    'messaging.operation.type': 'process',
    'messaging.destination.name': ctx.task.queue,
    'messaging.message.id': ctx.taskId,
    'messaging.consumer.group.name': ctx.worker.name,
    'q.attempt': ctx.attempt,
  }
}

function carry(ctx: TaskContext, span: Span): void {
  const { traceparent, tracestate } = span
  if (!isTraceparent(traceparent)) return
  const trace = traceOf(typeof tracestate === 'string' ? { traceparent, tracestate } : { traceparent })
  quietly(() => ctx.carry({ ...trace }))
}

/** A `run` that fails before it called `next`, or calls it late, must not keep the task from running. */
function within(span: Span, next: Next): Promise<unknown> {
  if (typeof span.run !== 'function') return next()
  let rest: Promise<unknown> | undefined
  const ran: unknown = quietly(() => span.run?.(() => (rest ??= next())))
  // One that is asynchronous rejects with what the handler throws, and nobody else looks at that.
  if (ran instanceof Promise) ran.catch(() => undefined)
  return (rest ??= next())
}

function quietly<Result>(ask: () => Result): Result | undefined {
  try {
    return ask()
  } catch {
    // Tracing is not the task's work.
    return undefined
  }
}
