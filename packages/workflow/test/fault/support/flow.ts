/**
 * The workflow of the fault suite, and what a run of it has to leave behind.
 *
 * Ten steps of as many kinds as fit; in every fifth run one of them is a child with a join. What should be there afterwards is written out by hand, not
 * asked of the graph: the test would otherwise believe whatever the engine believes.
 */
import { sleep, systemClock, type TaskId } from '@q/core'
import type pg from 'pg'
import { Dag, type StepContext, Workflow } from '@q/workflow'

/** What handlers call when they did what they do. */
export type Effect = (step: TaskId) => void

/** One step in the history of a run: its node, and which of its tasks. */
export type Place = `${string}#${number}`

/** The steps of a run, each with those that lead to it. */
export type Expected = Readonly<Record<Place, readonly Place[]>>

/** The workflow. @param table Where the step in a transaction writes; quoted. */
export function makeFlow(table: string, effect: Effect): Workflow<number, string> {
  const work = async (ctx: StepContext): Promise<void> => {
    await sleep(systemClock, 2 + Math.random() * 20)
    effect(ctx.taskId)
  }
  const pair = new Dag<number>('pair')
    .node('left', async (n, ctx) => (await work(ctx), `left of ${n}`))
    .node('right', async (n, ctx) => (await work(ctx), `right of ${n}`))
    .node('both', ['left', 'right'], async ({ left, right }, ctx) => (await work(ctx), `${left}, ${right}`))
  return new Workflow<number>('storm')
    .tx('book', async (tx: pg.PoolClient, n, ctx) => {
      await tx.query(`insert into ${table} (run, n) values ($1, $2)`, [ctx.run.id, n])
      await work(ctx)
      return n
    })
    .andThen('parts', async (n, ctx) => (await work(ctx), [n, n + 1]))
    .map('each', async (n, ctx) => (await work(ctx), n * 2))
    .andThen('sum', async (ns, ctx) => (await work(ctx), ns.reduce((sum, n) => sum + n, 0)))
    .switch('size', async (n, ctx) => (await work(ctx), n % 10 === 0 ? 'tens' : 'others'), {
      tens: (branch) => branch.child('pair', pair),
      others: (branch) => branch.andThen('alone', async (n, ctx) => (await work(ctx), `only ${n}`)),
    })
    .delayFor(200)
    .andThen('thank', async (text, ctx) => (await work(ctx), `thanks for ${text}`))
}

/** The step that ends a map has this index. */
const LAST = 2 ** 31 - 1

/** What a run of the workflow that was started with `n` has to give. */
export function outputOf(n: number): string {
  const sum = 4 * n + 2
  return `thanks for ${hasChild(n) ? `left of ${sum}, right of ${sum}` : `only ${sum}`}`
}

/** Whether it starts a child: every fifth does. */
export function hasChild(n: number): boolean {
  return (4 * n + 2) % 10 === 0
}

/** What leads to what, in a run that was started with `n`; `[]`: the start of the run does. */
export function stepsOf(n: number): Expected {
  const branch: Place = hasChild(n) ? 'pair#0' : 'alone#0'
  return {
    'book#0': [],
    'parts#0': ['book#0'],
    'each#0': ['parts#0'],
    'each#1': ['each#0'],
    'each#2': ['each#0'],
    [`each#${LAST}`]: ['each#1', 'each#2'],
    'sum#0': [`each#${LAST}`],
    'size#0': ['sum#0'],
    [branch]: ['size#0'],
    'thank#0': [branch],
  }
}

/** The same of the child of a run. */
export const CHILD_STEPS: Expected = {
  'left#0': [],
  'right#0': [],
  'both#0': ['left#0', 'right#0'],
}

/** Steps of the engine's own: they run no handler, and have no effect. */
export const SILENT: readonly Place[] = ['each#0', `each#${LAST}`, 'pair#0']
