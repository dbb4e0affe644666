/**
 * Where a map can be struck: while its collection is made, at its start, between and inside of its slices, and at its end. No element
 * is lost, each slice ends once, and what was saved is not done again. There is no controller: what the table says of one is shown of
 * the steps that start and end a map.
 */
import { sleep } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { LAST } from '../../src/engine/frame.ts'
import { after, always, before, Scene, type What } from './scene.ts'

const ELEMENTS = 20
/** The producer, ten slices, the start and the end of the map. */
const STEPS = 13
const START = 0

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index)

/** Twenty elements in slices of two, two slices at once. @param tries How often each was gone through. */
function mapped(tries: number[]) {
  return new Workflow<number>('map')
    .andThen('range', async (to) => range(to))
    .map(
      'each',
      async (x, { clock }) => {
        await sleep(clock, 100)
        tries[x] = (tries[x] ?? 0) + 1
        return x * 2
      },
      { isolate: 'slice', sliceSize: 2, concurrency: 2 },
    )
}

const OUTPUT = range(ELEMENTS).map((x) => x * 2)
const ONCE = range(ELEMENTS).map(() => 1)

describe('a map', () => {
  it.each(range(ELEMENTS / 2))(
    'F13: a worker dies after slice %i was settled: those that it stored go on, and no element runs twice',
    async (slice) => {
      const scene = new Scene()
      const tries: number[] = []
      const flow = mapped(tries)
      await scene.start(flow, ELEMENTS)
      // One at a time, so that nothing else is under way in the process that dies.
      scene.work(flow, { concurrency: 1, faults: [after('settle', scene.settles('each', slice + 1), 'dies')] })
      await scene.ends(flow, { output: OUTPUT, steps: STEPS })
      expect(tries).toEqual(ONCE)
    },
  )

  it('F13: a worker dies before a slice is settled: that slice runs again, and the one after it exists once', async () => {
    const scene = new Scene()
    const tries: number[] = []
    const flow = mapped(tries)
    await scene.start(flow, ELEMENTS)
    scene.work(flow, { concurrency: 1, faults: [before('settle', scene.settles('each', 3), 'dies')] })
    await scene.ends(flow, { output: OUTPUT, steps: STEPS })
    expect(tries).toEqual(ONCE.map((_, x) => (x === 4 || x === 5 ? 2 : 1)))
  })

  const ends: readonly (readonly [name: string, index: number])[] = [
    ['start', START],
    ['end', LAST],
  ]
  const strikes: readonly (readonly [at: 'before' | 'after', what: What, answers: readonly string[]])[] = [
    ['before', 'dies', ['applied']],
    ['before', 'loses', ['applied']],
    ['after', 'loses', ['applied', 'already']],
    ['after', 'dies', ['applied']],
  ]
  describe.each(ends)('at its %s', (_name, index) => {
    it.each(strikes)('F14: is struck %s the settlement (%s): all of it is there, once', async (at, what, answers) => {
      const scene = new Scene()
      const tries: number[] = []
      const flow = mapped(tries)
      await scene.start(flow, ELEMENTS)
      scene.work(flow, { faults: [(at === 'before' ? before : after)('settle', scene.settles('each', index), what)] })
      await scene.ends(flow, { output: OUTPUT, steps: STEPS })
      expect(tries).toEqual(ONCE)
      expect(scene.answers('each', index)).toEqual(answers)
    })

    it('F15: is done twice, by one that stood still and by another: what the late one says is stale', async () => {
      const scene = new Scene()
      const tries: number[] = []
      const flow = mapped(tries)
      await scene.start(flow, ELEMENTS)
      scene.work(flow, { faults: [before('settle', scene.settles('each', index), 'freezes')] })
      await scene.pass(5_000)
      scene.work(flow)
      await scene.ends(flow, { output: OUTPUT, steps: STEPS })
      expect(tries).toEqual(ONCE)
      expect(scene.answers('each', index)).toEqual(['applied', 'stale'])
    })
  })

  it('F16: a worker dies inside a slice: the elements before its last checkpoint do not run again', async () => {
    const scene = new Scene()
    const tries: number[] = []
    const flow = (onElement?: (x: number) => unknown) =>
      new Workflow<number>('slow')
        .andThen('range', async (to) => range(to))
        .map(
          'each',
          async (x, { clock }) => {
            tries[x] = (tries[x] ?? 0) + 1
            await sleep(clock, 600)
            await onElement?.(x)
            return x
          },
          { isolate: 'slice', concurrency: 1 },
        )
    await scene.start(flow(), 10)
    // Saved about once a second: after the second and the fourth element.
    scene.work((process) => flow((x) => (x === 5 && tries[5] === 1 ? scene.die(process) : undefined)))
    await scene.ends(flow(), {
      output: range(10),
      steps: ['range done', 'each done', 'each#1 done', `each#${LAST} done`],
    })
    expect(tries).toEqual([1, 1, 1, 1, 2, 2, 1, 1, 1, 1])
  })

  it.each(['before', 'after'] as const)(
    'F17: a worker dies %s some pages of a collection are stored: those of the next attempt take their place',
    async (at) => {
      const scene = new Scene()
      let attempts = 0
      let writes = 0
      const flow = new Workflow<number>('pages')
        .andThen('texts', async (to) => {
          const attempt = ++attempts
          // Another attempt gives something else, and less of it.
          return (function* texts() {
            for (let x = 0; x < to / attempt; x++) yield `${attempt} ${x} ${'x'.repeat(10_000)}`
          })()
        })
        .map('name', (text) => text.slice(0, text.lastIndexOf(' ')), { isolate: 'slice' })
      await scene.start(flow, 600)
      const third = (): boolean => ++writes === 3
      scene.work(flow, { faults: [(at === 'before' ? before : after)('writePages', third, 'dies')] })
      await scene.ends(flow, { output: range(300).map((x) => `2 ${x}`), steps: 3 + Math.ceil(300 / 25) })
      expect(attempts).toBe(2)
    },
  )

  it('F17: a worker that stands still while it stores pages cannot mix them with those of another', async () => {
    const scene = new Scene()
    let attempts = 0
    const flow = new Workflow<number>('pages')
      .andThen('texts', async (to) => {
        const attempt = ++attempts
        return (function* texts() {
          for (let x = 0; x < to; x++) yield `${attempt} ${x} ${'x'.repeat(10_000)}`
        })()
      })
      .map('name', (text) => text.slice(0, text.lastIndexOf(' ')), { isolate: 'slice' })
    await scene.start(flow, 300)
    scene.work(flow, { faults: [before('writePages', always, 'freezes')] })
    await scene.pass(5_000)
    scene.work(flow)
    await scene.ends(flow, { output: range(300).map((x) => `2 ${x}`), steps: 3 + Math.ceil(300 / 25) })
    expect(scene.answers('texts')).toEqual(['applied'])
  })
})
