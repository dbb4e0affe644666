/** Processes that stand still for longer than their lease, and what might keep a lease from being renewed. */
import { describe, inject, test } from 'vitest'
import { byId } from './support/invariants.ts'
import { pause, report, Scene, until } from './support/scene.ts'

/** Time a handler's signal may take to abort, and a worker to be at work again, after it may run again. */
const SOON_MS = 1_500

describe.concurrent('a process that was stopped (SIGSTOP) for longer than its lease', () => {
  for (const round of ['another worker finishes its tasks', 'its tasks wait for it'] as const)
    test(
      `changes nothing under its old claims, aborts its handlers, and goes on: ${round}`,
      { timeout: 60_000 },
      async ({ expect }) => {
        await using scene = await Scene.open(inject('databaseUrl'))
        // Five end while the process stands still and are settled late; five hear of it by their signal.
        await scene.push([
          ...Array.from({ length: 5 }, () => ({ do: 'work', ms: 1_200 }) as const),
          ...Array.from({ length: 5 }, () => ({ do: 'linger', ms: 50_000 }) as const),
        ])
        const zombies = scene.fleet(1, { lease: '2s' })
        const [zombie] = zombies.alive
        await until('ten handlers run', () => scene.ledgers.of('start').length === 10)
        zombie?.signal('SIGSTOP')
        await pause(100)
        if (round === 'another worker finishes its tasks') {
          const other = scene.fleet(1, { lease: '2s' })
          await scene.drained(20_000)
          await other.stop()
        } else {
          await until('a sweep takes its tasks', async () => {
            await scene.storage.backend.sweep()
            return (await scene.claimed()) === 0
          })
        }
        const takenAt = (await scene.history()).length
        const oldTokens = new Set((await scene.history()).map((step) => step.token))
        const later = await scene.push(Array.from({ length: 20 }, () => ({ do: 'work', ms: 1 })))
        const continuedAt = Date.now()
        zombie?.signal('SIGCONT')
        const drainMs = await scene.drained(20_000)
        const history = await scene.check()

        const entries = scene.ledgers.read().filter((entry) => entry.pid === zombie?.pid)
        const stale = entries.filter((entry) => entry.kind === 'stale').length
        const aborts = entries.filter((entry) => entry.kind === 'abort')
        const lives = entries.filter((entry) => entry.what === 'start')
        report(`SIGSTOP, ${round}`, {
          'stale settlements': stale,
          'signals aborted': aborts.length,
          'slowest abort in ms': Math.max(...aborts.map((e) => e.at - continuedAt)),
          'drained in ms': drainMs,
        })
        expect(stale).toBeGreaterThanOrEqual(1)
        expect(aborts).toHaveLength(5)
        for (const abort of aborts) expect(abort.at - continuedAt).toBeLessThan(SOON_MS)
        // By a token from before there is no step any more, but those of the tasks that a sweep gave a new one.
        const byOld = history.slice(takenAt).filter((step) => oldTokens.has(step.token) && step.token !== '0')
        expect(byOld).toEqual([])
        expect(lives.length).toBe(2)
        expect(new Set(lives.map((life) => life.id)).size).toBe(2)
        expect(zombies.exits).toEqual([])
        const effects = byId(entries.filter((entry) => entry.kind === 'effect'))
        for (const id of later) expect(effects.get(id)).toHaveLength(1)
      },
    )
})

describe.concurrent('a lease', () => {
  test(
    'is kept while handlers hold every connection of the pool they share with the storage',
    { timeout: 60_000 },
    async ({ expect }) => {
      await using scene = await Scene.open(inject('databaseUrl'))
      const HOLD_MS = 3_000
      await scene.push(Array.from({ length: 8 }, () => ({ do: 'hold', ms: HOLD_MS })))
      const fleet = scene.fleet(1, { lease: '2s', poolSize: 4 })
      await until('all handlers run', () => scene.ledgers.of('start').length === 8)
      let worstMs = 0
      let held = 0
      while ((await scene.open()) > 0) {
        const { rows } = await scene.pool.query<{ age: number; held: number }>(
          `select (extract(epoch from clock_timestamp() - min(beat_at)) * 1000)::float8 as age,
                (select count(*)::int4 from pg_stat_activity where application_name = $1 and state = 'idle in transaction') as held
           from "${scene.schema}".instance`,
          [`user ${scene.schema}`],
        )
        worstMs = Math.max(worstMs, rows[0]?.age ?? 0)
        held = Math.max(held, rows[0]?.held ?? 0)
        await pause(50)
      }
      await scene.check()
      const lost = scene.ledgers.of('event').filter((entry) => entry.what === 'lease-lost')
      report('pool held by handlers', {
        'connections held': held,
        'longest time without a beat in ms': Math.round(worstMs),
      })
      expect(held).toBe(4)
      expect(worstMs).toBeLessThan(2_000)
      expect(lost).toEqual([])
      expect(scene.ledgers.of('start')).toHaveLength(8)
      expect(fleet.exits).toEqual([])
    },
  )

  test(
    'is lost while a handler blocks the event loop, and the worker recovers without completing anything twice',
    { timeout: 60_000 },
    async ({ expect }) => {
      await using scene = await Scene.open(inject('databaseUrl'))
      const BLOCK_MS = 4_000
      await scene.push([
        ...Array.from({ length: 5 }, () => ({ do: 'work', ms: 500 }) as const),
        { do: 'block', ms: BLOCK_MS },
      ])
      const blocked = scene.fleet(1, { lease: '1s' })
      const [worker] = blocked.alive
      await until('all handlers run', () => scene.ledgers.of('start').length === 6)
      const other = scene.fleet(1, { lease: '1s' })
      await scene.drained(20_000)
      await other.stop()
      const later = await scene.push(Array.from({ length: 20 }, () => ({ do: 'work', ms: 1 })))
      const drainMs = await scene.drained(20_000)
      const history = await scene.check()
      const entries = scene.ledgers.read()
      const starts = entries.filter((entry) => entry.kind === 'start').length
      const swept = history.filter((step) => step.to === 'failed').length
      report('event loop blocked', {
        'taken back': swept,
        'extra starts': starts - 26,
        'drained afterwards in ms': drainMs,
      })
      expect(swept).toBeGreaterThanOrEqual(1)
      expect(blocked.exits).toEqual([])
      const effects = byId(entries.filter((entry) => entry.kind === 'effect' && entry.pid === worker?.pid))
      for (const id of later) expect(effects.get(id)).toHaveLength(1)
    },
  )
})
