import { expect, test } from 'vitest'
import { toDot, toJSON, toMermaid } from '../../src/graph/picture.ts'
import { graphOf, node, route } from './draft.ts'

const graph = graphOf(
  [
    node('load "it"', [], { options: { compensate: () => 1 } }),
    route('size', ['large', 'a|b'], ['load "it"']),
    node('review', [], { from: [{ node: 'size', when: 'large' }], delay: { ms: 500 } }),
    node('accept\\', [], { from: [{ node: 'size', when: 'a|b' }], options: { onFailure: 'continue' } }),
    node('end', ['review', 'accept\\'], { join: { kind: 'nOf', n: 1 } }),
  ],
  { version: '2', deadlineMs: 60_000 },
)

test('Mermaid has every node, every edge with its label, rules and what is undone', () => {
  expect(toMermaid(graph)).toMatchInlineSnapshot(`
    "flowchart TD
      n0["load #34;it#34;"]
      n0 -.->|"undo"| n0u(["undo load #34;it#34;"])
      n1{"size"}
      n0 --> n1
      n2["review<br>after 500 ms"]
      n1 -->|"large"| n2
      n3["accept#92;<br>may fail"]
      n1 -->|"a#124;b"| n3
      n4["end<br>nOf 1"]
      n2 --> n4
      n3 --> n4
    "
  `)
})

test('Graphviz has the same', () => {
  expect(toDot(graph)).toMatchInlineSnapshot(`
    "digraph "flow" {
      n0 [label="load \\"it\\"", shape=box];
      n0u [label="undo load \\"it\\"", style=dashed];
      n0 -> n0u [label="undo", style=dashed];
      n1 [label="size", shape=diamond];
      n0 -> n1;
      n2 [label="review\\nafter 500 ms", shape=box];
      n1 -> n2 [label="large"];
      n3 [label="accept\\\\\\nmay fail", shape=box];
      n1 -> n3 [label="a|b"];
      n4 [label="end\\nnOf 1", shape=box];
      n2 -> n4;
      n3 -> n4;
    }
    "
  `)
})

test('JSON has the same as a value, in the order of the nodes', () => {
  const value = toJSON(graph)
  expect(JSON.parse(JSON.stringify(value))).toEqual(value)
  expect(value.nodes.map(({ name }) => name)).toEqual([...graph.nodes.keys()])
  expect(value).toMatchObject({
    name: 'flow',
    version: '2',
    hash: graph.hash,
    deadlineMs: 60_000,
    entries: ['load "it"'],
    output: { kind: 'chain' },
  })
  expect(value.nodes[2]).toEqual({
    name: 'review',
    aliases: [],
    kind: 'step',
    from: [{ node: 'size', when: 'large' }],
    to: ['end'],
    join: { kind: 'one' },
    delay: 500,
    labels: null,
    onFailure: 'fail',
    compensated: false,
  })
})

test('no name breaks out of its quotes', () => {
  const evil = '"]; click n0 "javascript:alert(1)" <script> `x` & #35; --> %%'
  const pictured = graphOf([node(evil)])
  const mermaid = toMermaid(pictured)
  expect(mermaid.split('\n')).toHaveLength(3)
  expect(mermaid.split('\n')[1]).toMatch(/^ {2}n0\["[^"<>`&]*"\]$/)
  expect(toDot(pictured).split('\n')[1]).toMatch(/^ {2}n0 \[label="(?:[^"\\]|\\.)*", shape=box\];$/)
})
