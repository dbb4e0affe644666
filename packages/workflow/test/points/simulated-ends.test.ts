/** What ends a run in another way than it was meant to, at the worst moment: a cancel, bad outputs, other builds, crash loops, pruning. */
import { sleep } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import type { Definition } from '../../src/build/definition.ts'
import { signal } from '../../src/build/wait.ts'
import { stepId } from '../../src/ids.ts'
import { after, before, type Fault, Scene } from './scene.ts'

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index)

describe('a cancel', () => {
  const moments: readonly (readonly [
    when: string,
    node: string,
    fault: (scene: Scene, what: () => unknown) => Fault,
    steps: string[],
  ])[] = [
    [
      'before the settlement of b arrives',
      'b',
      (scene, what) => before('settle', scene.settles('b'), what),
      ['b done', 'c cancelled'],
    ],
    [
      'after the settlement of b took effect',
      'b',
      (scene, what) => after('settle', scene.settles('b'), what),
      ['b done', 'c cancelled'],
    ],
  ]
  it.each(moments)(
    'F21: comes %s: what follows is never run, and what was done is undone once',
    async (_when, _node, fault, steps) => {
      const scene = new Scene()
      const undone: string[] = []
      const flow = new Workflow<number>('cancelled')
        .andThen('a', async (n) => n, { compensate: () => void undone.push('a') })
        .andThen('b', async (n) => n, { compensate: () => void undone.push('b') })
        .andThen('c', async (_n, ctx) => scene.effect(ctx))
      const run = await scene.start(flow, 1)
      scene.work(flow, { faults: [fault(scene, () => run.cancel('enough'))] })
      await scene.ends(flow, {
        status: 'cancelled',
        steps: ['$end done', '$undo:a done', '$undo:b done', 'a done', ...steps],
        effects: { c: 0 },
      })
      expect(undone).toEqual(['b', 'a'])
    },
  )

  it('F21: comes before the settlement that would have ended the run: the run is cancelled, and ends once', async () => {
    const scene = new Scene()
    const flow = new Workflow<number>('late').andThen('a', async (n) => n)
    const run = await scene.start(flow, 1)
    scene.work(flow, { faults: [before('settle', scene.settles('a'), () => run.cancel('enough'))] })
    await scene.ends(flow, { status: 'cancelled', steps: ['$end done', 'a done'] })
  })

  it('F21: its end is struck: the run is cancelled all the same', async () => {
    for (const fault of [before, after])
      for (const what of ['dies', 'loses'] as const) {
        const scene = new Scene()
        const flow = new Workflow<number>('struck').waitFor('never', signal('never'))
        const run = await scene.start(flow, 1)
        scene.work(flow, { faults: [fault('settle', scene.settles('$end'), what)] })
        await scene.pass(1_000)
        await run.cancel('enough')
        await scene.ends(flow, { status: 'cancelled', steps: ['$end done', 'never cancelled'] })
      }
  })
})

describe('a step', () => {
  it.each([
    ['before', 'dies', 2],
    ['before', 'loses', 1],
    ['after', 'loses', 1],
    ['after', 'dies', 1],
  ] as const)(
    'F25: gives what cannot be stored, struck %s its settlement (%s): it fails without another attempt',
    async (at, what, ran) => {
      const scene = new Scene()
      const flow = new Workflow<number>('bad')
        .andThen('a', async (n) => n)
        .andThen('bad', async (_n, ctx) => {
          scene.effect(ctx)
          return 10n
        })
        .andThen('on', async (_n, ctx) => scene.effect(ctx))
      await scene.start(flow, 1)
      scene.work(flow, { faults: [(at === 'before' ? before : after)('settle', scene.settles('bad'), what)] })
      const { error } = await scene.ends(flow, {
        status: 'failed',
        steps: ['a done', 'bad killed'],
        effects: { bad: ran, on: 0 },
      })
      expect(error).toMatchObject({ code: 'ERR_ENCODE' })
    },
  )

  it('F26: is unknown to the build that gets it: it waits with its attempts untouched, and one that knows it goes on', async () => {
    const scene = new Scene()
    const old = new Workflow<number>('flow').andThen('a', async (n) => n + 1)
    const flow = new Workflow<number>('flow')
      .andThen('a', async (n) => n + 1)
      .delayFor('1s')
      .andThen('b', async (n, ctx) => {
        scene.effect(ctx)
        return n * 10
      })
    await scene.start(flow, 1)
    const now = scene.work(flow, { alone: true, faults: [after('settle', scene.settles('a'), 'dies')] })
    await scene.pass(1_000)
    expect(now.alive).toBe(false)
    const before = scene.work(old)
    await scene.pass(60_000)
    const [step] = await scene.store.readSteps([stepId(scene.run, 'b', 0)])
    expect(step).toMatchObject({ status: 'pending', attempt: 0, crashes: 0 })
    before.freeze(3_600_000)
    scene.work(flow)
    await scene.ends(flow, { output: 20, steps: ['a done', 'b done'], effects: { b: 1 } })
  })

  it('F27: kills every worker that runs it: it is given up after five, and the run fails and is undone', async () => {
    const scene = new Scene()
    const undone: string[] = []
    const flow = (die?: () => Promise<never>) =>
      new Workflow<number>('poison')
        .andThen('a', async (n) => n, { compensate: () => void undone.push('a') })
        .andThen(
          'poison',
          async (_n, ctx) => {
            scene.effect(ctx)
            return die?.()
          },
          { retry: { retries: 100 } },
        )
        .andThen('on', async (_n, ctx) => scene.effect(ctx))
    await scene.start(flow(), 1)
    scene.work((process) => flow(() => scene.die(process)))
    const { error, compensation } = await scene.ends(flow(), {
      status: 'failed',
      steps: ['$end done', '$undo:a done', 'a done', 'poison killed'],
      effects: { poison: 5, on: 0 },
    })
    expect([error?.code, compensation]).toEqual(['ERR_CRASHED', 'complete'])
    expect(undone).toEqual(['a'])
  })
})

it('F28: steps of a run that goes on are never pruned: a late join has its inputs, and the run is forgotten when it has ended', async () => {
  const scene = new Scene()
  const flow = new Dag<number>('late')
    // Large enough to be referred to.
    .node('long', async (n) => 'x'.repeat(n))
    .node('slow', (_n, { clock }) => sleep(clock, 600_000))
    .node('join', ['long', 'slow'], async ({ long }) => long.length)
  await scene.start(flow, 5_000)
  scene.work(flow)
  const prune = async (): Promise<number> => {
    const all = { doneMs: 1, killedMs: 1, cancelledMs: 1 }
    return (await scene.store.vacuumRuns('flows', all, 1_000)) + (await scene.store.vacuum('flows', all, 1_000))
  }
  await scene.pass(300_000)
  expect(await prune()).toBe(0)
  await scene.ends(flow, { output: 5_000, steps: ['long done', 'slow done', 'join done'] })
  expect(await prune()).toBeGreaterThan(0)
  expect((await scene.store.listRuns({})).items).toEqual([])
})

describe('a run that a defect left standing', () => {
  const flows: readonly (readonly [
    name: string,
    node: string,
    index: number,
    flow: Definition<number, unknown>,
    output: unknown,
    steps: number,
  ])[] = [
    [
      'a chain',
      'a',
      0,
      new Workflow<number>('chain').andThen('a', async (n) => n + 1).andThen('b', async (n) => n * 10),
      50,
      2,
    ],
    [
      'a join',
      'b',
      0,
      new Dag<number>('dag')
        .node('a', async (n) => n)
        .node('b', ['a'], async ({ a }) => a + 1)
        .node('c', ['a'], async ({ a }) => a + 2)
        .node('d', ['b', 'c'], async ({ b, c }) => b * c),
      30,
      4,
    ],
    [
      'a slice of a map',
      'each',
      1,
      new Workflow<number>('map')
        .andThen('range', async (n) => range(4 * n))
        .map('each', (x) => x, { isolate: 'slice', sliceSize: 2, concurrency: 2 }),
      range(16),
      11,
    ],
    [
      'the start of a map',
      'each',
      0,
      new Workflow<number>('map')
        .andThen('range', async (n) => range(4 * n))
        .map('each', (x) => x, { isolate: 'slice', sliceSize: 2, concurrency: 2 }),
      range(16),
      11,
    ],
  ]
  it.each(flows)(
    'F29: after %s: it is found, two repairs at once store what is missing once, and it ends',
    async (_name, node, index, flow, output, steps) => {
      const scene = new Scene()
      await scene.start(flow, 4)
      const id = stepId(scene.run, node, index)
      scene.store.tamper = (settlement) => {
        if (settlement.id !== id || settlement.kind !== 'done') return settlement
        const { follow: _, run: __, ...rest } = settlement
        return rest
      }
      scene.work(flow)
      while ((await flow.stuck(scene.storage)).length === 0) await scene.pass(100)
      const found = await Promise.all([flow.repair(scene.storage, scene.run), flow.repair(scene.storage, scene.run)])
      expect(found.flat().length).toBeGreaterThan(0)
      expect(await flow.stuck(scene.storage)).toEqual([])
      expect(await flow.repair(scene.storage, scene.run)).toEqual([])
      await scene.ends(flow, { output, steps })
    },
  )
})
