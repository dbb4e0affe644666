/** W3C trace context in a task's metadata: who caused what, across processes. */
import type { Metadata } from './task.ts'

/** Where in a trace something belongs, as the headers `traceparent` and `tracestate` say it. */
export interface TraceContext {
  /** `00-<32 hexadecimal digits>-<16>-<2>`. */
  readonly traceparent: string
  readonly tracestate?: string
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/
const MAX_TRACESTATE = 512

/** Whether this is a `traceparent` that others will understand. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 200 && TRACEPARENT.test(value)
}

/** What the metadata say of the trace; undefined when they say nothing, or nothing that is well formed. */
export function traceOf(metadata: Metadata | null): TraceContext | undefined {
  const traceparent = metadata?.['traceparent']
  if (!isTraceparent(traceparent)) return undefined
  const tracestate = metadata?.['tracestate']
  return tracestate !== undefined && tracestate.length <= MAX_TRACESTATE ? { traceparent, tracestate } : { traceparent }
}
