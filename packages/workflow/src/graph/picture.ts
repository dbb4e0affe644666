/**
 * Graphs as others draw and read them: Mermaid, Graphviz, JSON.
 *
 * The same graph gives the same text, in the order of its nodes, so that pictures can be kept under version control.
 */
import type { Graph, GraphNode, GraphOutput, JoinRule } from './graph.ts'

/** A graph in JSON, for people and tools; nothing of its functions. */
export interface GraphJson {
  readonly name: string
  readonly version: string | null
  readonly hash: string
  readonly deadlineMs: number | null
  readonly entries: readonly string[]
  readonly output: GraphOutput
  readonly nodes: readonly NodeJson[]
}

/** A node in JSON. */
export interface NodeJson {
  readonly name: string
  readonly aliases: readonly string[]
  readonly kind: GraphNode['work']['kind']
  readonly from: readonly { readonly node: string; readonly when: string | null }[]
  readonly to: readonly string[]
  readonly join: JoinRule
  /** Milliseconds; `computed` when a function says how long; `null` when it starts at once. */
  readonly delay: number | 'computed' | null
  /** Of a route, where they are said. */
  readonly labels: readonly string[] | null
  readonly onFailure: 'fail' | 'continue'
  readonly compensated: boolean
}

/** The graph as a value that is faithfully JSON. */
export function toJSON(graph: Graph): GraphJson {
  const { name, version, hash, deadlineMs, entries, output } = graph
  return { name, version, hash, deadlineMs, entries, output, nodes: [...graph.nodes.values()].map(nodeJson) }
}

function nodeJson({ name, aliases, work, from, to, join, delay, options }: GraphNode): NodeJson {
  return {
    name,
    aliases,
    kind: work.kind,
    from: from.map(({ node, when }) => ({ node, when: when ?? null })),
    to,
    join,
    delay: delay === null ? null : 'ms' in delay ? delay.ms : 'computed',
    labels: work.kind === 'route' ? work.labels : null,
    onFailure: options.onFailure ?? 'fail',
    compensated: options.compensate !== undefined,
  }
}

/** The graph as a Mermaid flowchart, which GitHub and many editors draw. */
export function toMermaid(graph: Graph): string {
  const ids = idsOf(graph)
  const lines = [...graph.nodes.values()].flatMap((node) => {
    const id = ids.get(node.name)!
    const [open, close] = MERMAID_SHAPES[node.work.kind]
    const arrows = node.from.map(
      (edge) => `  ${ids.get(edge.node)!} -->${edge.when === undefined ? '' : `|"${mermaidText(edge.when)}"|`} ${id}`,
    )
    const undo =
      node.options.compensate === undefined
        ? []
        : [`  ${id} -.->|"undo"| ${id}u(["${mermaidText(`undo ${node.name}`)}"])`]
    return [`  ${id}${open}"${captionOf(node).map(mermaidText).join('<br>')}"${close}`, ...arrows, ...undo]
  })
  return ['flowchart TD', ...lines, ''].join('\n')
}

/** The graph in the language of Graphviz. */
export function toDot(graph: Graph): string {
  const ids = idsOf(graph)
  const lines = [...graph.nodes.values()].flatMap((node) => {
    const id = ids.get(node.name)!
    const arrows = node.from.map(
      (edge) =>
        `  ${ids.get(edge.node)!} -> ${id}${edge.when === undefined ? '' : ` [label=${dotText([edge.when])}]`};`,
    )
    const undo =
      node.options.compensate === undefined
        ? []
        : [
            `  ${id}u [label=${dotText([`undo ${node.name}`])}, style=dashed];`,
            `  ${id} -> ${id}u [label="undo", style=dashed];`,
          ]
    return [`  ${id} [label=${dotText(captionOf(node))}, shape=${DOT_SHAPES[node.work.kind]}];`, ...arrows, ...undo]
  })
  return [`digraph ${dotText([graph.name])} {`, ...lines, '}', ''].join('\n')
}

const MERMAID_SHAPES: Readonly<Record<GraphNode['work']['kind'], readonly [string, string]>> = {
  step: ['[', ']'],
  tx: ['[(', ')]'],
  map: ['[[', ']]'],
  fold: ['[[', ']]'],
  collect: ['[[', ']]'],
  repeat: ['[[', ']]'],
  child: ['[[', ']]'],
  route: ['{', '}'],
  wait: ['([', '])'],
}

const DOT_SHAPES: Readonly<Record<GraphNode['work']['kind'], string>> = {
  step: 'box',
  tx: 'cylinder',
  map: 'box3d',
  fold: 'box3d',
  collect: 'box3d',
  repeat: 'box3d',
  child: 'folder',
  route: 'diamond',
  wait: 'oval',
}

/** Names as they are would have to be escaped in each language; numbers need not be. */
function idsOf(graph: Graph): ReadonlyMap<string, string> {
  return new Map([...graph.nodes.keys()].map((name, index) => [name, `n${index}`]))
}

/** The lines inside a node. */
function captionOf({ name, work, from, join, delay, options }: GraphNode): readonly string[] {
  return [
    name,
    ...(work.kind === 'step' || work.kind === 'route'
      ? []
      : [work.kind === 'map' && work.filter ? 'filterMap' : work.kind]),
    ...(from.length > 1 && join.kind !== 'one' ? [join.kind === 'nOf' ? `nOf ${join.n}` : join.kind] : []),
    ...(delay === null ? [] : ['ms' in delay ? `after ${delay.ms} ms` : 'after a computed time']),
    ...(options.onFailure === 'continue' ? ['may fail'] : []),
  ]
}

/** Everything that Mermaid or the HTML around it could take for its own, as a character code. */
function mermaidText(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} .,:;!?/()=+*@'$%_-]/gu, (char) => `#${char.codePointAt(0)!};`)
}

function dotText(lines: readonly string[]): string {
  return `"${lines.map((line) => line.replaceAll(/["\\]/g, (char) => `\\${char}`)).join('\\n')}"`
}
