/**
 * Random graphs in which nodes fail, or which are cancelled, are run again until nothing is broken: every run is done in the
 * end, stands still at no time, and has all the steps that those that ended lead to. `Q_SIMULATIONS=10000` tries more of them.
 */
import { AbortError, retry, WorkerBuilder } from '@q/core'
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { expect, it } from 'vitest'
import { Dag } from '../../src/build/dag.ts'
import { openHost } from '../../src/engine/host.ts'
import { list } from '../../src/engine/work/step.ts'
import { frameOfSteps, isOpen, replay } from '../../src/run/replay.ts'
import { storedSteps } from '../../src/run/steps.ts'

const SEEDS = Number(process.env['Q_SIMULATIONS'] ?? 40)
const RULES = ['all', 'allDone', 'noneFailed', 'anyOf'] as const

// Of the loose kind: what types a random graph has nobody knows.
interface LooseDag {
  node(name: string, ...more: readonly unknown[]): LooseDag
}

it('a run that is tried again until nothing is broken is done', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await once(seed)
}, 600_000)

async function once(seed: number): Promise<void> {
  const pick = picker(seed)
  const broken = new Map<string, number>()
  const flow = randomDag(pick, broken)
  const store = new MemoryStorage({ backend: new MemoryBackend({ keepFinished: 100_000 }), queue: 'flows' })
  const run = await flow.pushStart(store, 1)
  for (let life = 0; ; life++) {
    const open = flow.open(store, run.id)
    const worker = new WorkerBuilder('w')
      .backend(store)
      .concurrency(1 + pick(4))
      .use(retry({ retries: 0 }))
      .build(flow)
    const work = worker.runUntil(open.finished)
    if (life === 0 && pick(3) === 0) {
      for (let turns = pick(40); turns > 0; turns--) await Promise.resolve()
      await open.cancel()
    }
    let over = false
    await Promise.race([work.finally(() => (over = true)), standsStill(flow, store, seed, () => over)])
    if ((await open.status()) === 'done') break
    expect(life, `seed ${seed}`).toBeLessThan(6)
    for (const [name, times] of broken) broken.set(name, times - 1)
    const first = [...flow.graph.entries][0]!
    await open.retry(pick(4) === 0 ? { scope: { from: first } } : {})
  }
  await checkSteps(flow, store, run.id, seed)
}

/** @throws when a run stands still. */
async function standsStill(
  flow: Dag<number>,
  store: MemoryStorage<unknown>,
  seed: number,
  over: () => boolean,
): Promise<void> {
  while (!over()) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const [stuck] = await flow.stuck(store)
    if (stuck === undefined) continue
    const steps = (await list(storedSteps(store.backend, stuck.id))).map(
      ({ step, status }) => `${step!.node} ${status}`,
    )
    expect.fail(`seed ${seed}: ${steps.join(', ')}`)
  }
}

async function checkSteps(flow: Dag<number>, store: MemoryStorage<unknown>, id: string, seed: number): Promise<void> {
  const steps = await list(storedSteps(store.backend, id))
  const { tasks, joins } = replay(openHost(store), flow.graph, frameOfSteps(id, 'flows', steps), steps)
  const opened = [...joins.values()].filter(isOpen).map(({ task }) => task.id)
  const exists = new Set(steps.map((step) => step.id))
  for (const each of [...tasks.keys(), ...opened]) expect(exists.has(each), `seed ${seed}`).toBe(true)
}

function randomDag(pick: (n: number) => number, broken: Map<string, number>): Dag<number> {
  let dag = new Dag<number>('dag') as unknown as LooseDag
  const names: string[] = []
  for (let at = 0, count = 2 + pick(7); at < count; at++) {
    const name = `n${at}`
    const deps = names.filter(() => pick(3) === 0).slice(0, 4)
    if (pick(4) === 0) broken.set(name, 1 + pick(2))
    const slow = pick(3) === 0
    const run = async (): Promise<string> => {
      if (slow) await new Promise((resolve) => setTimeout(resolve, 1))
      if ((broken.get(name) ?? 0) > 0) throw new AbortError(new Error(name))
      return name
    }
    const mayFail = pick(2) === 0 ? { onFailure: 'continue' } : {}
    const join = deps.length === 0 ? {} : { join: RULES[pick(RULES.length)] }
    dag = dag.node(name, ...(deps.length === 0 ? [] : [deps]), run, { ...join, ...mayFail })
    names.push(name)
  }
  return dag as unknown as Dag<number>
}

/** Numbers that a seed decides (mulberry32). */
function picker(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % n
  }
}
