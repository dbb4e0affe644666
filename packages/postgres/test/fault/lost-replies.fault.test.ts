/** A statement can be lost on its way, or be committed while its sender sees only an error. Nothing may hang on either. */
import { describe, inject, test } from 'vitest'
import { LossyProxy } from './support/proxy.ts'
import { report, Scene } from './support/scene.ts'

const TASKS = 300
const LOSSES = 4
const VERBS = ['claim', 'settle', 'beat', 'sweep', 'register'] as const

describe.each(['statement', 'reply'] as const)('a lost %s', (what) => {
  test.concurrent.for(VERBS)(
    'of %s loses no task, runs none twice and stops nothing',
    { timeout: 40_000 },
    async (verb, { expect }) => {
      await using proxy = await LossyProxy.open(inject('databaseUrl'))
      await using scene = await Scene.open(inject('databaseUrl'))
      await scene.push(Array.from({ length: TASKS }, () => ({ do: 'work', ms: 20 })))
      proxy.lose(what, `.${verb}(`, LOSSES)
      const fleet = scene.fleet(1, { url: proxy.url, lease: '2s' })
      const drainMs = await scene.drained(25_000)
      const history = await scene.check()
      const starts = scene.ledgers.of('start').length
      report(`lost ${what} of ${verb}`, {
        losses: proxy.lost,
        'drained in ms': drainMs,
        'claims cut': history.filter((step) => step.to === 'failed').length,
        'extra starts': starts - TASKS,
      })
      expect(proxy.lost).toBeGreaterThanOrEqual(1)
      expect(fleet.exits).toEqual([])
      expect(starts).toBe(TASKS)
    },
  )
})
