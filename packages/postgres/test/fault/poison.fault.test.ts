/** Tasks that end the process that runs them, among tasks that do not. */
import { inject, test } from 'vitest'
import type { Job } from './support/job.ts'
import { byId } from './support/invariants.ts'
import { report, Scene } from './support/scene.ts'

const PILLS: readonly Job[] = [
  { do: 'die', by: 'sigkill' },
  { do: 'die', by: 'exit' },
  { do: 'die', by: 'uncaught' },
]
const GOOD = 1_000
const CRASH_BUDGET = 5
const WORKERS = 3

test(
  'pills are killed after their crash budget, and every other task is done',
  { timeout: 120_000 },
  async ({ expect }) => {
    await using scene = await Scene.open(inject('databaseUrl'))
    const good = (count: number) => Array.from({ length: count }, () => ({ do: 'work', ms: 20 }) as const)
    const ids = new Set([
      ...(await scene.push(good(GOOD / 4))),
      ...(await scene.push([...PILLS, ...good((GOOD * 3) / 4)])),
    ])
    const startedAt = Date.now()
    const fleet = scene.fleet(WORKERS, { lease: '1s' })
    const drainMs = await scene.drained(90_000).then(() => Date.now() - startedAt)
    const history = await scene.check()

    const { rows: pills } = await scene.pool.query<{ id: string; status: string; crashes: number; code: string }>(
      `select id, status, crashes, error->>'code' as code from "${scene.schema}".tasks where status <> 'done'`,
    )
    const starts = byId(scene.ledgers.of('start'))
    const innocent = history.filter((step) => step.to === 'failed' && !pills.some((pill) => pill.id === step.id))
    const done = history.filter((step) => step.to === 'done').length
    report('poison pills', {
      pills: pills.length,
      'processes lost': fleet.unordered.length,
      'good tasks taken back': innocent.length,
      'most crashes of a good task': Math.max(0, ...innocent.map((step) => step.crashes)),
      'drained in ms': drainMs,
    })
    expect(pills).toHaveLength(PILLS.length)
    for (const pill of pills) {
      expect(pill).toMatchObject({ status: 'killed', crashes: CRASH_BUDGET, code: 'ERR_CRASHED' })
      expect(ids.has(pill.id)).toBe(true)
      expect(starts.get(pill.id)?.length).toBeLessThanOrEqual(CRASH_BUDGET)
    }
    expect(done).toBe(GOOD)
    // Each death had a pill for a cause, and in quarantine none takes a neighbour with it.
    expect(fleet.unordered.length).toBeLessThanOrEqual(PILLS.length * CRASH_BUDGET)
    expect(Math.max(0, ...innocent.map((step) => step.crashes))).toBeLessThan(CRASH_BUDGET)
  },
)
