import { expect, test } from 'vitest'
import type { GraphDraft, NodeDraft } from '../../src/graph/make.ts'
import { graphOf, node, route } from './draft.ts'

const nodes = [
  node('a'),
  route('r', ['x', 'y'], ['a']),
  node('b', [], { from: [{ node: 'r', when: 'x' }] }),
  node('c', ['a']),
  node('d', ['b', 'c'], { join: { kind: 'allDone' } }),
]
const hash = (changes: Record<string, Partial<NodeDraft>> = {}, more: Partial<GraphDraft> = {}): string =>
  graphOf(
    nodes.map((each) => ({ ...each, ...changes[each.name] })),
    more,
  ).hash
const usual = hash()

test('the hash of a graph is the same on every machine', () => {
  expect(usual).toMatchInlineSnapshot(`"g1-ee5fc486ad5c5e7a"`)
})

test.each<[string, string]>([
  ['other handlers', hash({ a: { work: { kind: 'step', run: async () => 'other' } } })],
  [
    'retries, limits of time and priorities',
    hash({ a: { options: { timeoutMs: 5, priority: 3, retry: { limit: 2, backoff: () => 1 }, migrate: () => 1 } } }),
  ],
  ['aliases', hash({ a: { aliases: ['old'] } })],
  ['the version and the deadline', hash({}, { version: '2', deadlineMs: 5 })],
  ['the order in which nodes are written down', graphOf(nodes.toReversed()).hash],
  ['the order of dependencies', hash({ d: { from: [{ node: 'c' }, { node: 'b' }] } })],
  ['the order of labels', hash({ r: { work: { kind: 'route', run: () => '', gives: 'label', labels: ['y', 'x'] } } })],
])('%s leave the hash as it is', (_name, other) => {
  expect(other).toBe(usual)
})

test.each<[string, string]>([
  ['the name of the workflow', hash({}, { name: 'other' })],
  ['the output', hash({}, { output: { kind: 'node', node: 'd' } })],
  ['another node', graphOf([...nodes, node('e', ['d'])]).hash],
  ['a renamed node', graphOf([...nodes.slice(0, 4), node('e', ['b', 'c'], { join: { kind: 'allDone' } })]).hash],
  ['another kind', hash({ a: { work: { kind: 'tx', run: () => 1 } } })],
  ['another edge', hash({ c: { from: [] } })],
  ['another label', hash({ b: { from: [{ node: 'r', when: 'y' }] } })],
  ['an edge without its label', hash({ b: { from: [{ node: 'r' }] } })],
  ['another rule', hash({ d: { join: { kind: 'anyOf' } } })],
  ['n of the rule', hash({ d: { join: { kind: 'nOf', n: 1 } } })],
  ['other labels', hash({ r: { work: { kind: 'route', run: () => '', gives: 'label', labels: ['x', 'y', 'z'] } } })],
  [
    'what a route hands on',
    hash({ r: { work: { kind: 'route', run: () => '', gives: 'input', labels: ['x', 'y'] } } }),
  ],
  ['a delay', hash({ d: { delay: { ms: 5 } } })],
  ['compensation', hash({ a: { options: { compensate: () => 1 } } })],
  ['a failure that the run survives', hash({ a: { options: { onFailure: 'continue' } } })],
])('%s changes the hash', (_name, other) => {
  expect(other).not.toBe(usual)
  expect(other).toMatch(/^g1-[\da-f]{16}$/)
})
