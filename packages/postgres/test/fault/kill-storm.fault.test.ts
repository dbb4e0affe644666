/** Worker processes that die without a word, again and again. */
import { inject, test } from 'vitest'
import { seeded } from './support/random.ts'
import { byId } from './support/invariants.ts'
import { LONG, pause, report, Scene, until } from './support/scene.ts'

const TASKS = LONG ? 50_000 : 10_000
const KILLS = LONG ? 150 : 30
const WORKERS = 3
const CONCURRENCY = 10

test(
  'kill -9 of random workers loses no task, completes none twice and gives up none',
  { timeout: LONG ? 400_000 : 120_000 },
  async ({ expect }) => {
    const random = seeded()
    await using scene = await Scene.open(inject('databaseUrl'))
    await scene.push(Array.from({ length: TASKS }, () => ({ do: 'work', ms: random.int(10, 70) })))
    const fleet = scene.fleet(WORKERS, { concurrency: CONCURRENCY })
    await fleet.ready()

    const stormAt = Date.now()
    for (let kills = 0; kills < KILLS; kills++) {
      await pause(500)
      // On a slow machine all may still be starting: a kill counts when it hits a worker with work.
      await until('a worker is at work', () => fleet.working(50).length > 0)
      random.pick(fleet.working(50))?.signal('SIGKILL')
    }
    const stormMs = Date.now() - stormAt
    const openAtLastKill = await scene.open()
    const drainMs = await scene.drained(60_000)
    const history = await scene.check()

    await until('the last victim is gone', () => fleet.exits.length >= KILLS)
    const killed = fleet.exits.filter((exit) => exit.signal === 'SIGKILL')
    const cut = history.filter((step) => step.to === 'failed').length
    const entries = scene.ledgers.read()
    const ended = new Set(entries.filter((e) => e.kind === 'effect').map((e) => `${e.pid} ${e.id}`))
    const starts = entries.filter((entry) => entry.kind === 'start')
    const inFlight = starts.filter((e) => !ended.has(`${e.pid} ${e.id}`))
    const killsInFlight = new Set(inFlight.map((entry) => entry.pid)).size
    const effects = entries.filter((entry) => entry.kind === 'effect')
    const done = history.filter((step) => step.to === 'done').length
    report('kill storm', {
      seed: random.seed,
      tasks: TASKS,
      kills: killed.length,
      'storm in ms': stormMs,
      'kills while tasks ran': killsInFlight,
      'open at the last kill': openAtLastKill,
      'claims cut': cut,
      'extra starts': starts.length - TASKS,
      'extra effects': effects.length - TASKS,
      'most crashes of a task': Math.max(...history.map((step) => step.crashes)),
      'drained after the last kill in ms': drainMs,
    })

    // A lease, a round of sweeping, and what was left to do: seconds by the default settings.
    expect(drainMs).toBeLessThan(LONG ? 60_000 : 30_000)
    expect(killed.length).toBeGreaterThanOrEqual(KILLS)
    expect(killsInFlight).toBeGreaterThanOrEqual(KILLS / 2)
    expect(openAtLastKill).toBeGreaterThan(0)
    expect(fleet.unordered).toEqual([])
    expect(done).toBe(TASKS)
    expect(byId(effects).size).toBe(TASKS)
    expect(starts.length - TASKS).toBeGreaterThan(0)
    // Only what a dead worker held is run again: what ran, what waited in its buffer, what was not settled yet.
    expect(starts.length - TASKS).toBeLessThanOrEqual(cut)
    expect(cut).toBeLessThanOrEqual(killed.length * CONCURRENCY * 5)
  },
)
