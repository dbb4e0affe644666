/** A signal against a step that is about to park, and against the time of a wait, on a real database: two sessions, and a lock held on purpose. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { any, signal, timer } from '../../src/build/wait.ts'
import { stepId } from '../../src/ids.ts'
import { Ground } from './ground.ts'

const answer = signal<string>('answer')
/** Runs that race with their time, and when that is over. */
const RACES = 60
const TIME_MS = 400

let ground: Ground
beforeAll(async () => {
  ground = await Ground.open(inject('databaseUrl'))
})
afterEach(() => ground.rest())
afterAll(() => ground[Symbol.asyncDispose]())

/** What a step took, by the text of the message; `null`: nobody. */
function messages(run: string): Promise<{ taken: string | null }[]> {
  return ground.rows('select taken from $schema.message where run = $1', [run])
}

describe('a signal', () => {
  const flow = new Workflow<null>('approval').waitFor('wait', answer).andThen('on', async (said) => `${said}!`)
  const steps = ['wait done', 'on done']

  it('F18: waits behind the step that parks: it finds the step parked, and makes it due', async () => {
    const run = await flow.pushStart(ground.store, null)
    const held = await ground.hold('select from $schema.run where id = $1 for update', [run.id])
    await ground.work(flow)
    await ground.waiting(1)
    const sent = run.signal(answer, 'yes')
    await ground.waiting(2)
    await ground.release(held)
    expect(await sent).toBe('stored')
    await ground.ends(run, { output: 'yes!', steps })
    expect(await messages(run.id)).toEqual([{ taken: stepId(run.id, 'wait', 0) }])
  })

  it('F18: is there before the step parks, which had looked before: the step is due at once', async () => {
    const run = await flow.pushStart(ground.store, null)
    const held = await ground.hold('select from $schema.run where id = $1 for update', [run.id])
    let park!: () => void
    let looked!: () => void
    const parking = new Promise<void>((resolve) => (park = resolve))
    const hasLooked = new Promise<void>((resolve) => (looked = resolve))
    await ground.work(flow, {
      hold: ([first]) => {
        looked()
        return first?.kind === 'deferred' ? parking : undefined
      },
    })
    await hasLooked
    const sent = run.signal(answer, 'yes')
    await ground.waiting(1)
    park()
    await ground.waiting(2)
    await ground.release(held)
    expect(await sent).toBe('stored')
    await ground.ends(run, { output: 'yes!', steps })
    expect(await messages(run.id)).toEqual([{ taken: stepId(run.id, 'wait', 0) }])
  })

  it('F19: comes when the time is over: one of them wins, and a signal that does not is left for whoever waits next', async () => {
    const late = new Workflow<number>('race')
      .waitFor('wait', any({ answer, late: timer(TIME_MS) }))
      .andThen('on', async (it) => it.by)
    await ground.work(late, { concurrency: 20 })
    const runs = await Promise.all(Array.from({ length: RACES }, (_, index) => late.pushStart(ground.store, index)))
    // Around the moment at which the time is over, some before and some after.
    const sent = await Promise.all(
      runs.map(async (run, index) => {
        // The first comes in time and the last too late, however slow the machine.
        if (index === RACES - 1) await run.finished
        else if (index > 0) await new Promise((resolve) => setTimeout(resolve, TIME_MS - 150 + index * 5))
        return run.signal(answer, 'yes')
      }),
    )
    const won = { answer: 0, late: 0 }
    for (const [index, run] of runs.entries()) {
      const by = (await run.result({ timeout: '10s' })) as 'answer' | 'late'
      won[by] += 1
      await ground.ends(run, { output: by, steps })
      const taken = sent[index] === 'ended' ? [] : [{ taken: by === 'answer' ? stepId(run.id, 'wait', 0) : null }]
      expect(await messages(run.id)).toEqual(taken)
    }
    expect(won.answer).toBeGreaterThan(0)
    expect(won.late).toBeGreaterThan(0)
  })
})
