/**
 * Where a step can be struck: at its start, in it, and at its end. A run loses no transition and has none twice, whichever
 * call of a process is the last one, never arrives, or is never answered. The rows are those of the table of failure points.
 */
import { type Settlement, sleep, uuidv7 } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { Dag } from '../../src/build/dag.ts'
import type { StepContext } from '../../src/engine/context.ts'
import { after, always, before, Scene, type What } from './scene.ts'

type Handler = (n: number, ctx: StepContext) => unknown

const STEPS = ['a done', 'b done', 'c done']

/** Three steps; 1 becomes 20.5. @param inB What the second does besides. */
function chain(scene: Scene, inB: Handler = () => undefined) {
  return new Workflow<number>('chain')
    .andThen('a', async (n, ctx) => {
      scene.effect(ctx)
      return n + 1
    })
    .andThen('b', async (n, ctx) => {
      scene.effect(ctx)
      await inB(n, ctx)
      return n * 10
    })
    .andThen('c', async (n, ctx) => {
      scene.effect(ctx)
      return n + 0.5
    })
}

describe('a start', () => {
  it('F1: a client dies before the start is sent: nothing is there, and starting again with the key starts it', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    const options = { id: scene.run, key: 'order 7' }
    void flow.pushStart(scene.client(before('startRuns', always, 'dies')), 1, options)
    await scene.pass(1_000)
    expect((await scene.store.listRuns({})).items).toEqual([])
    const run = await scene.simulation.until(flow.pushStart(scene.client(), 1, options))
    expect(run.created).toBe(true)
    scene.work(flow)
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 1, c: 1 } })
  })

  it('F2: a start takes effect and its reply is lost: the key gives the run that exists, and it runs once', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    const client = scene.client(after('startRuns', always, 'loses'))
    const first = flow.pushStart(client, 1, { id: scene.run, key: 'order 7' })
    await expect(scene.simulation.until(first)).rejects.toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE' })
    scene.work(flow)
    // Another id this time: the key decides.
    const run = await scene.simulation.until(flow.pushStart(client, 1, { key: 'order 7' }))
    expect([run.id, run.created]).toEqual([scene.run, false])
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 1, c: 1 } })
    expect((await scene.store.listRuns({})).items).toHaveLength(1)
  })
})

describe('a step', () => {
  it('F3: a worker dies after the claim, before user code: another has the step when its lease has ended', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    await scene.start(flow, 1)
    scene.work(flow, { faults: [after('claim', scene.claims('b'), 'dies')] })
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 1, c: 1 } })
  })

  it('F4: a worker dies inside user code: the step runs again with the same key', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    await scene.start(flow, 1)
    scene.work((process) => chain(scene, (_n, { attempt }) => (attempt === 1 ? scene.die(process) : undefined)))
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 2, c: 1 } })
    expect(scene.answers('b')).toEqual(['applied'])
  })

  it('F5: a worker dies after the effect, before the settlement: the effect comes again under its key, the transition does not', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    await scene.start(flow, 1)
    scene.work(flow, { faults: [before('settle', scene.settles('b'), 'dies')] })
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 2, c: 1 } })
    expect(scene.answers('b')).toEqual(['applied'])
  })

  it('F7: a settlement is lost on its way: it is sent again, and nothing runs twice', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    await scene.start(flow, 1)
    scene.work(flow, { faults: [before('settle', scene.settles('b'), 'loses')] })
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 1, c: 1 } })
    expect(scene.answers('b')).toEqual(['applied'])
  })

  it('F8: the reply of a settlement is lost: it is answered already, and its successors exist once', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    await scene.start(flow, 1)
    scene.work(flow, { faults: [after('settle', scene.settles('b'), 'loses')] })
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 1, c: 1 } })
    expect(scene.answers('b')).toEqual(['applied', 'already'])
  })

  it.each(['a', 'b', 'c'])(
    'F8: a worker dies after the settlement of %s took effect: the run goes on from there',
    async (node) => {
      const scene = new Scene()
      const flow = chain(scene)
      await scene.start(flow, 1)
      scene.work(flow, { faults: [after('settle', scene.settles(node), 'dies')] })
      await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 1, c: 1 } })
      expect(scene.answers(node)).toEqual(['applied'])
    },
  )

  it('F9: a worker stands still past its lease with a finished step: another ends it, and its settlement is stale', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    await scene.start(flow, 1)
    scene.work(flow, { faults: [before('settle', scene.settles('b'), 'freezes')] })
    await scene.pass(1_000)
    scene.work(flow)
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 2, c: 1 } })
    expect(scene.answers('b')).toEqual(['applied', 'stale'])
  })

  it('F9: a worker stands still past its lease inside user code: it hears that it lost the step, and says nothing', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    let told: unknown
    await scene.start(flow, 1)
    scene.work((process) =>
      chain(scene, async (_n, ctx) => {
        if (ctx.attempt > 1) return
        process.freeze(60_000)
        await sleep(ctx.clock, 1)
        await sleep(ctx.clock, 5_000)
        told = ctx.signal.reason
      }),
    )
    await scene.pass(1_000)
    scene.work(flow)
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 2, c: 1 } })
    expect(told).toMatchObject({ code: 'ERR_LEASE_LOST' })
    expect(scene.answers('b')).toEqual(['applied'])
  })

  it('F10: a worker stands still past its lease and nobody has noticed: its settlement stands', async () => {
    const scene = new Scene()
    const flow = chain(scene)
    await scene.start(flow, 1)
    scene.work(flow, { faults: [before('settle', scene.settles('b'), 'freezes')] })
    await scene.ends(flow, { output: 20.5, steps: STEPS, effects: { a: 1, b: 1, c: 1 } })
    expect(scene.answers('b')).toEqual(['applied'])
  })

  it('F12: one of a batch is stale: the others are applied, and the join opens once', async () => {
    const scene = new Scene()
    const dag = (run: Handler = () => undefined) => {
      const one = async (n: number, ctx: StepContext): Promise<number> => {
        scene.effect(ctx)
        await run(n, ctx)
        return n
      }
      return new Dag<number>('batch')
        .node('a', one)
        .node('b', one)
        .node('c', one)
        .node('d', one)
        .node('join', ['a', 'b', 'c', 'd'], async (given, ctx) => {
          scene.effect(ctx)
          return Object.values(given)
        })
    }
    let batch: readonly Settlement[] = []
    const taken = async (): Promise<void> => {
      const { store } = scene
      const [, { id, token }] = batch as [Settlement, Settlement]
      // Somebody gets it who does nothing with it.
      const instance = uuidv7()
      await store.register({ instance, name: 'idle', queues: ['flows'], leaseMs: 1_000 })
      let held = token
      for (let round = 0; round < 2; round++) {
        await store.settle([{ id, token: held, kind: 'released' }])
        const { tasks } = await store.claim({ instance, queues: [{ queue: 'flows', limit: 1 }] })
        expect(tasks).toMatchObject([{ id }])
        held = tasks[0]!.token
      }
    }
    const several = ([given]: readonly unknown[]): boolean => {
      batch = given as readonly Settlement[]
      return batch.length >= 3
    }
    const flow = dag()
    await scene.start(flow, 1)
    // All of them end at one moment.
    scene.work(
      dag((_n, { clock }) => sleep(clock, 1_000 - (clock.now() % 1_000))),
      { faults: [before('settle', several, taken)] },
    )
    const steps = ['a done', 'b done', 'c done', 'd done', 'join done']
    await scene.ends(flow, { output: [1, 1, 1, 1], steps, effects: { join: 1 } })
    const answers = ['a', 'b', 'c', 'd'].map((node) => scene.answers(node).join(' '))
    expect(answers.toSorted()).toEqual(['applied', 'applied', 'applied', 'stale applied'])
  })

  const strikes: readonly (readonly ['before' | 'after', What])[] = [
    ['before', 'dies'],
    ['before', 'loses'],
    ['after', 'loses'],
    ['after', 'dies'],
  ]
  it.each(strikes)(
    'F7, F8: a run that fails and is undone, struck %s each settlement (%s): each is undone once',
    async (at, what) => {
      for (const node of ['a', 'b', 'c', '$end', '$undo:b', '$undo:a']) {
        const scene = new Scene()
        const undone: string[] = []
        const flow = new Workflow<number>('saga')
          .andThen('a', async (n) => n, {
            compensate: (_output, { idempotencyKey }) => void undone.push(`a ${idempotencyKey}`),
          })
          .andThen('b', async (n) => n, {
            compensate: (_output, { idempotencyKey }) => void undone.push(`b ${idempotencyKey}`),
          })
          .andThen(
            'c',
            async () => {
              throw new TypeError('no van')
            },
            { retry: { retries: 0 } },
          )
        await scene.start(flow, 1)
        scene.work(flow, { faults: [(at === 'before' ? before : after)('settle', scene.settles(node), what)] })
        const steps = ['$end done', '$undo:a done', '$undo:b done', 'a done', 'b done', 'c killed']
        await scene.ends(flow, { status: 'failed', steps })
        expect(new Set(undone).size, node).toBe(2)
        const twice = at === 'before' && what === 'dies' && node.startsWith('$undo:') ? 1 : 0
        expect(undone, node).toHaveLength(2 + twice)
      }
    },
  )
})
