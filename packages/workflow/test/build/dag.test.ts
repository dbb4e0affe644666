import { describe, expect, test } from 'vitest'
import { Dag, when } from '../../src/build/dag.ts'
import { toMermaid } from '../../src/graph/picture.ts'
import { refusal } from '../refusal.ts'

const start = new Dag<number>('dag')
const two = start.node('a', (n) => n).node('b', (n) => n)

describe('a dag', () => {
  test('is its nodes and what they depend on, however many', () => {
    const names = Array.from({ length: 30 }, (_, index) => `n${index}`)
    const many = names.reduce<Dag<number>>((dag, name) => dag.node(name, (n) => n) as Dag<number>, start)
    const { graph } = many.node('end', names as never, () => 1)
    expect(graph.entries).toEqual(names)
    expect(graph.nodes.get('end')).toMatchObject({
      from: names.map((node) => ({ node })),
      join: { kind: 'all' },
      input: 'record',
    })
  })

  test('is immutable', () => {
    two.node('c', ['a'], () => 1)
    expect([...two.graph.nodes.keys()]).toEqual(['a', 'b'])
  })

  test('gives its nodes without dependencies the input, the others a record', () => {
    const { graph } = two.node('c', ['a'], () => 1)
    expect([...graph.nodes.values()].map(({ input, join }) => [input, join.kind])).toEqual([
      ['value', 'one'],
      ['value', 'one'],
      ['record', 'all'],
    ])
  })

  test('gives the output of its only end, of all its ends, or of the node that is named', () => {
    const joined = two.node('c', ['a', 'b'], () => 1)
    expect(joined.graph.output).toEqual({ kind: 'chain' })
    expect(joined.returns('c').graph.output).toEqual({ kind: 'chain' })
    expect(joined.returns('a').graph.output).toEqual({ kind: 'node', node: 'a' })
    expect(two.graph.output).toEqual({ kind: 'record', nodes: ['a', 'b'] })
    expect(two.returns('b').graph.output).toEqual({ kind: 'node', node: 'b' })
  })

  test('has every rule of joining', () => {
    const rules = (['all', 'allDone', 'noneFailed', 'anyOf', { nOf: 2 }] as const).map(
      (join) => two.node('c', ['a', 'b'], () => 1, { join }).graph.nodes.get('c')!.join,
    )
    expect(rules).toEqual([
      { kind: 'all' },
      { kind: 'allDone' },
      { kind: 'noneFailed' },
      { kind: 'anyOf' },
      { kind: 'nOf', n: 2 },
    ])
  })

  test('depends on labels of routes', () => {
    const { graph } = two
      .route('size', ['a'], ({ a }) => (a > 1 ? 'large' : 'small'), { labels: ['large', 'small'] })
      .node('review', ['b', when('size', 'large')], () => 1, { onFailure: 'continue' })
    expect(graph.nodes.get('size')?.work).toMatchObject({ kind: 'route', gives: 'label', labels: ['large', 'small'] })
    expect(graph.nodes.get('review')).toMatchObject({
      from: [{ node: 'b' }, { node: 'size', when: 'large' }],
      options: { onFailure: 'continue' },
    })
    expect(toMermaid(graph)).toContain('n2 -->|"large"| n3')
  })
})

describe('refused is', () => {
  test('a dag without nodes', () => {
    expect(refusal(() => start.graph)).toContain('it has no nodes')
  })

  test('a dependency that does not exist yet, with the nearest name', () => {
    const named = start.node('charge', (n) => n)
    expect(refusal(() => named.node('mail', ['chareg' as never], () => 1))).toBe(
      'ERR_OPTION Workflow "dag": node "mail": there is no node "chareg", did you mean "charge"?',
    )
    expect(refusal(() => start.node('mail', ['charge'] as never, () => 1))).toContain('before it. Known: none.')
    expect(refusal(() => named.returns('chrage' as never))).toContain(
      'returns: there is no node "chrage", did you mean "charge"?',
    )
  })

  test('a cycle: a node can only depend on nodes before it', () => {
    expect(refusal(() => start.node('a', ['a'] as never, () => 1))).toContain('node "a" depends on itself')
    expect(refusal(() => start.node('a', ['b'] as never, () => 1).node('b', ['a'] as never, () => 1))).toContain(
      'node "a": there is no node "b" before it',
    )
    const renamed = start.node('new', (n) => n, { aliases: ['old'] })
    expect(refusal(() => renamed.node('b', ['old'] as never, () => 1))).toContain('"old" is an earlier name of "new"')
  })

  test('a label that the route cannot give, and a label of what is no route', () => {
    const routed = two.route('size', (n) => (n > 1 ? 'large' : 'small'), { labels: ['large', 'small'] })
    expect(refusal(() => routed.node('c', [when('size', 'lage')] as never, () => 1))).toBe(
      'ERR_OPTION Workflow "dag": node "c": route "size" cannot give "lage", did you mean "large"?',
    )
    expect(refusal(() => two.node('c', [when('a', 'x')] as never, () => 1))).toContain('needs a route, and "a" is none')
    expect(refusal(() => two.route('size', () => 'x', { labels: [] }))).toContain('labels must be a list of one label')
    expect(refusal(() => two.route('size', () => 'x', { labels: [''] as never }))).toContain('a label must be')
  })

  test('a node that can never be reached', () => {
    const routed = two.route('size', (n) => (n > 1 ? 'large' : 'small'))
    const both = [when('size', 'large'), when('size', 'small')] as const
    expect(refusal(() => routed.node('c', both, () => 1))).toContain('node "c" can never be reached')
    expect(routed.node('c', both, () => 1, { join: 'anyOf' }).graph.nodes.size).toBe(4)
  })

  test('a rule that is none', () => {
    expect(refusal(() => two.node('c', ['a', 'b'], () => 1, { join: 'allDoen' as never }))).toContain(
      'join must be "all", "allDone", "noneFailed", "anyOf" or { nOf: 2 }, did you mean "allDone"?',
    )
    expect(refusal(() => two.node('c', ['a', 'b'], () => 1, { join: { nOf: 3 } }))).toContain(
      'nOf must be a whole number from 1 to 2',
    )
    expect(refusal(() => start.node('a', (n) => n, { join: 'all' } as never))).toContain(
      'join is for nodes that depend on others',
    )
    expect(refusal(() => two.node('c', ['a'], () => 1, { onFailure: 'ignore' as never }))).toContain(
      'onFailure must be "fail" or "continue"',
    )
  })

  test('what is no dependency, and what is no handler', () => {
    expect(refusal(() => two.node('c', [5] as never, () => 1))).toContain(
      'a dependency is the name of a node, or when(',
    )
    expect(refusal(() => two.node('c', ['a'], undefined as never))).toContain(
      'what it runs must be a function, got undefined',
    )
    expect(refusal(() => two.node('c', ['a', 'a'], () => 1))).toContain('depends on "a" twice')
  })
})
