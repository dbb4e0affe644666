/**
 * Two hundred random workflows at once on a real Postgres, by three workers whose connections are cut again and again:
 * each ends as its model says, and the invariants hold in the database's own words.
 */
import { fixed, retry, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { Simulation } from '@q/testing'
import { MemoryBackend } from '@q/core/memory'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { openHost } from '../../src/engine/host.ts'
import { list } from '../../src/engine/work/step.ts'
import { workflows } from '../../src/run/workflows.ts'
import { frameOfSteps, isOpen, replay } from '../../src/run/replay.ts'
import { storedSteps } from '../../src/run/steps.ts'
import { randomChain, randomDag } from './random.ts'

const SEEDS = 200
/** Cuts, one every {@link CUT_MS}: on a slow machine too there is a time without any, in which all end. */
const CUTS = 30
const CUT_MS = 400
const schema = `random_${process.pid}_${Date.now().toString(36)}`
const admin = new pg.Pool({ connectionString: inject('databaseUrl'), max: 2 })

beforeAll(() => PostgresStorage.setup(admin, { schema }))
afterAll(async () => {
  await admin.query(`drop schema ${schema} cascade`)
  await admin.end()
})

it('random workflows on Postgres end as their models say while connections are cut', async () => {
  const modelled = Array.from({ length: SEEDS }, (_, seed) => {
    const simulation = new Simulation(seed + 1, (clock) => new MemoryBackend({ clock }))
    const of = (n: number): number => simulation.pick(n)
    return seed % 2 === 0 ? randomChain(of, `chain-${seed}`) : randomDag(of, `dag-${seed}`)
  })
  const name = `random ${schema}`
  const pools = Array.from({ length: 3 }, () => {
    const pool = new pg.Pool({ connectionString: inject('databaseUrl'), max: 4, application_name: name })
    pool.on('error', () => undefined)
    return pool
  })
  const stores = pools.map((pool) => PostgresStorage.withNotify<unknown>({ pool, schema, queue: 'random' }))
  const own = new PostgresStorage<unknown>({ pool: admin, schema, queue: 'random' })
  const workers = stores.map((store, at) =>
    new WorkerBuilder(`random-${at}`)
      .backend(store)
      .concurrency(20)
      .lease('2s')
      .use(retry({ retries: 50, backoff: fixed(20) }))
      .onEvent(() => undefined)
      .build(workflows(...modelled.map(({ flow }) => flow))),
  )
  for (const worker of workers) await worker.start()
  const runs = await Promise.all(modelled.map(({ flow, input }) => flow.pushStart(own, input)))
  const stuck: unknown[] = []
  let cuts = 0
  const cutting = setInterval(() => {
    if (++cuts === CUTS) clearInterval(cutting)
    void admin
      .query(
        `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and (application_name like '%' || $1 || '%' or application_name = $2)`,
        [schema, name],
      )
      .catch(() => undefined)
    void own.backend.stuckRuns(10).then(
      (found) => stuck.push(...found),
      () => undefined,
    )
  }, CUT_MS)
  await Promise.all(runs.map((run) => run.finished))
  clearInterval(cutting)
  // The last cut may be on its way.
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(cuts).toBeGreaterThan(10)
  await own.backend.stuckRuns(1).catch(() => undefined)
  const infos = await Promise.all(runs.map((run) => run.info()))

  for (const [at, { ends, flow }] of modelled.entries()) {
    const where = `${flow.graph.name} (seed ${at + 1})`
    expect(infos[at]!.status, where).toBe(ends.status)
    if (ends.status === 'done') expect(await runs[at]!.result(), where).toEqual(ends.output)
  }
  expect(stuck).toEqual([])
  for (const worker of workers) await worker.stop()

  // I1: no step has two ends. I5: what was claimed after its run had ended was not run.
  const { rows } = await admin.query(
    `select (select count(*) from (select id from ${schema}.live intersect select id from ${schema}.outcome) as both_)::int4 as twice,
            (select count(*) from ${schema}.outcome o join ${schema}.task t using (id) join ${schema}.run r on r.id = t.run
              where o.status = 4 and to_timestamp((o.token >> 20) / 1000.0) > r.finished_at + interval '2 milliseconds')::int4 as after_end`,
  )
  expect(rows).toEqual([{ twice: 0, after_end: 0 }])

  // I2 and I3: what exists is what the steps that ended lead to.
  const host = openHost(own as never)
  for (const [at, { flow }] of modelled.entries()) {
    const steps = await list(storedSteps(own.backend, runs[at]!.id))
    const { tasks, joins } = replay(host, flow.graph, frameOfSteps(runs[at]!.id, 'random', steps), steps)
    const led = new Set([...tasks.keys(), ...[...joins.values()].filter(isOpen).map(({ task }) => task.id)])
    const entries = new Set(flow.graph.entries)
    for (const step of steps) {
      const { node, index } = step.step!
      if (node.startsWith('$') || (entries.has(node) && index === 0)) continue
      expect(led.has(step.id), `${flow.graph.name}: ${node} #${index} was led to`).toBe(true)
    }
  }
  for (const store of [...stores, own]) await store.close()
  for (const pool of pools) await pool.end()
}, 120_000)
