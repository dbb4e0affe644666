import { describe, expect, test } from 'vitest'
import type { Step } from '../../src/build/branch.ts'
import { Workflow } from '../../src/build/chain.ts'
import { spanOf } from '../../src/build/line.ts'
import { signal, timer } from '../../src/build/wait.ts'
import type { Graph, GraphNode } from '../../src/graph/graph.ts'
import { refusal } from '../refusal.ts'

const numbers = new Workflow<number>('numbers')

/** Every node with what leads to it: `from` or `from[label]`. */
function drawn(graph: Graph): Record<string, string[]> {
  return Object.fromEntries(
    [...graph.nodes.values()].map(({ name, from }) => [
      name,
      from.map(({ node, when }) => (when === undefined ? node : `${node}[${when}]`)),
    ]),
  )
}

function nodeOf(workflow: { readonly graph: Graph }, name: string): GraphNode {
  return workflow.graph.nodes.get(name)!
}

describe('a chain', () => {
  test('is one node after the other, each given what the one before returned', () => {
    const { graph } = numbers
      .andThen('a', (n) => [n])
      .map('b', (n) => n)
      .filterMap('c', (n) => n)
      .fold('d', 0, (total, n) => total + n)
      .tx('e', (_tx, n) => n)
      .repeatUntil('f', (n) => n, { max: 3, every: '1s' })
      .waitFor('g', timer('1h'))
    expect(drawn(graph)).toEqual({ a: [], b: ['a'], c: ['b'], d: ['c'], e: ['d'], f: ['e'], g: ['f'] })
    expect([...graph.nodes.values()].map(({ work }) => work.kind)).toEqual([
      'step',
      'map',
      'map',
      'fold',
      'tx',
      'repeat',
      'wait',
    ])
    for (const node of graph.nodes.values()) expect(node).toMatchObject({ join: { kind: 'one' }, input: 'value' })
    expect(graph).toMatchObject({ name: 'numbers', entries: ['a'], output: { kind: 'chain' } })
  })

  test('is immutable: two that begin alike do not know of each other', () => {
    const a = numbers.andThen('a', (n) => n)
    const b = a.andThen('b', (n) => n)
    const c = a.andThen('c', (n) => n)
    expect([drawn(a.graph), drawn(b.graph), drawn(c.graph)]).toEqual([
      { a: [] },
      { a: [], b: ['a'] },
      { a: [], c: ['a'] },
    ])
  })

  test('is compiled once', () => {
    const workflow = numbers.andThen('a', (n) => n)
    expect(workflow.graph).toBe(workflow.graph)
  })

  test('takes its version and deadline along', () => {
    const workflow = new Workflow<number>('n', { version: '3', deadline: '1h' }).andThen('a', (n) => n)
    expect(workflow.graph).toMatchObject({ version: '3', deadlineMs: 3_600_000 })
  })

  test('runs handlers as they are given', async () => {
    const run = (n: number) => n + 1
    expect(nodeOf(numbers.andThen('a', run), 'a').work).toMatchObject({ kind: 'step', run })
  })
})

describe('a delay', () => {
  test('is one of the node that follows, and has no node of its own', () => {
    const workflow = numbers.delayFor('1s').andThen('a', (n) => n)
    expect(drawn(workflow.graph)).toEqual({ a: [] })
    expect(nodeOf(workflow, 'a').delay).toEqual({ ms: 1_000 })
  })

  test('is added to another one', () => {
    const spans = numbers
      .delayFor('1s')
      .delayFor('2s')
      .andThen('a', (n) => n)
    expect(nodeOf(spans, 'a').delay).toEqual({ ms: 3_000 })
    const computed = numbers
      .delayFor('1s')
      .delayWith((n) => `${n}s`)
      .andThen('a', (n) => n)
    expect(spanOf(nodeOf(computed, 'a').delay!, 5)).toBe(6_000)
  })

  test('at the end delays the end, with a node that passes its input on', () => {
    const workflow = numbers.andThen('a', (n) => n).delayFor('1s')
    expect(drawn(workflow.graph)).toEqual({ a: [], '~after:a': ['a'] })
    const { work, delay } = nodeOf(workflow, '~after:a')
    expect(delay).toEqual({ ms: 1_000 })
    expect(work.kind === 'step' && work.run(7, undefined as never)).toBe(7)
    expect(drawn(numbers.delayFor('1s').graph)).toEqual({ '~after:start': [] })
  })

  test('that is computed of what a map gives has it collected before', () => {
    const workflow = new Workflow<number[]>('n')
      .map('m', (n) => n)
      .delayWith((all) => all.length)
      .andThen('a', (n) => n)
    expect(drawn(workflow.graph)).toEqual({ m: [], '~all:m': ['m'], a: ['~all:m'] })
    expect([nodeOf(workflow, '~all:m').delay, spanOf(nodeOf(workflow, 'a').delay!, [1, 2])]).toEqual([null, 2])
  })

  test('says where a span is wrong', () => {
    expect(refusal(() => numbers.delayFor('soon' as never))).toContain(
      'ERR_DURATION Workflow "numbers": delayFor must be',
    )
    const workflow = numbers.delayWith(() => -1).andThen('a', (n) => n)
    expect(refusal(() => spanOf(nodeOf(workflow, 'a').delay!, 1))).toContain('ERR_DURATION delayWith must be')
  })
})

describe('a switch', () => {
  const chosen = numbers.switch('size', (n) => (n > 9 ? 'large' : 'small'), {
    large: (branch) => branch.andThen('a', (n) => n).andThen('b', (n) => n),
    small: (branch) => branch.andThen('c', (n) => n),
  })

  test('leads to one branch for each label, and all branches to what follows', () => {
    const { graph } = chosen.andThen('d', (n) => n)
    expect(drawn(graph)).toEqual({ size: [], a: ['size[large]'], b: ['a'], c: ['size[small]'], d: ['b', 'c'] })
    expect(graph.nodes.get('size')).toMatchObject({
      to: ['a', 'c'],
      work: { kind: 'route', gives: 'input', labels: ['large', 'small'] },
    })
    expect(graph.nodes.get('d')).toMatchObject({ join: { kind: 'one' }, input: 'value' })
  })

  test('at the end has as many ends as branches', () => {
    expect(drawn(chosen.graph)).toEqual({ size: [], a: ['size[large]'], b: ['a'], c: ['size[small]'] })
  })

  test('ties an empty branch to what follows', () => {
    const when = numbers.when(
      'large?',
      (n) => n > 9,
      (branch) => branch.andThen('a', (n) => n),
    )
    expect(drawn(when.andThen('b', (n) => n).graph)).toEqual({
      'large?': [],
      a: ['large?[true]'],
      b: ['a', 'large?[false]'],
    })
    expect(drawn(when.graph)).toEqual({
      'large?': [],
      a: ['large?[true]'],
      '~after:large?': ['a', 'large?[false]'],
    })
  })

  test('chooses by what the predicate of a when says', async () => {
    const { work } = nodeOf(
      numbers.when(
        'large?',
        async (n) => n > 9,
        (branch) => branch,
      ),
      'large?',
    )
    const run = (n: number): unknown => (work.kind === 'route' ? work.run(n, undefined as never) : undefined)
    expect([await run(10), await run(1)]).toEqual(['true', 'false'])
  })

  test('keeps a delay at the end of a branch in that branch', () => {
    const workflow = numbers
      .switch('s', (n) => (n > 9 ? 'x' : 'y'), {
        x: (branch) => branch.delayFor('1s'),
        y: (branch) => branch.andThen('a', (n) => n).delayFor('2s'),
      })
      .andThen('b', (n) => n)
    expect(drawn(workflow.graph)).toEqual({
      s: [],
      '~after:s:x': ['s[x]'],
      a: ['s[y]'],
      '~after:a': ['a'],
      b: ['~after:s:x', '~after:a'],
    })
    expect([nodeOf(workflow, '~after:s:x').delay, nodeOf(workflow, 'b').delay]).toEqual([{ ms: 1_000 }, null])
  })

  test('delays the first node of a branch alone', () => {
    const workflow = numbers.switch('s', (n) => (n > 9 ? 'x' : 'y'), {
      x: (branch) => branch.delayFor('1s').andThen('a', (n) => n),
      y: (branch) => branch.andThen('b', (n) => n),
    })
    expect([nodeOf(workflow, 'a').delay, nodeOf(workflow, 'b').delay]).toEqual([{ ms: 1_000 }, null])
  })

  test('stands in a branch of another one', () => {
    const workflow = numbers.when(
      'outer',
      () => true,
      (branch) =>
        branch.when(
          'inner',
          () => true,
          (deep) => deep.andThen('a', (n) => n),
        ),
    )
    expect(drawn(workflow.andThen('b', (n) => n).graph)).toEqual({
      outer: [],
      inner: ['outer[true]'],
      a: ['inner[true]'],
      b: ['a', 'inner[false]', 'outer[false]'],
    })
  })

  test('refuses names that two branches give', () => {
    const twice = () =>
      numbers.switch('s', (n) => (n > 9 ? 'x' : 'y'), {
        x: (branch) => branch.andThen('a', (n) => n),
        y: (branch) => branch.andThen('a', (n) => n),
      })
    expect(refusal(twice)).toContain('there are two nodes with the name "a"')
  })

  test('refuses a branch that returns another chain, or nothing', () => {
    const other = numbers.andThen('x', (n) => n)
    const advice = 'branch "true" of node "w" must return the chain that it is given'
    expect(
      refusal(() =>
        numbers.when(
          'w',
          () => true,
          () => other,
        ),
      ),
    ).toContain(advice)
    expect(refusal(() => numbers.when('w', () => true, (() => undefined) as never))).toContain(advice)
    expect(refusal(() => numbers.when('w', () => true, 'x' as never))).toContain('branch "true": it must be a function')
    expect(refusal(() => numbers.switch('s', () => 'x', {} as { x: never }))).toContain('node "s" has no branches')
  })

  test('refuses to compile a branch by itself', () => {
    const early = () =>
      numbers.when(
        'w',
        () => true,
        (branch) => (branch.andThen('a', (n) => n).graph, branch),
      )
    expect(refusal(early)).toContain('this is a branch of it, which cannot be used by itself')
  })
})

describe('a step of your own', () => {
  const twice: Step<number, number> = {
    addTo: (chain) => chain.andThen('one', (n) => n).andThen('two', (n) => n),
  }

  test('adds nodes where it stands', () => {
    const { graph } = numbers
      .andThen('a', (n) => n)
      .step(twice)
      .andThen('b', (n) => n)
    expect(drawn(graph)).toEqual({ a: [], one: ['a'], two: ['one'], b: ['two'] })
  })

  test('is refused when it is none, or gives another chain', () => {
    expect(refusal(() => numbers.step({} as never))).toContain('step() takes an object with a method addTo(chain)')
    const other = numbers.andThen('a', (n) => n)
    expect(refusal(() => numbers.step({ addTo: () => other }))).toContain('must return the chain that it is given')
  })
})

describe('a child', () => {
  const child = numbers.andThen('a', (n) => n)

  test('is found when it is needed, so that a workflow may call itself', () => {
    const tree: Workflow<number> = numbers.child('again', (): Workflow<number> => tree)
    const { work } = nodeOf(tree, 'again')
    expect(work.kind === 'child' && work.of()).toBe(tree)
    expect(work.kind === 'child' && work.input(3)).toBe(3)
  })

  test('is given what is made of the input', () => {
    const { work } = nodeOf(numbers.child('c', child, { input: (n) => n + 1 }), 'c')
    expect(work.kind === 'child' && [work.of(), work.input(3)]).toEqual([child, 4])
  })

  test('is refused when it is no workflow', () => {
    expect(refusal(() => numbers.child('c', {} as never))).toContain('child() takes a workflow')
    const { work } = nodeOf(numbers.child('c', (() => 5) as never), 'c')
    expect(refusal(() => work.kind === 'child' && work.of())).toContain('returned no workflow')
  })
})

describe('a wait', () => {
  test('has a condition, or one made of the input', () => {
    const fixed = nodeOf(numbers.waitFor('w', signal('paid')), 'w').work
    expect(fixed.kind === 'wait' && fixed.for(1)).toMatchObject({ kind: 'signal', name: 'paid' })
    const made = nodeOf(
      numbers.waitFor('w', (n) => signal(`paid-${n}`)),
      'w',
    ).work
    expect(made.kind === 'wait' && made.for(1)).toMatchObject({ name: 'paid-1' })
  })

  test('is refused for what is no condition', () => {
    expect(refusal(() => numbers.waitFor('w', 'paid' as never))).toContain('waitFor() takes a condition')
    const { work } = nodeOf(
      numbers.waitFor('w', () => 'paid' as never),
      'w',
    )
    expect(refusal(() => work.kind === 'wait' && work.for(1))).toContain('waitFor() takes a condition')
  })
})

describe('a fold', () => {
  test('begins with a state of its own each time', () => {
    const { work } = nodeOf(
      new Workflow<number[]>('n').fold('f', [0], (state) => state),
      'f',
    )
    const initial = work.kind === 'fold' ? work.initial : undefined
    expect(initial!()).toEqual([0])
    expect(initial!()).not.toBe(initial!())
  })

  test('can have it made', () => {
    const { work } = nodeOf(
      new Workflow<number[]>('n').fold(
        'f',
        () => new Map(),
        (state) => state,
      ),
      'f',
    )
    expect(work.kind === 'fold' && work.initial()).toEqual(new Map())
  })
})

describe('refused is', () => {
  test('a workflow without steps', () => {
    expect(refusal(() => numbers.graph)).toBe(
      'ERR_OPTION Workflow "numbers": it has no nodes. Add one before it is used.',
    )
  })

  test.each<[string, unknown, string]>([
    ['nothing', '', 'the name of a node must be a text of 1 to 100 characters without control characters, got "".'],
    ['what is too long', 'x'.repeat(101), 'got 101 characters'],
    ['what is no text', 5, 'got number'],
    ['a character that no store takes', 'a\u0000', 'got "a\\u0000"'],
    ['a name of the engine', '$end', 'node "$end": names that start with "$" or "~" are the engine\'s own'],
  ])('%s as a name', (_name, name, message) => {
    expect(refusal(() => numbers.andThen(name as string, (n) => n))).toContain(message)
    expect(refusal(() => numbers.andThen('a', (n) => n, { aliases: [name as string] }))).toMatch(/^ERR_OPTION.*alias/)
  })

  test('a name that is taken, at the call that takes it again', () => {
    expect(refusal(() => numbers.andThen('a', (n) => n).tx('a', () => 1))).toContain(
      'there are two nodes with the name "a"',
    )
  })

  test('what is no handler', () => {
    expect(refusal(() => numbers.andThen('a', undefined as never))).toBe(
      'ERR_OPTION Workflow "numbers": node "a": what it runs must be a function, got undefined.',
    )
  })

  test('a workflow without a name, and options that it does not have', () => {
    expect(refusal(() => new Workflow(''))).toContain('Workflow: the name must be a text of 1 to 200 characters')
    expect(refusal(() => new Workflow('a', { versoin: '1' } as never))).toBe(
      'ERR_OPTION Workflow "a": unknown option "versoin", did you mean "version"?',
    )
    expect(refusal(() => new Workflow('a', { version: '' }))).toContain('version must be a text of 1 to 100 characters')
    expect(refusal(() => new Workflow('a', { deadline: 0 }))).toContain('ERR_DURATION Workflow "a": deadline must be')
  })
})
