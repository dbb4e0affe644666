/** A schema of its own on a real Postgres, with notes that steps write in their transactions, and what must hold of a run at its end. */
import { type Backend, fixed, pollEvery, retry, type SettleAnswer, uuidv7, type Worker, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { expect } from 'vitest'
import type { Definition } from '../../src/build/definition.ts'
import { list } from '../../src/engine/work/step.ts'
import { stepId } from '../../src/ids.ts'
import type { Run } from '../../src/run/handle.ts'
import { told } from '../suite/support.ts'

type Store = PostgresStorage<unknown>
type Settle = Parameters<Store['backend']['settle']>

/** What a worker is built with. */
export interface WorkOptions {
  /** Another way to the database. */
  readonly url?: string
  readonly notify?: boolean
  readonly concurrency?: number
  /** Waited for before these settlements are sent. */
  readonly hold?: (settlements: Settle[0]) => unknown
}

/** How a run is expected to have ended. */
export interface Ended {
  readonly output: unknown
  readonly steps: readonly string[]
  /** Notes that are committed, by their text. */
  readonly notes?: Readonly<Record<string, number>>
}

/** One database for the tests of a file. */
export class Ground implements AsyncDisposable {
  readonly url: string
  readonly schema: string = `points_${uuidv7().replaceAll('-', '').slice(6, 26)}`
  /** The test's own connections, which nothing befalls. */
  readonly pool: pg.Pool
  readonly store: Store
  /** Answers to settlements, by the id of the step. */
  readonly answers: Map<string, (SettleAnswer | 'busy')[]> = new Map()
  readonly #workers: { readonly worker: Worker; readonly store: Store; readonly pool: pg.Pool }[] = []

  private constructor(url: string) {
    this.url = url
    this.pool = openPool(url, `test of ${this.schema}`)
    this.store = new PostgresStorage<unknown>({ pool: this.pool, schema: this.schema, queue: 'flows' })
  }

  static async open(url: string): Promise<Ground> {
    const ground = new Ground(url)
    await PostgresStorage.setup(ground.pool, { schema: ground.schema })
    await ground.rows('create table $schema.notes (run uuid, note text)')
    return ground
  }

  /** Rows of a query in which `$schema` stands for the schema. */
  async rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(text.replaceAll('$schema', this.schema), values)).rows
  }

  /** What a step writes in its transaction. */
  async note(tx: pg.PoolClient, run: string, note: string): Promise<void> {
    await tx.query(`insert into ${this.schema}.notes values ($1, $2)`, [run, note])
  }

  /** Starts a worker with a lease of a second and connections of its own. */
  async work(flow: Definition<never, unknown>, options: WorkOptions = {}): Promise<Worker> {
    const { url = this.url, notify = false, concurrency = 10, hold } = options
    const pool = openPool(url, `user ${this.schema}`)
    const kind = { pool, schema: this.schema, queue: 'flows' }
    const store = notify
      ? PostgresStorage.withNotify<unknown>({ ...kind, poll: pollEvery('200ms') })
      : new PostgresStorage<unknown>(kind)
    const backend: Backend<never> = store.backend as never
    const settle = store.backend.settle.bind(store.backend)
    backend.settle = async (...given) => {
      await hold?.(given[0])
      const answers = await settle(...given)
      for (const [at, { id }] of given[0].entries())
        this.answers.set(id, [...(this.answers.get(id) ?? []), answers[at]!])
      return answers
    }
    const worker = new WorkerBuilder('w')
      .backend(store)
      .lease('1s')
      .concurrency(concurrency)
      .use(retry({ retries: 5, backoff: fixed(10) }))
      .onEvent(() => undefined)
      .build(flow)
    this.#workers.push({ worker, store, pool })
    await worker.start()
    return worker
  }

  /** A session of the test's own, with a transaction that holds something. */
  async hold(text: string, values: unknown[] = []): Promise<pg.PoolClient> {
    const client = await this.pool.connect()
    await client.query('begin')
    await client.query(text.replaceAll('$schema', this.schema), values)
    return client
  }

  /** Lets go of what a session holds. */
  async release(client: pg.PoolClient, how: 'commit' | 'rollback' = 'rollback'): Promise<void> {
    await client.query(how)
    client.release()
  }

  /** Waits until so many sessions of the engine wait for a lock. */
  async waiting(sessions: number): Promise<void> {
    await expect
      .poll(
        async () =>
          (
            await this.rows(
              `select from pg_stat_activity where wait_event_type = 'Lock' and application_name like 'q % ' || $1`,
              [this.schema],
            )
          ).length,
        { interval: 5, timeout: 5_000 },
      )
      .toBe(sessions)
  }

  /** Waits until the run has ended, and checks all that must hold of it. */
  async ends(run: Run, { output, steps, notes = {} }: Ended): Promise<void> {
    expect(await run.result({ timeout: '15s' })).toEqual(output)
    const all = await list(run.steps())
    expect(told(all)).toEqual([...steps].sort())
    // An outcome is stored once for each id; nothing that has one lives.
    expect(
      await this.rows(
        `select count(*)::int4 as ended, count(distinct o.id)::int4 as steps,
                (select count(*)::int4 from $schema.live v join $schema.task t using (id) where t.run = $1) as live
           from $schema.outcome o join $schema.task t using (id) where t.run = $1`,
        [run.id],
      ),
    ).toEqual([{ ended: steps.length, steps: steps.length, live: 0 }])
    const counted = await this.rows<{ note: string; times: number }>(
      'select note, count(*)::int4 as times from $schema.notes where run = $1 group by note',
      [run.id],
    )
    expect(Object.fromEntries(counted.map(({ note, times }) => [note, times]))).toEqual(notes)
    expect((await this.store.backend.stuckRuns(1_000)).filter(({ id }) => id === run.id)).toEqual([])
  }

  /** What the store answered to the settlements of a step. */
  answersTo(run: Run, node: string): readonly string[] {
    return this.answers.get(stepId(run.id, node, 0)) ?? []
  }

  /** Stops all workers. */
  async rest(): Promise<void> {
    for (const { worker, store, pool } of this.#workers.splice(0)) {
      await worker.stop({ timeout: 100 }).catch(() => undefined)
      await store.close()
      await pool.end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rest()
    await this.store.close()
    await this.rows('drop schema $schema cascade')
    await this.pool.end()
  }
}

function openPool(url: string, name: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 6, application_name: name })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}
