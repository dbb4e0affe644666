/** Where a step that waits can be struck: by a signal or the end of a child at the very moment at which it looks, parks or gives up. */
import { sleep } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { any, signal, timer } from '../../src/build/wait.ts'
import { childRunId, stepId } from '../../src/ids.ts'
import { told } from '../suite/support.ts'
import { list } from '../../src/engine/work/step.ts'
import { after, always, before, type Fault, Scene } from './scene.ts'

const answer = signal<string>('answer')

function waiting(scene: Scene) {
  return new Workflow<null>('approval').waitFor('wait', answer).andThen('on', async (said, ctx) => {
    scene.effect(ctx)
    return said
  })
}

describe('a signal', () => {
  const moments: readonly (readonly [when: string, fault: (scene: Scene, what: () => unknown) => Fault])[] = [
    ['before the step looks', (scene, what) => after('claim', scene.claims('wait'), what)],
    ['after the step looked and found nothing', (_scene, what) => after('peek', always, what)],
    ['before the step is parked', (scene, what) => before('settle', scene.settles('wait', 0, 'deferred'), what)],
    ['as soon as the step is parked', (scene, what) => after('settle', scene.settles('wait', 0, 'deferred'), what)],
  ]
  it.each(moments)('F18: comes %s: the step is due at once, and gets it once', async (_when, fault) => {
    const scene = new Scene()
    const flow = waiting(scene)
    const run = await scene.start(flow, null)
    scene.work(flow, { faults: [fault(scene, () => run.signal(answer, 'yes'))] })
    await scene.ends(flow, { output: 'yes', steps: ['wait done', 'on done'], effects: { on: 1 } })
  })

  const strikes: readonly (readonly [when: string, fault: (scene: Scene) => Fault])[] = [
    ['after it looked', () => after('peek', always, 'dies')],
    ['before it is parked', (scene) => before('settle', scene.settles('wait', 0, 'deferred'), 'dies')],
    ['after it is parked', (scene) => after('settle', scene.settles('wait', 0, 'deferred'), 'dies')],
    ['after it received the signal', () => after('receive', always, 'dies')],
    ['before its end is settled', (scene) => before('settle', scene.settles('wait', 0, 'done'), 'dies')],
    ['and the reply to its end is lost', (scene) => after('settle', scene.settles('wait', 0, 'done'), 'loses')],
  ]
  it.each(strikes)('F18: the worker dies %s: the step gets the signal all the same', async (_when, fault) => {
    const scene = new Scene()
    const flow = waiting(scene)
    const run = await scene.start(flow, null)
    scene.work(flow, { faults: [fault(scene)] })
    await scene.pass(500)
    await run.signal(answer, 'yes')
    await scene.ends(flow, { output: 'yes', steps: ['wait done', 'on done'], effects: { on: 1 } })
  })

  /** Waits twice for the same, each time no longer than a second. */
  const twice = new Workflow<null>('race')
    .waitFor('first', any({ answer, late: timer('1s') }))
    .andThen('by', async (it) => it.by)
    .waitFor('second', (by) => any({ [`after ${by}`]: answer, never: timer('1m') }))

  it('F19: comes after the step found that its time is over: the time wins, and the signal stays for the next wait', async () => {
    const scene = new Scene()
    const run = await scene.start(twice, null)
    scene.work(twice, {
      faults: [before('settle', scene.settles('first', 0, 'done'), () => run.signal(answer, 'yes'))],
    })
    await scene.ends(twice, {
      output: { by: 'after late', value: 'yes' },
      steps: ['first done', 'by done', 'second done'],
    })
  })

  it('F19: was received in time, and the worker dies: the signal has won, however late the step runs again', async () => {
    const scene = new Scene()
    const run = await scene.start(twice, null)
    scene.work(twice, { faults: [after('receive', always, 'dies')] })
    await scene.pass(500)
    await run.signal(answer, 'yes')
    // Nothing is left for the second wait.
    await scene.ends(twice, {
      output: { by: 'never', value: undefined },
      steps: ['first done', 'by done', 'second done'],
    })
    expect(await outputOfBy(scene)).toBe('answer')
  })
})

async function outputOfBy(scene: Scene): Promise<unknown> {
  const [step] = await scene.store.readSteps([stepId(scene.run, 'by', 0)])
  return scene.storage.values.decodeResult(step!.result!)
}

describe('a child', () => {
  const parks = (scene: Scene): Fault['which'] => scene.settles('run', 0, 'deferred')
  const moments: readonly (readonly [when: string, fault: (scene: Scene) => Fault])[] = [
    ['and the worker dies before its parent is parked', (scene) => before('settle', parks(scene), 'dies')],
    ['and its parent is parked by a call that is lost', (scene) => before('settle', parks(scene), 'loses')],
    ['and the reply to the parking of its parent is lost', (scene) => after('settle', parks(scene), 'loses')],
    ['and the worker dies as its parent is parked', (scene) => after('settle', parks(scene), 'dies')],
    [
      'and ends before the worker that parked its parent hears of it',
      (scene) => after('settle', parks(scene), () => sleep(scene.simulation.clock, 5_000)),
    ],
  ]
  it.each(moments)(
    'F20: is started %s: there is one, and its parent goes on with its output once',
    async (_when, fault) => {
      const scene = new Scene()
      let squared = 0
      const square = new Workflow<number>('square').andThen('square', async (n) => {
        squared += 1
        return n * n
      })
      const flow = new Workflow<number>('parent').child('run', square).andThen('on', async (n, ctx) => {
        scene.effect(ctx)
        return n + 1
      })
      await scene.start(flow, 3)
      scene.work(flow, { faults: [fault(scene)] })
      scene.work(square)
      await scene.ends(flow, { output: 10, steps: ['run done', 'on done'], effects: { on: 1 } })
      const { items } = await scene.store.listRuns({ parent: scene.run })
      expect(items.map(({ id, status }) => [id, status])).toEqual([
        [childRunId(stepId(scene.run, 'run', 0), 0), 'done'],
      ])
      expect(told(await list(square.open(scene.storage, items[0]!.id).steps()))).toEqual(['square done'])
      expect(squared).toBe(1)
    },
  )
})
