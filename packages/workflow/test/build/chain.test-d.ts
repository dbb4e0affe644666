import { exponential } from '@q/core'
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { again } from '../../src/build/again.ts'
import type { Step } from '../../src/build/branch.ts'
import { Workflow } from '../../src/build/chain.ts'
import type { OutputOf, StartOf } from '../../src/build/definition.ts'
import { goto } from '../../src/build/goto.ts'
import { all, any, signal, timer } from '../../src/build/wait.ts'
import type { Collection } from '../../src/engine/collection.ts'
import type { StepContext } from '../../src/engine/context.ts'

interface Order {
  readonly id: string
  readonly total: number
}
const orders = new Workflow<Order>('orders')

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

test('the program of the design has the type of what it computes', () => {
  const odd = new Workflow<number>('odd-numbers-workflow')
    .andThen('range', async (n) => range(0, n))
    .filterMap('not-2', async (x) => (x % 2 !== 0 ? x : undefined))
    .filterMap('not-3', async (x) => (x % 3 !== 0 ? x : undefined))
    .filterMap('not-5', async (x) => (x % 5 !== 0 ? x : undefined))
    .delayFor('1s')
    .andThen('sum', async (xs) => sum(xs))
  expectTypeOf(odd).toEqualTypeOf<Workflow<number, number>>()
  expectTypeOf<StartOf<typeof odd>>().toEqualTypeOf<number>()
  expectTypeOf<OutputOf<typeof odd>>().toEqualTypeOf<number>()
})

test('a step is given what the one before it returned', () => {
  const workflow = orders
    .andThen('first', (order, ctx) => {
      expectTypeOf(order).toEqualTypeOf<Order>()
      expectTypeOf(ctx).toEqualTypeOf<StepContext>()
      expectTypeOf(ctx.run.id).toEqualTypeOf<string>()
      return order.total > 0 ? 'some' : undefined
    })
    .andThen('second', async (text) => {
      expectTypeOf(text).toEqualTypeOf<string | undefined>()
      return [1, 2]
    })
  expectTypeOf(workflow).toEqualTypeOf<Workflow<Order, number[]>>()
  // @ts-expect-error -- a workflow gives no step of its own
  workflow.andThen()
  // @ts-expect-error -- no such option
  workflow.andThen('third', () => 1, { retrys: {} })
})

test('goto adds to what a run ends with, and is unwrapped for the next step', () => {
  const workflow = orders
    .andThen('check', async (order) => {
      if (order.total === 0) return goto.end('free' as const)
      if (order.total < 0) return goto.fail(new Error('negative'))
      if (order.total > 100) return goto.delay(order.total, '5m')
      return order.total > 50 ? goto.next(order.total) : order.total
    })
    .andThen('charge', (total) => {
      expectTypeOf(total).toEqualTypeOf<number>()
      return { charged: total }
    })
  expectTypeOf<OutputOf<typeof workflow>>().toEqualTypeOf<{ charged: number } | 'free'>()
})

test('a map goes over whatever the step before it yields', () => {
  orders
    .andThen('pages', async function* () {
      yield 'a'
    })
    .map('length', (text, ctx) => {
      expectTypeOf(text).toEqualTypeOf<string>()
      expectTypeOf(ctx.index).toEqualTypeOf<number>()
      return text.length
    })
    .map('half', async (n) => n / 2, {
      concurrency: 5,
      isolate: 'slice',
      sliceSize: 10,
      tolerate: '5%',
      rate: { limit: 10, per: '1s' },
      retry: { retries: 3, backoff: exponential() },
    })
    .andThen('all', (halves) => {
      expectTypeOf(halves).toEqualTypeOf<readonly number[]>()
    })
  new Workflow<Set<Date>>('set').map('times', (date) => {
    expectTypeOf(date).toEqualTypeOf<Date>()
  })
  // @ts-expect-error -- an order is no collection
  orders.map('each', (x) => x)
  // @ts-expect-error -- a string is no collection of characters
  new Workflow<string>('text').filterMap('each', (x) => x)
  // @ts-expect-error -- what is done for each element cannot be undone as a whole
  new Workflow<string[]>('texts').map('each', (x) => x, { compensate: () => undefined })
  // @ts-expect-error -- a share needs its sign
  new Workflow<string[]>('texts').map('each', (x) => x, { tolerate: '5' })
})

test('what streams between two steps comes as an array', () => {
  orders
    .andThen('stream', function* () {
      yield 1
    })
    .andThen('array', (numbers) => {
      expectTypeOf(numbers).toEqualTypeOf<readonly number[]>()
    })
})

test('filterMap leaves out what is nothing', () => {
  new Workflow<(string | null)[]>('texts')
    .filterMap('some', (text) => text)
    .andThen('rest', (texts) => {
      expectTypeOf(texts).toEqualTypeOf<readonly string[]>()
    })
})

test('a fold has the type of its state, a collect that of what it returns', () => {
  const folded = new Workflow<number[]>('numbers').fold('sum', 0, (total, n) => total + n)
  expectTypeOf(folded).toEqualTypeOf<Workflow<number[], number>>()
  const made = new Workflow<number[]>('numbers').fold(
    'even',
    (): number[] => [],
    async (evens, n) => (n % 2 === 0 ? [...evens, n] : evens),
  )
  expectTypeOf(made).toEqualTypeOf<Workflow<number[], number[]>>()
  const collected = new Workflow<number[]>('numbers').collect('count', async (numbers) => {
    expectTypeOf(numbers).toEqualTypeOf<Collection<number>>()
    return String(numbers.count)
  })
  expectTypeOf(collected).toEqualTypeOf<Workflow<number[], string>>()
})

test('a delay passes on what it is given, and can be computed of it', () => {
  const delayed = orders.delayFor('1d').delayWith((order) => order.total)
  expectTypeOf(delayed).toEqualTypeOf<Workflow<Order, Order>>()
  // @ts-expect-error -- no duration
  orders.delayFor('soon')
})

test('a loop goes round with a state of its own type and gives what it ends with', () => {
  const looped = new Workflow<{ n: number }>('loop').repeatUntil(
    'count',
    async (state) => (state.n < 10 ? again({ n: state.n + 1 }, { after: '1s' }) : `at ${state.n}`),
    { max: 20, every: '5s' },
  )
  expectTypeOf(looped).toEqualTypeOf<Workflow<{ n: number }, string>>()
  // @ts-expect-error -- the state would change its type
  new Workflow<number>('loop').repeatUntil('count', async (n) => (n > 1 ? again('x') : n))
})

test('a switch has a branch for each label, and gives what any of them gives', () => {
  const switched = orders.switch('size', (order) => (order.total > 100 ? 'large' : 'small'), {
    large: (branch) => branch.andThen('review', (order) => ({ reviewed: order.id })),
    small: (branch) => branch.andThen('accept', (order) => (order.total === 0 ? goto.end(null) : order.total)),
  })
  expectTypeOf(switched).toEqualTypeOf<Workflow<Order, { reviewed: string } | number, null>>()
  const empty = orders.switch('size', async (order) => (order.total > 100 ? 'large' : 'small'), {
    large: (branch) => branch,
    small: (branch) => (branch.delayFor('1s').map === undefined ? branch : branch),
  })
  expectTypeOf(empty).toEqualTypeOf<Workflow<Order, Order>>()
  // @ts-expect-error -- a label without a branch
  orders.switch('size', (order) => (order.total > 100 ? 'large' : 'small'), { large: (branch) => branch })
  // @ts-expect-error -- a branch without a label
  orders.switch('size', (): 'large' => 'large', { large: (branch) => branch, small: (branch) => branch })
})

test('when gives what the branch gives, or what it was given', () => {
  const maybe = orders.when(
    'large',
    (order) => order.total > 100,
    (branch) => branch.andThen('review', () => 'reviewed' as const),
  )
  expectTypeOf(maybe).toEqualTypeOf<Workflow<Order, Order | 'reviewed'>>()
})

test('a child takes what the node before gives, or what is made of it', () => {
  const child = new Workflow<number>('child').andThen('text', (n) => String(n))
  expectTypeOf(new Workflow<number>('parent').child('child', child)).toEqualTypeOf<Workflow<number, string>>()
  expectTypeOf(new Workflow<number>('parent').child('child', () => child)).toEqualTypeOf<Workflow<number, string>>()
  const mapped = orders.child('child', child, { input: (order) => order.total, compensate: (text) => text.length })
  expectTypeOf(mapped).toEqualTypeOf<Workflow<Order, string>>()
  // @ts-expect-error -- an order is no number
  orders.child('child', child)
  // @ts-expect-error -- a text is no number
  orders.child('child', child, { input: (order) => order.id })
})

test('a wait gives what it waited for, told apart by name', () => {
  const waited = orders.waitFor(
    'answer',
    any({ answer: signal('answer', z.object({ ok: z.boolean() })), late: timer('3d'), paid: signal<number>('paid') }),
  )
  waited.andThen('go on', (it) => {
    expectTypeOf(it.by).toEqualTypeOf<'answer' | 'late' | 'paid'>()
    if (it.by === 'answer') expectTypeOf(it.value).toEqualTypeOf<{ ok: boolean }>()
    if (it.by === 'late') expectTypeOf(it.value).toEqualTypeOf<undefined>()
  })
  orders
    .waitFor('both', (order) => all({ paid: signal<number>(`paid-${order.id}`), rest: timer('1h') }))
    .andThen('go on', (it) => {
      expectTypeOf(it).toEqualTypeOf<{ readonly paid: number; readonly rest: undefined }>()
    })
  expectTypeOf(orders.waitFor('one', signal<Date>('one'))).toEqualTypeOf<Workflow<Order, Date>>()
})

test('a transaction is of the type that the handler says', () => {
  const paid = orders.tx('pay', async (tx: { query(text: string): Promise<void> }, order) => {
    await tx.query('select 1')
    return order.total
  })
  expectTypeOf(paid).toEqualTypeOf<Workflow<Order, number>>()
})

test('schemas and compensation have the types of what goes in and what comes out', () => {
  orders.andThen('charge', async (order) => ({ charge: order.id }), {
    input: z.object({ id: z.string(), total: z.number() }),
    output: z.object({ charge: z.string() }),
    compensate: async (output, ctx) => {
      expectTypeOf(output).toEqualTypeOf<{ charge: string }>()
      expectTypeOf(ctx).toEqualTypeOf<StepContext>()
    },
    migrate: (input) => ({ id: String(input), total: 0 }),
    aliases: ['pay'],
  })
  // @ts-expect-error -- a schema of another input
  orders.andThen('charge', () => 1, { input: z.object({ name: z.string() }) })
  // @ts-expect-error -- a schema of another output
  orders.andThen('charge', () => 1, { output: z.string() })
  // @ts-expect-error -- an input of another type
  orders.andThen('charge', () => 1, { migrate: () => 'x' })
})

test('a step of your own takes a chain from one type to another', () => {
  const audited: Step<Order, string> = { addTo: (chain) => chain.andThen('audit', (order) => order.id) }
  expectTypeOf(orders.step(audited)).toEqualTypeOf<Workflow<Order, string>>()
  // @ts-expect-error -- for orders, not for numbers
  new Workflow<number>('numbers').step(audited)
})
