import { expect, test } from 'vitest'
import { MemoryStorage } from '../../src/memory/index.ts'
import type { TraceContext } from '../../src/task/trace-context.ts'
import { failure } from '../failure.ts'

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const metadataOf = (trace: () => unknown, own?: Record<string, string>): unknown =>
  new MemoryStorage<number>({ trace: trace as () => TraceContext }).encode(
    1,
    own === undefined ? undefined : { metadata: own },
  ).metadata

test('a push carries the trace of its caller beside its own metadata', () => {
  expect(metadataOf(() => ({ traceparent: TRACE, tracestate: 'a=1' }), { tenant: 'x' })).toEqual({
    tenant: 'x',
    traceparent: TRACE,
    tracestate: 'a=1',
  })
  expect(metadataOf(() => ({ traceparent: TRACE }))).toEqual({ traceparent: TRACE })
  const own = { traceparent: TRACE.replace('4bf', '5bf') }
  expect(metadataOf(() => ({ traceparent: TRACE, tracestate: 'a=1' }), own)).toEqual(own)
})

test.each<[string, () => unknown]>([
  ['nothing', () => undefined],
  ['null', () => null],
  ['no shape', () => ({ traceparent: 'x' })],
  ['zeros', () => ({ traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` })],
  ['a number', () => ({ traceparent: 5 })],
  [
    'an error',
    () => {
      throw new Error('no tracer')
    },
  ],
])('a trace that is %s is left out and fails nothing', (_name, trace) => {
  expect(metadataOf(trace)).toBeNull()
  expect(metadataOf(trace, { tenant: 'x' })).toEqual({ tenant: 'x' })
})

test.each([['x'.repeat(513)], ['a\0b'], [''], [5]])('a bad tracestate is left out, the trace stays', (tracestate) => {
  expect(metadataOf(() => ({ traceparent: TRACE, tracestate }))).toEqual({ traceparent: TRACE })
})

test('trace must be a function', () => {
  failure('ERR_OPTION', () => new MemoryStorage({ trace: TRACE as never }))
})

test('a push with as many metadata as there may be carries as much of the trace as there is room for', () => {
  const full = (entries: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: entries }, (_, n) => [`k${n}`, 'x']))
  const trace = (): unknown => ({ traceparent: TRACE, tracestate: 'a=1' })
  expect(metadataOf(trace, full(62))).toMatchObject({ traceparent: TRACE, tracestate: 'a=1' })
  expect(metadataOf(trace, full(63))).toEqual({ ...full(63), traceparent: TRACE })
  expect(metadataOf(trace, full(64))).toEqual(full(64))
})
