import { describe, expect, test } from 'vitest'
import { refusal } from '../refusal.ts'
import { graphOf, node, route } from './draft.ts'

describe('a graph', () => {
  test('knows both ends of every edge, and what it starts with', () => {
    const graph = graphOf([node('a'), node('b', ['a']), node('c', ['a']), node('d', ['b', 'c'])])
    expect([...graph.nodes.values()].map(({ name, to }) => [name, to])).toEqual([
      ['a', ['b', 'c']],
      ['b', ['d']],
      ['c', ['d']],
      ['d', []],
    ])
    expect(graph.entries).toEqual(['a'])
  })

  test('names the other end once, however many edges lead there', () => {
    const edges = [
      { node: 'r', when: 'x' },
      { node: 'r', when: 'y' },
    ]
    const graph = graphOf([route('r', ['x', 'y', 'z']), node('a', [], { from: edges, join: { kind: 'anyOf' } })])
    expect(graph.nodes.get('r')?.to).toEqual(['a'])
  })

  test('has its nodes after those that lead to them, in the order given where that is one', () => {
    expect([...graphOf([node('b'), node('a'), node('c', ['a'])]).nodes.keys()]).toEqual(['b', 'a', 'c'])
    const graph = graphOf([node('d', ['b', 'c']), node('c', ['a']), node('a'), node('b', ['a'])])
    expect([...graph.nodes.keys()]).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('refused is', () => {
  test('a workflow without nodes', () => {
    expect(refusal(() => graphOf([]))).toBe('ERR_OPTION Workflow "flow": it has no nodes. Add one before it is used.')
  })

  test('a second node of a name', () => {
    expect(refusal(() => graphOf([node('a'), node('a')]))).toContain('there are two nodes with the name "a"')
  })

  test('an alias that another node bears, in whichever order', () => {
    const renamed = node('b', [], { aliases: ['a'] })
    const message = 'ERR_OPTION Workflow "flow": "a" is a name of node "'
    expect(refusal(() => graphOf([node('a'), renamed]))).toContain(message)
    expect(refusal(() => graphOf([renamed, node('a')]))).toContain(message)
    expect(refusal(() => graphOf([renamed, node('c', [], { aliases: ['a'] })]))).toContain(message)
    expect(refusal(() => graphOf([node('a', [], { aliases: ['a'] })]))).toContain('node "a" has the name "a" twice')
  })

  test('an edge from a node that does not exist, with the nearest name', () => {
    expect(refusal(() => graphOf([node('charge'), node('b', ['chrage'])]))).toBe(
      'ERR_OPTION Workflow "flow": node "b": there is no node "chrage", did you mean "charge"?',
    )
    expect(refusal(() => graphOf([node('charge'), node('b', ['x'])]))).toContain('before it. Known: "charge".')
  })

  test('an edge from an earlier name', () => {
    expect(refusal(() => graphOf([node('new', [], { aliases: ['old'] }), node('b', ['old'])]))).toContain(
      'node "b": "old" is an earlier name of "new"; use the name it has now.',
    )
  })

  test('a cycle, named in the direction in which it runs', () => {
    const message = refusal(() =>
      graphOf([node('start'), node('a', ['start', 'c']), node('b', ['a']), node('c', ['b'])]),
    )
    expect(message).toContain('there is a cycle: "a" → "b" → "c" → "a".')
    expect(refusal(() => graphOf([node('a', ['a'])]))).toContain('node "a" depends on itself')
  })

  test('what only a cycle leads to', () => {
    const message = refusal(() => graphOf([node('d', ['b']), node('a', ['b']), node('b', ['a'])]))
    expect(message).toContain('So "d" cannot be reached either.')
  })

  test('a label that the route cannot give, or of what is no route', () => {
    const when = (label: string) => node('a', [], { from: [{ node: 'r', when: label }] })
    expect(refusal(() => graphOf([route('r', ['large', 'small']), when('lrage')]))).toBe(
      'ERR_OPTION Workflow "flow": node "a": route "r" cannot give "lrage", did you mean "large"?',
    )
    expect(refusal(() => graphOf([route('r', ['large', 'small']), when('other')]))).toContain(
      'Its labels: "large", "small".',
    )
    expect(refusal(() => graphOf([node('r'), when('large')]))).toContain('when("r", "large") needs a route')
    expect(graphOf([route('r', null), when('anything')]).nodes.size).toBe(2)
  })

  test('a node that can never be reached, for it waits for two labels of one route', () => {
    const edges = [
      { node: 'r', when: 'x' },
      { node: 'r', when: 'y' },
    ]
    const both = node('a', [], { from: edges, join: { kind: 'all' } })
    expect(refusal(() => graphOf([route('r', ['x', 'y']), both]))).toContain('node "a" can never be reached')
    expect(graphOf([route('r', ['x', 'y']), { ...both, join: { kind: 'anyOf' } }]).nodes.size).toBe(2)
  })

  test('nOf of more than can be done', () => {
    const of = (n: number) => node('c', ['a', 'b'], { join: { kind: 'nOf', n } })
    expect(graphOf([node('a'), node('b'), of(2)]).nodes.size).toBe(3)
    for (const n of [0, 3, 1.5, Number.NaN])
      expect(refusal(() => graphOf([node('a'), node('b'), of(n)]))).toContain(
        'node "c": nOf must be a whole number from 1 to 2',
      )
  })

  test('the same dependency twice', () => {
    expect(refusal(() => graphOf([node('a'), node('b', ['a', 'a'])]))).toContain('node "b" depends on "a" twice')
  })

  test('more nodes after one, or at the start, than one statement stores', () => {
    const many = (from: readonly string[]) => Array.from({ length: 1_001 }, (_, index) => node(`n${index}`, from))
    expect(refusal(() => graphOf([node('a'), ...many(['a'])]))).toContain('node "a" leads to 1001 nodes; at most 1000')
    expect(refusal(() => graphOf(many([])))).toContain('a run begins with 1001 nodes; at most 1000')
  })

  test('an output of a node that does not exist', () => {
    expect(refusal(() => graphOf([node('a')], { output: { kind: 'node', node: 'b' } }))).toContain(
      'output: there is no node "b"',
    )
    expect(refusal(() => graphOf([node('a')], { output: { kind: 'record', nodes: ['b'] } }))).toContain('no node "b"')
  })
})
