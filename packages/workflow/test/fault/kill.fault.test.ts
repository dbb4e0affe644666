/** Worker processes that die without a word, in the middle of whatever a workflow does. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { bundleWorker } from './support/bundle.ts'
import { Fleet } from './support/fleet.ts'
import { CHILD_STEPS, hasChild, makeFlow, outputOf, SILENT, stepsOf } from './support/flow.ts'
import { readRuns, wrongWith } from './support/history.ts'

const RUNS = 1_000
const KILLS = 30
const EVERY_MS = 300
const WORKERS = 4
/** Seconds on a machine that has nothing else to do. */
const DRAIN_MS = 90_000

test('kill -9 of random workers leaves no run standing, no step undone and no transition made twice', async () => {
  await using scene = await openScene()
  const { pool, schema, store } = scene
  const flow = makeFlow(`"${schema}".booked`, () => undefined)
  const fleet = scene.fleet(await bundleWorker(scene.folder))

  const startedAt = Date.now()
  let started = 0
  for (let kills = 1; kills <= KILLS; kills++) {
    // Some of them after each kill, and the older ones first: so each finds runs at every node.
    const inputs = Array.from({ length: Math.ceil((RUNS * kills) / KILLS) - started }, () => started++)
    await flow.pushStarts(store, inputs, { priority: -kills })
    await pause(EVERY_MS)
    // On a slow machine all may still be starting: a kill counts when it hits a worker with work.
    while (!fleet.kill()) await pause(10)
  }
  const killedAt = Date.now()
  const openAtLastKill = await scene.unfinished()
  while ((await scene.unfinished()) > 0 && Date.now() - killedAt < DRAIN_MS) await pause(50)
  const drainedMs = Date.now() - killedAt

  const runs = await readRuns(pool, schema)
  const parents = runs.filter(({ parent }) => parent === null)
  const children = runs.filter(({ parent }) => parent !== null)
  const effects = scene.effects()
  const ran = new Set(effects)
  const crashed = await scene.query<{ node: string; at: number }>(`
    select t.node, (extract(epoch from a.ended_at) * 1000)::float8 as at from "${schema}".attempt a join "${schema}".task t using (id) where a.result = 10`)
  const takenBackMs = Math.max(...crashed.map(({ at }) => at)) - killedAt
  const figures = {
    runs: runs.length,
    steps: runs.flatMap(({ steps }) => steps).length,
    kills: fleet.killed,
    'storm in ms': killedAt - startedAt,
    'runs open at the last kill': openAtLastKill,
    'claims cut': crashed.length,
    'nodes cut': new Set(crashed.map(({ node }) => node)).size,
    'extra effects': effects.length - ran.size,
    'all taken back, seconds after the last kill': Math.round(takenBackMs / 100) / 10,
    'all ended, seconds after the last kill': Math.round(drainedMs / 100) / 10,
  }
  process.stdout.write(
    `[fault] workflow kill storm: ${Object.entries(figures)
      .map((each) => each.join(' '))
      .join(', ')}\n`,
  )

  // The faults happened.
  expect(fleet.killed).toBeGreaterThanOrEqual(KILLS)
  expect(fleet.untold).toEqual([])
  expect(openAtLastKill).toBeGreaterThan(0)
  expect(crashed.length).toBeGreaterThan(KILLS)
  // What the dead held is taken back after a lease and a round of sweeping. How long the rest of the work takes is the machine's affair.
  expect(takenBackMs).toBeLessThan(20_000)
  expect((await flow.stuck(store)).map(({ id }) => id)).toEqual([])
  expect(await scene.unfinished()).toBe(0)
  // Every step is there once, ended once, and was stored by the very commit that ended the one before.
  const wrong = [
    ...parents.flatMap((run) => wrongWith(run, stepsOf(run.input as number))),
    ...children.flatMap((run) => wrongWith(run, CHILD_STEPS)),
  ]
  expect(wrong.slice(0, 20)).toEqual([])
  // Every run gave what it had to, and started the child it had to start, once.
  expect(parents.map(({ input }) => Number(input)).sort((a, b) => a - b)).toEqual([...Array(RUNS).keys()])
  expect(parents.filter(({ input, output }) => output !== outputOf(Number(input)))).toEqual([])
  const withChild = parents.filter(({ input }) => hasChild(Number(input))).map(({ id }) => id)
  expect(children.map(({ parent }) => String(parent)).toSorted()).toEqual(withChild.toSorted())
  // Every handler took effect at least once, and again only where a worker had died holding its step.
  const loud = runs.flatMap(({ steps }) => steps.filter(({ place }) => !SILENT.includes(place)))
  expect(loud.filter(({ id }) => !ran.has(id))).toEqual([])
  expect(ran.size).toBe(loud.length)
  expect(effects.length - ran.size).toBeLessThanOrEqual(crashed.length)
  // What a step wrote in its transaction is there once, by the very commit that ended it.
  const booked = await scene.query<{ run: string; n: number; written: string }>(
    `select run, n, xmin::text as written from "${schema}".booked`,
  )
  const commits = new Map(runs.map(({ id, steps }) => [id, steps.find(({ place }) => place === 'book#0')?.ended]))
  expect(booked.map(({ n }) => n).sort((a, b) => a - b)).toEqual([...Array(RUNS).keys()])
  expect(booked.filter(({ run, written }) => commits.get(run) !== written)).toEqual([])
}, 180_000)

interface Scene extends AsyncDisposable {
  readonly pool: pg.Pool
  readonly schema: string
  readonly folder: string
  readonly store: PostgresStorage<unknown>
  readonly query: <Row extends pg.QueryResultRow>(text: string) => Promise<Row[]>
  readonly fleet: (program: string) => Fleet
  /** How many runs have not ended. */
  readonly unfinished: () => Promise<number>
  /** Steps whose handlers took effect, once for each time. */
  readonly effects: () => string[]
}

/** A schema and a folder of this test's own. */
async function openScene(): Promise<Scene> {
  const url = inject('databaseUrl')
  const schema = `workflow_kill_${process.pid}_${Date.now().toString(36)}`
  const queue = 'flows'
  const folder = mkdtempSync(path.join(tmpdir(), 'q-workflow-kill-'))
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  const store = new PostgresStorage<unknown>({ pool, schema, queue })
  const fleets: Fleet[] = []
  await PostgresStorage.setup(pool, { schema })
  // Unique by nothing: a second row would show.
  await pool.query(`create table "${schema}".booked (run uuid not null, n int4 not null)`)
  const query = async <Row extends pg.QueryResultRow>(text: string): Promise<Row[]> =>
    (await pool.query<Row>(text)).rows
  return {
    pool,
    schema,
    store,
    folder,
    query,
    fleet(program: string): Fleet {
      const fleet = new Fleet(program, { url, schema, queue, effects: folder }, WORKERS)
      fleets.push(fleet)
      return fleet
    },
    async unfinished(): Promise<number> {
      const [row] = await query<{ count: number }>(
        `select count(*)::int4 from "${schema}".run where finished_at is null`,
      )
      return row!.count
    },
    effects(): string[] {
      return readdirSync(folder)
        .filter((name) => name.endsWith('.log'))
        .flatMap((name) => readFileSync(path.join(folder, name), 'utf8').split('\n').slice(0, -1))
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const fleet of fleets) await fleet[Symbol.asyncDispose]()
      await store.close()
      await pool.query(`drop schema "${schema}" cascade`)
      await pool.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
