/** Random workflows, each with a model that says how a run of it must end. */
import { AbortError } from '@q/core'
import { again } from '../../src/build/again.ts'
import { Workflow } from '../../src/build/chain.ts'
import { Dag, when } from '../../src/build/dag.ts'
import type { Definition } from '../../src/build/definition.ts'
import { goto } from '../../src/build/goto.ts'
import { timer } from '../../src/build/wait.ts'

/** A workflow, and how it must end for an input. */
export interface Modelled {
  readonly flow: Definition<number, unknown>
  readonly input: number
  readonly ends: { readonly status: 'done'; readonly output: unknown } | { readonly status: 'failed' }
}

/** Numbers below `n`. */
export type Pick = (n: number) => number

/** A value as it is once it was stored. */
type Model = (value: unknown) => unknown

class Failed extends Error {}
class Ended {
  readonly output: unknown
  constructor(output: unknown) {
    this.output = output
  }
}

const boom = (): never => {
  throw new AbortError(new Error('as planned'))
}

// The types of a chain that is made up as one goes are of no use.
type Loose = Workflow<number, never>

/** A chain of up to seven nodes of all kinds. */
export function randomChain(pick: Pick, name = 'chain', deep = true): Modelled {
  const input = pick(20)
  let chain = new Workflow<number>(name) as unknown as Loose
  const models: Model[] = []
  let list = false
  const count = 1 + pick(7)
  for (let at = 0; at < count; at++) {
    const node = `${name}-n${at}`
    const add = (next: unknown, model: Model): void => {
      chain = next as Loose
      models.push(model)
    }
    const c = 1 + pick(9)
    const asNumber = chain as unknown as Workflow<number, number>
    const asList = chain as unknown as Workflow<number, readonly number[]>
    if (list) {
      switch (pick(4)) {
        case 0:
          add(
            asList.map(node, (x) => x + c),
            (xs) => (xs as number[]).map((x) => x + c),
          )
          continue
        case 1: {
          const options =
            pick(2) === 0 ? {} : ({ isolate: 'slice', sliceSize: 1 + pick(4), concurrency: 1 + pick(5) } as const)
          add(
            asList.filterMap(node, async (x) => (x % 2 === 0 ? x : undefined), options),
            (xs) => (xs as number[]).filter((x) => x % 2 === 0),
          )
          continue
        }
        case 2:
          list = false
          add(
            asList.fold(node, c, (sum, x) => sum + x),
            (xs) => (xs as number[]).reduce((sum, x) => sum + x, c),
          )
          continue
        default:
          list = false
          add(
            asList.andThen(node, async (xs) => xs.length),
            (xs) => (xs as number[]).length,
          )
          continue
      }
    }
    switch (pick(deep ? 10 : 8)) {
      case 0:
        list = true
        add(
          asNumber.andThen(node, async (n) => Array.from({ length: Math.abs(n) % 12 }, (_, i) => i)),
          (n) => Array.from({ length: Math.abs(n as number) % 12 }, (_, i) => i),
        )
        break
      case 1:
        add(
          asNumber.delayFor(pick(5_000)).andThen(node, (n) => n + c),
          (n) => (n as number) + c,
        )
        break
      case 2:
        add(
          asNumber.repeatUntil(node, async (n: number, ctx) => (ctx.index < c % 4 ? again(n + 1) : n), { max: 10 }),
          (n) => (n as number) + (c % 4),
        )
        break
      case 3:
        add(
          asNumber.switch(node, (n) => (n % 2 === 0 ? 'even' : 'odd'), {
            even: (branch) => branch.andThen(`${node}-even`, (n) => n / 2),
            odd: (branch) => branch,
          }),
          (n) => ((n as number) % 2 === 0 ? (n as number) / 2 : n),
        )
        break
      case 4:
        add(
          asNumber.waitFor(node, timer(1 + pick(3_000))).andThen(`${node}-then`, () => c),
          () => c,
        )
        break
      case 5:
        if (pick(3) > 0)
          add(
            asNumber.andThen(node, (n) => n * c),
            (n) => (n as number) * c,
          )
        else
          add(asNumber.andThen(node, boom), () => {
            throw new Failed()
          })
        break
      case 6:
        add(
          asNumber.andThen(node, async (n) => (n % 5 === 0 ? goto.end(`early ${n}`) : n)),
          (n) => {
            if ((n as number) % 5 === 0) throw new Ended(`early ${String(n)}`)
            return n
          },
        )
        break
      case 7:
        add(
          asNumber.andThen(node, async (n) => n - c, { compensate: async () => undefined }),
          (n) => (n as number) - c,
        )
        break
      default: {
        const child = randomChain(pick, node, false)
        add(
          asNumber.child(node, child.flow, { input: () => child.input }).andThen(`${node}-back`, () => c),
          () => {
            if (child.ends.status === 'failed') throw new Failed()
            return c
          },
        )
      }
    }
  }
  return { flow: chain as unknown as Definition<number, unknown>, input, ends: play(models, input) }
}

function play(models: readonly Model[], input: number): Modelled['ends'] {
  try {
    return { status: 'done', output: models.reduce<unknown>((value, model) => model(value), input) }
  } catch (thrown) {
    if (thrown instanceof Ended) return { status: 'done', output: thrown.output }
    return { status: 'failed' }
  }
}

const RULES = ['all', 'allDone', 'noneFailed', 'anyOf', { nOf: 2 }] as const
type State = 'done' | 'failed' | 'skipped'

/** Of the loose kind: what types a random graph has nobody knows. */
interface LooseDag {
  node(name: string, ...more: readonly unknown[]): LooseDag
  route(name: string, ...more: readonly unknown[]): LooseDag
}

/**
 * A graph of up to eight nodes with random rules, failures and routes. Its output is the states of its ends: what a node
 * under `anyOf` and `nOf` is given depends on time, and so do only their values.
 */
export function randomDag(pick: Pick, name = 'dag'): Modelled {
  let dag = new Dag<number>(name) as unknown as LooseDag
  const states = new Map<string, State>()
  const labels = new Map<string, string>()
  const leading = new Set<string>()
  let fails = false
  const count = 2 + pick(7)
  for (let at = 0; at < count; at++) {
    const name = `n${at}`
    const before = [...states.keys()].filter(() => pick(3) === 0).slice(0, 4)
    const deps = before.map((node) =>
      labels.has(node) && pick(2) === 0 ? when(node, pick(2) === 0 ? 'left' : 'right') : node,
    )
    const edges = deps.map((dep): State => {
      const node = typeof dep === 'string' ? dep : dep.node
      const state = states.get(node)!
      return state === 'done' && typeof dep !== 'string' && dep.when !== labels.get(node) ? 'skipped' : state
    })
    for (const node of before) leading.add(node)
    const rules = RULES.filter((rule) => typeof rule !== 'object' || deps.length >= 2)
    const join = deps.length === 0 ? 'all' : rules[pick(rules.length)]!
    const run = runs(join, edges)
    const bad = pick(6) === 0
    const mayFail = bad && pick(4) > 0
    if (run && bad && !mayFail) fails = true
    states.set(name, run ? (bad ? 'failed' : 'done') : 'skipped')
    const options = { ...(deps.length === 0 ? {} : { join }), ...(mayFail ? { onFailure: 'continue' } : {}) }
    if (!bad && pick(4) === 0) {
      const label = pick(2) === 0 ? 'left' : 'right'
      labels.set(name, label)
      dag = dag.route(
        name,
        ...(deps.length === 0 ? [] : [deps]),
        async () => label,
        deps.length === 0 ? {} : { join, labels: ['left', 'right'] },
      )
    } else
      dag = dag.node(name, ...(deps.length === 0 ? [] : [deps]), bad ? async () => boom() : async () => name, options)
  }
  const ends = [...states].filter(([name]) => !leading.has(name))
  const value = (name: string): string => labels.get(name) ?? name
  const output =
    ends.length === 1
      ? ends[0]![1] === 'done'
        ? value(ends[0]![0])
        : undefined
      : Object.fromEntries(ends.filter(([, state]) => state === 'done').map(([name]) => [name, value(name)]))
  return {
    flow: dag as unknown as Definition<number, unknown>,
    input: 1,
    ends: fails ? { status: 'failed' } : { status: 'done', output },
  }
}

function runs(rule: (typeof RULES)[number], edges: readonly State[]): boolean {
  const done = edges.filter((edge) => edge === 'done').length
  if (edges.length === 0 || rule === 'allDone') return true
  if (rule === 'all') return done === edges.length
  if (rule === 'noneFailed') return done > 0 && !edges.includes('failed')
  return done >= (rule === 'anyOf' ? 1 : rule.nOf)
}
