/** A database that cuts its sessions, is down at the start, is away for longer than every lease, and crashes again and again. */
import { startDatabase } from '@q/dev-database'
import { describe, inject, test } from 'vitest'
import { Doorkeeper } from './support/doorkeeper.ts'
import { Producer } from './support/producer.ts'
import { byId } from './support/invariants.ts'
import { seeded } from './support/random.ts'
import { LONG, pause, report, Scene, until } from './support/scene.ts'

const OUTAGE_MS = LONG ? 60_000 : 20_000
const CRASHES = LONG ? 30 : 5
const STORM_MS = LONG ? 120_000 : 30_000
const CUT_EVERY_MS = 500
const WORKERS = 2
/** Claim, settle, beat and sweep, the listener, and the user's own pool: each with its own backoff. */
const MOST_ATTEMPTS_PER_SECOND = 10
const WINDOW_MS = 2_000
/** Claims are committed without waiting for the disk; Postgres writes them within three times its 200 ms. */
const FORGOTTEN_MS = 1_000

describe.concurrent('a database', () => {
  test(
    'that is down at the start and later for longer than the lease ends no worker and loses nothing',
    { timeout: OUTAGE_MS + 90_000 },
    async ({ expect }) => {
      await using database = await startDatabase({ own: true })
      await using scene = await Scene.open(database.url)
      const first = await scene.push(Array.from({ length: 200 }, () => ({ do: 'work', ms: 10 }) as const))
      await database.kill()
      const fleet = scene.fleet(WORKERS)
      const sayRegister = (): number =>
        scene.ledgers.of('event').filter((entry) => entry.what?.startsWith('error register')).length
      await until('both workers say that they cannot register', () => sayRegister() >= WORKERS * 2)
      await database.restart()
      const firstMs = await scene.drained(30_000)

      // Long enough to end while the database is away: their outcomes have to be kept.
      const second = await scene.push(Array.from({ length: 200 }, () => ({ do: 'work', ms: 400 }) as const))
      await until('the second half is at work', () => scene.ledgers.of('start').length >= first.length + 20)
      const killedAt = Date.now()
      await database.kill()
      let attempts: readonly number[] = []
      {
        await using keeper = await Doorkeeper.at(database.port)
        await pause(OUTAGE_MS - 1_000)
        ;({ attempts } = keeper)
      }
      await database.restart()
      const outageMs = Date.now() - killedAt
      const drainMs = await scene.drained(60_000)
      const history = await scene.check({ forgetful: true })

      const windows = new Map<number, number>()
      for (const at of attempts) {
        const window = Math.floor(at / WINDOW_MS)
        windows.set(window, (windows.get(window) ?? 0) + 1)
      }
      const worst = Math.max(0, ...windows.values()) / WORKERS / (WINDOW_MS / 1_000)
      const done = history.filter((step) => step.to === 'done').length
      const cut = history.filter((step) => step.to === 'failed').length
      const starts = scene.ledgers.of('start').length
      report('outage', {
        'first errors': sayRegister(),
        'drained after the first start in ms': firstMs,
        'outage in ms': outageMs,
        'most connection attempts per second and process': worst,
        'attempts per second on average': (attempts.length / WORKERS / (OUTAGE_MS / 1_000)).toFixed(1),
        'drained after it in ms': drainMs,
        'claims cut': cut,
        'extra starts': starts - first.length - second.length,
      })
      expect(fleet.exits).toEqual([])
      expect(attempts.length).toBeGreaterThan(0)
      expect(worst).toBeLessThanOrEqual(MOST_ATTEMPTS_PER_SECOND)
      expect(done).toBe(first.length + second.length)
      // What ended while the database was away is kept and sent again. Run again is only what a sweep took, and
      // what had been claimed so shortly before the crash that the server forgot it.
      const steps = byId(history)
      for (const [id, of] of byId(scene.ledgers.of('start'))) {
        const taken = steps.get(id)?.some((step) => step.to === 'failed')
        if (of.length > 1 && !taken) expect(of[0]?.at).toBeGreaterThan(killedAt - FORGOTTEN_MS)
      }
    },
  )

  test(
    'that crashes again and again keeps every committed push, and every task ends once',
    { timeout: 60_000 + CRASHES * 10_000 },
    async ({ expect }) => {
      const random = seeded()
      await using database = await startDatabase({ own: true })
      await using scene = await Scene.open(database.url)
      const fleet = scene.fleet(WORKERS)
      await fleet.ready()
      const producer = new Producer(scene, 5, () => ({ do: 'work', ms: random.int(0, 40) }))
      for (let crash = 0; crash < CRASHES; crash++) {
        await pause(random.int(1_000, 2_000))
        await database.restart('immediate')
      }
      await pause(1_000)
      await producer.stop()
      const drainMs = await scene.drained(30_000)
      const history = await scene.check({ forgetful: true })
      const done = history.filter((step) => step.to === 'done').length
      const starts = scene.ledgers.of('start').length
      report('server crash loop', {
        seed: random.seed,
        crashes: CRASHES,
        'pushes ok': producer.counts.ok,
        unknown: producer.counts.unknown,
        failed: producer.counts.fail,
        done,
        'extra starts': starts - done,
        'drained after the last crash in ms': drainMs,
      })
      expect(fleet.exits).toEqual([])
      expect(producer.counts.ok).toBeGreaterThan(50)
      expect(scene.ledgers.of('event').some((entry) => entry.what?.startsWith('error'))).toBe(true)
    },
  )

  test(
    'that terminates all sessions every half second ends no process, loses no task and runs none twice',
    { timeout: STORM_MS + 60_000 },
    async ({ expect }) => {
      const random = seeded()
      await using scene = await Scene.open(inject('databaseUrl'))
      const fleet = scene.fleet(WORKERS)
      await fleet.ready()
      const job = () => ({ do: 'work', ms: random.int(0, 40) }) as const
      const producers = [new Producer(scene, 10, job), new Producer(scene, 10, job)]

      let terminated = 0
      for (const end = Date.now() + STORM_MS; Date.now() < end; await pause(CUT_EVERY_MS)) {
        // Names of the engine's and of the users' sessions of this schema; the test's own has another.
        const { rowCount } = await scene.pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = any($1)`,
          [['control', 'listen'].map((kind) => `q ${kind} ${scene.schema}`).concat(`user ${scene.schema}`)],
        )
        terminated += rowCount ?? 0
      }
      await Promise.all(producers.map((producer) => producer.stop()))
      const drainMs = await scene.drained(30_000)
      const history = await scene.check()

      const sum = (kind: 'ok' | 'unknown' | 'fail') => producers.reduce((all, each) => all + each.counts[kind], 0)
      const starts = scene.ledgers.of('start').length
      const done = history.filter((step) => step.to === 'done').length
      const errors = scene.ledgers.of('event').filter((entry) => entry.what?.startsWith('error'))
      report('terminate storm', {
        seed: random.seed,
        'sessions terminated': terminated,
        'pushes ok': sum('ok'),
        unknown: sum('unknown'),
        failed: sum('fail'),
        'tasks done': done,
        'extra starts': starts - done,
        'error events': errors.length,
        'drained after the storm in ms': drainMs,
      })
      expect(terminated).toBeGreaterThanOrEqual(STORM_MS / CUT_EVERY_MS)
      expect(errors.length).toBeGreaterThan(0)
      expect(sum('ok')).toBeGreaterThan(100)
      expect(fleet.exits).toEqual([])
      // Nobody died and no lease ended, so what was done is kept and sent again, and nothing is done again.
      expect(starts).toBe(done)
    },
  )
})
