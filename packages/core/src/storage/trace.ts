/** The trace of whoever pushes, carried along as metadata. */
import { MAX_METADATA_ENTRIES } from '../task/metadata-check.ts'
import type { Metadata } from '../task/task.ts'
import type { TraceContext } from '../task/trace-context.ts'
import { traceOf } from '../task/trace-context.ts'

/** Gives the current trace, if there is one. Called at every push. */
export type TraceSource = () => TraceContext | undefined

/**
 * The metadata with the trace beside it, unless it carries one of its own. A source that throws, or gives what is no
 * trace, is left out: tracing never fails a push.
 */
export function withTrace(metadata: Metadata | null, source: TraceSource): Metadata | null {
  if (metadata !== null && Object.hasOwn(metadata, 'traceparent')) return metadata
  try {
    const { traceparent, tracestate } = source() ?? {}
    if (typeof traceparent !== 'string') return metadata
    const given =
      typeof tracestate === 'string' && PRINTABLE.test(tracestate) ? { traceparent, tracestate } : { traceparent }
    const trace = traceOf(given)
    return trace === undefined ? metadata : beside(metadata, trace)
  } catch {
    return metadata
  }
}

/** As much of the trace as there is room for. */
function beside(metadata: Metadata | null, { traceparent, ...state }: TraceContext): Metadata | null {
  for (const trace of [{ traceparent, ...state }, { traceparent }]) {
    const both: Metadata = { ...metadata, ...trace }
    if (Object.keys(both).length <= MAX_METADATA_ENTRIES) return both
  }
  return metadata
}

const PRINTABLE = /^[\x20-\x7e]+$/
