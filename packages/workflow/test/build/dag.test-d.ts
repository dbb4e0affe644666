import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { Workflow } from '../../src/build/chain.ts'
import { Dag, when } from '../../src/build/dag.ts'
import type { OutputOf, StartOf } from '../../src/build/definition.ts'
import { goto } from '../../src/build/goto.ts'
import type { StepContext } from '../../src/engine/context.ts'

const start = new Dag<{ id: number }>('dag')
const two = start.node('a', (input) => input.id).node('b', async (input) => String(input.id))

test('a node is given the outputs of those it depends on, by name', () => {
  const dag = two.node('c', ['a', 'b'], (given, ctx) => {
    expectTypeOf(given).toEqualTypeOf<{ readonly a: number; readonly b: string }>()
    expectTypeOf(ctx).toEqualTypeOf<StepContext>()
    return [given.b]
  })
  expectTypeOf<OutputOf<typeof dag>>().toEqualTypeOf<string[]>()
  expectTypeOf<StartOf<typeof dag>>().toEqualTypeOf<{ id: number }>()
  // @ts-expect-error -- no such node
  two.node('c', ['a', 'x'], () => 1)
  // @ts-expect-error -- it depends on a alone
  two.node('c', ['a'], ({ b }) => b)
})

test('a run gives the output of the only end, of all ends by name, or of the node that is named', () => {
  expectTypeOf<OutputOf<typeof two>>().toEqualTypeOf<{ readonly a: number; readonly b: string }>()
  const named = two.returns('b')
  expectTypeOf<OutputOf<typeof named>>().toEqualTypeOf<string>()
  // @ts-expect-error -- no such node
  two.returns('c')
})

test('under other rules than all an output may be absent', () => {
  two.node('c', ['a', 'b'], (given) => {
    expectTypeOf(given).toEqualTypeOf<{ readonly a: number; readonly b: string }>()
  })
  two.node(
    'c',
    ['a', 'b'],
    (given) => {
      expectTypeOf(given).toEqualTypeOf<{ readonly a?: number; readonly b?: string }>()
    },
    { join: 'allDone' },
  )
  two.node('c', ['a', 'b'], ({ a = 0 }) => a, {
    join: { nOf: 1 },
    compensate: (output) => {
      expectTypeOf(output).toEqualTypeOf<number>()
    },
    output: z.number(),
  })
  // @ts-expect-error -- no such rule
  two.node('c', ['a', 'b'], () => 1, { join: 'some' })
})

test('a dependency on a label has to be one that the route can give', () => {
  const routed = two.route('size', ['a'], ({ a }) => (a > 1 ? 'large' : 'small'))
  const dag = routed.node('review', ['b', when('size', 'large')], (given) => {
    expectTypeOf(given).toEqualTypeOf<{ readonly b: string; readonly size: 'large' | 'small' }>()
    return 1
  })
  // Only a run that chose it has an output.
  expectTypeOf<OutputOf<typeof dag>>().toEqualTypeOf<number | undefined>()
  const joined = dag.node('end', ['review', 'b'], () => 'end', { join: 'allDone' })
  expectTypeOf<OutputOf<typeof joined>>().toEqualTypeOf<string>()
  const ends = dag.node('other', ['b'], () => 'other')
  expectTypeOf<OutputOf<typeof ends>>().toEqualTypeOf<{ readonly other: string; readonly review?: number }>()
  // @ts-expect-error -- no such label
  routed.node('review', [when('size', 'huge')], () => 1)
  // @ts-expect-error -- no route
  routed.node('review', [when('a', 'large')], () => 1)
  routed.route('again', (input) => (input.id > 1 ? 'yes' : 'no'), { labels: ['yes', 'no'] })
  // @ts-expect-error -- a label that is not given
  routed.route('again', (input) => (input.id > 1 ? 'yes' : 'no'), { labels: ['yes', 'maybe'] })
})

test('a node that may fail without the run may have no output', () => {
  const dag = start.node('a', () => 1, { onFailure: 'continue' })
  expectTypeOf<OutputOf<typeof dag>>().toEqualTypeOf<number | undefined>()
})

test('goto is unwrapped, and its end adds to what runs give', () => {
  const dag = start.node('a', (input) => (input.id > 1 ? goto.end('early' as const) : goto.next(input.id)))
  expectTypeOf<OutputOf<typeof dag>>().toEqualTypeOf<number | 'early'>()
})

test('a dag can be the child of a chain', () => {
  const parent = new Workflow<{ id: number }>('parent').child('child', two)
  expectTypeOf(parent).toEqualTypeOf<Workflow<{ id: number }, { readonly a: number; readonly b: string }>>()
})
