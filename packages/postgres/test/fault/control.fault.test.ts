/** Unique keys, cancels and pauses keep their word while workers die, freeze, or lose every connection. */
import { isFinal } from '@q/core'
import { describe, inject, test } from 'vitest'
import type { Step } from './support/history.ts'
import { byId } from './support/invariants.ts'
import { seeded } from './support/random.ts'
import { LONG, pause, report, Scene, until } from './support/scene.ts'
import type { Fleet } from './support/fleet.ts'
import { Traffic } from './support/traffic.ts'

const STORM_MS = LONG ? 60_000 : 9_000
const WORKERS = 3
const LEASE_MS = 2_000
/** A pause is heard of with the next beat; that may be sent just before it, and start what it was trusted with. */
const BEAT_MS = LEASE_MS / 4
const SLACK_MS = 500
const CLOCKS_MS = 2

/** Does harm until the time is over. @returns How often. */
type Harm = (scene: Scene, fleet: Fleet, until: number) => Promise<number>

const kill: Harm = async (_scene, fleet, end) => {
  let kills = 0
  for (; Date.now() < end; await pause(400)) {
    const ready = fleet.alive.filter((worker) => worker.isReady)
    if (ready.length < 2) continue
    ready[kills % ready.length]?.signal('SIGKILL')
    kills += 1
  }
  return kills
}

const terminate: Harm = async (scene, _fleet, end) => {
  let cut = 0
  for (; Date.now() < end; await pause(500)) {
    const { rows } = await scene.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name in ($1, $2, $3, $4, $5)`,
      ['q control', 'q beat', 'q people', 'q listen', 'user'].map((name) => `${name} ${scene.schema}`),
    )
    cut += rows.length
  }
  return cut
}

const freeze: Harm = async (_scene, fleet, end) => {
  let freezes = 0
  for (; Date.now() < end; freezes++) {
    const victim = fleet.alive.filter((worker) => worker.isReady)[freezes % WORKERS]
    victim?.signal('SIGSTOP')
    await pause(LEASE_MS + 1_000)
    victim?.signal('SIGCONT')
    await pause(300)
  }
  return freezes
}

describe.concurrent('unique keys, cancels and pauses hold', () => {
  for (const [name, harm] of Object.entries({
    'while workers are killed': kill,
    'while all sessions are terminated': terminate,
    'while workers freeze past their lease': freeze,
  })) {
    test(name, { timeout: STORM_MS + 90_000 }, async ({ expect }) => {
      const random = seeded()
      await using scene = await Scene.open(inject('databaseUrl'))
      const fleet = scene.fleet(WORKERS, { concurrency: 10, lease: `${LEASE_MS / 1_000}s` })
      await fleet.ready()
      const traffic = new Traffic(scene, random, { ms: 2_500, workMs: 1_500 })
      const harmed = await harm(scene, fleet, Date.now() + STORM_MS)
      await traffic.stop()
      await until('the queue works again', async () => !(await scene.storage.isPaused()))
      const drainMs = await scene.drained(60_000)
      const history = await scene.check()
      const steps = byId(history)
      const starts = scene.ledgers.of('start')

      const answers = new Map<string, number>()
      for (const { answer } of traffic.cancelled) answers.set(answer, (answers.get(answer) ?? 0) + 1)
      report(`control ${name}`, {
        seed: random.seed,
        harm: harmed,
        created: traffic.pushed.length,
        duplicates: traffic.duplicates,
        replaced: traffic.replaced,
        cancels: [...answers].map(([answer, count]) => `${answer} ${count}`).join(' '),
        pauses: traffic.paused.length,
        'drained in ms': drainMs,
      })

      expect(harmed).toBeGreaterThanOrEqual(3)
      expect(traffic.paused.length).toBeGreaterThanOrEqual(2)
      expect(traffic.duplicates).toBeGreaterThan(3)
      expect(answers.get('cancelled') ?? 0).toBeGreaterThan(0)
      expect(answers.get('cancelling') ?? 0).toBeGreaterThan(0)
      expect(fleet.unordered).toEqual([])
      expect(brokenKeys(traffic, steps)).toEqual([])
      expect(runAfterCancel(traffic, steps)).toEqual([])
      expect(startedWhilePaused(traffic, starts)).toEqual([])
    })
  }
})

/** Unique tasks that were created while an earlier one with their key still kept them out. */
function brokenKeys(traffic: Traffic, steps: ReadonlyMap<string, Step[]>): string[] {
  const broken: string[] = []
  const groups = new Map<string, { id: string; at: number; waiting: boolean }[]>()
  for (const { id, key, while: kind } of traffic.pushed) {
    const at = steps.get(id)?.[0]?.at ?? 0
    groups.set(key, [...(groups.get(key) ?? []), { id, at, waiting: kind === 'waiting' }])
  }
  for (const [key, group] of groups) {
    group.sort((a, b) => a.at - b.at)
    for (const [n, later] of group.entries()) {
      const earlier = group[n - 1]
      if (earlier === undefined) continue
      const status = (steps.get(earlier.id) ?? []).findLast((step) => step.at <= later.at)?.to ?? 'pending'
      const free = later.waiting ? status !== 'pending' && status !== 'failed' : isFinal(status)
      if (!free) broken.push(`${key}: ${later.id} was created while ${earlier.id} was ${status}`)
    }
  }
  return broken
}

/** Tasks that were claimed, or ended as anything but what their holder had done, after a cancel was answered. */
function runAfterCancel(traffic: Traffic, steps: ReadonlyMap<string, Step[]>): string[] {
  return traffic.cancelled.flatMap(({ id, answer, at }) => {
    const of = steps.get(id) ?? []
    const claimed = of.some((step) => step.to === 'queued' && step.at > at + CLOCKS_MS)
    const end = of.at(-1)?.to
    if (claimed) return [`${id} was claimed after its cancel was answered ${answer}`]
    if (answer === 'cancelled' && end !== 'cancelled') return [`${id} was cancelled and ended as ${end}`]
    return answer === 'unknown' ? [`${id} is unknown`] : []
  })
}

function startedWhilePaused(
  traffic: Traffic,
  starts: readonly { readonly at: number; readonly id?: string | undefined }[],
) {
  return traffic.paused.flatMap(({ from, to }) =>
    starts
      .filter(({ at }) => at > from + BEAT_MS + SLACK_MS && at < to)
      .map(({ id, at }) => `${id} started ${at - from} ms after the queue was paused`),
  )
}
