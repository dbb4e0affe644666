/** A worker that is told to stop while it runs some tasks and holds others that it has not started. */
import { uuidv7 } from '@q/core'
import { inject, test } from 'vitest'
import { byId } from './support/invariants.ts'
import { seeded } from './support/random.ts'
import { LONG, report, Scene, until } from './support/scene.ts'

const ROUNDS = LONG ? 500 : 20
const SIDE_BY_SIDE = 2
/** Quick tasks let the worker hold many in advance; then slow ones fill its slots. */
const QUICK = 300
const SLOW = 100

test.concurrent.for(Array.from({ length: SIDE_BY_SIDE }, (_, lane) => lane))(
  'SIGTERM ends the process by itself, runs nothing twice and gives back at once what had not started (%i)',
  { timeout: ROUNDS * 6_000 },
  async (_lane, { expect }) => {
    const random = seeded()
    await using scene = await Scene.open(inject('databaseUrl'))
    const { backend, queue } = scene.storage
    const figures = { rounds: 0, running: 0, 'given back': 0, 'slowest exit in ms': 0 }
    for (let round = 0; round < ROUNDS / SIDE_BY_SIDE; round++) {
      const quick = await scene.push(Array.from({ length: QUICK }, () => ({ do: 'work', ms: 0 })))
      const slow = await scene.push(Array.from({ length: SLOW }, () => ({ do: 'work', ms: random.int(50, 500) })))
      const mine = new Set([...quick, ...slow])
      const slowOnes = new Set(slow)
      const fleet = scene.fleet(1)
      await until(
        'slow tasks run',
        () => scene.ledgers.of('start').filter(({ id = '' }) => slowOnes.has(id)).length >= 5,
      )
      const [worker] = fleet.alive
      const signalledAt = Date.now()
      await fleet.stop(30_000)
      const exitMs = Date.now() - signalledAt
      const exit = await worker?.exited
      expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' })
      expect(exitMs).toBeLessThan(3_000)
      expect(await scene.claimed()).toBe(0)

      // Everything that never started can be had at once, as its first attempt.
      const starts = scene.ledgers.of('start').filter(({ id = '' }) => mine.has(id))
      const instance = uuidv7()
      await backend.register({ instance, name: 'next', queues: [queue], leaseMs: 60_000 })
      const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 1_000 }] })
      expect(starts.length + tasks.length).toBe(mine.size)
      for (const each of tasks) expect(each).toMatchObject({ attempt: 1, crashes: 0 })
      expect(new Set(starts.map((entry) => entry.id)).size).toBe(starts.length)

      await backend.settle(tasks.map(({ id, token }) => ({ id, token, kind: 'cancelled' })))
      await backend.deregister(instance)
      const effects = scene.ledgers.of('effect').filter((entry) => entry.at >= signalledAt)
      const given = (await scene.history()).filter((step) => step.at >= signalledAt)
      figures.rounds += 1
      figures.running += effects.length
      figures['given back'] += given.filter((step) => step.to === 'pending').length
      figures['slowest exit in ms'] = Math.max(figures['slowest exit in ms'], exitMs)
    }
    const steps = byId(await scene.check())
    for (const { id = '' } of scene.ledgers.of('start')) expect(steps.get(id)?.at(-1)?.to).toBe('done')
    report('graceful stop', { seed: random.seed, ...figures })
    expect(figures.running).toBeGreaterThan(0)
    expect(figures['given back']).toBeGreaterThan(0)
  },
)
