/** One fault test's world: a schema that records its history, ledgers, a storage to push with, and the final check. */
import type { Pushable, Status, TaskBuilder } from '@q/core'
import { isQError, task, uuidv7 } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { expect } from 'vitest'
import { Fleet } from './fleet.ts'
import type { Step } from './history.ts'
import { installHistory, readHistory } from './history.ts'
import type { PushOutcome } from './invariants.ts'
import { violations } from './invariants.ts'
import type { Job } from './job.ts'
import { Ledgers } from './ledger.ts'
import type { WorkerConfig } from './worker-process.ts'

/** Long runs are for machines that have nothing else to do. */
export const LONG: boolean = process.env['Q_FAULT_LONG'] === '1'

/** The world of one test; everything in it is gone after it was disposed of. */
export class Scene implements AsyncDisposable {
  readonly url: string
  readonly schema: string = `t_${uuidv7().replaceAll('-', '').slice(6, 26)}`
  readonly queue = 'fault'
  readonly ledgers: Ledgers = new Ledgers()
  readonly pushes: Map<string, PushOutcome> = new Map()
  /** The test's own connections, which no fault touches but that of the server. */
  readonly pool: pg.Pool
  readonly storage: PostgresStorage<Job>
  readonly #fleets: Fleet[] = []

  private constructor(url: string) {
    this.url = url
    this.pool = new pg.Pool({ connectionString: url, max: 6, application_name: 'fault test' })
    this.pool.on('error', () => undefined)
    this.pool.on('connect', (client) => client.on('error', () => undefined))
    this.storage = new PostgresStorage<Job>({
      pool: this.pool,
      schema: this.schema,
      queue: this.queue,
    })
  }

  static async open(url: string): Promise<Scene> {
    const scene = new Scene(url)
    await PostgresStorage.setup(scene.pool, { schema: scene.schema })
    await installHistory(scene.pool, scene.schema)
    return scene
  }

  /** Starts worker processes, kept alive under one name. */
  fleet(size: number, config: Partial<WorkerConfig> = {}): Fleet {
    const { url, schema, queue, ledgers } = this
    const all = { url, schema, queue, name: 'fault-worker', ledgers: ledgers.directory, ...config }
    const fleet = new Fleet(all, size)
    this.#fleets.push(fleet)
    return fleet
  }

  /** Pushes and remembers what came of it. An error that may mean "stored" counts as unknown. */
  async push(jobs: readonly Job[], how: (job: Job) => TaskBuilder<Job> = task): Promise<string[]> {
    const tasks = jobs.map((job) => how(job).id(uuidv7()))
    const ids = tasks.map((each) => each.options.id ?? '')
    for (const id of ids) this.pushes.set(id, 'unknown')
    try {
      await this.storage.pushBulk(tasks as Pushable<Job>[])
      for (const id of ids) this.pushes.set(id, 'ok')
    } catch (error) {
      if (!isQError(error, 'ERR_BACKEND_UNAVAILABLE')) throw error
    }
    return ids
  }

  history(): Promise<Step[]> {
    return readHistory(this.pool, this.schema)
  }

  async statuses(): Promise<Map<string, Status>> {
    const { rows } = await this.pool.query<{ id: string; status: Status | null }>(
      `select t.id, s.status from "${this.schema}".task t left join "${this.schema}".tasks s using (id)`,
    )
    return new Map(rows.flatMap(({ id, status }) => (status === null ? [] : [[id, status]])))
  }

  /** How many tasks have not ended. */
  async open(): Promise<number> {
    const { rows } = await this.pool.query<{ open: number }>(`select count(*)::int4 as open from "${this.schema}".live`)
    return rows[0]?.open ?? 0
  }

  /** How many tasks are claimed right now. */
  async claimed(): Promise<number> {
    const { rows } = await this.pool.query<{ claimed: number }>(
      `select count(*)::int4 as claimed from "${this.schema}".live where state in (1, 2)`,
    )
    return rows[0]?.claimed ?? 0
  }

  /** Waits until every task has ended. @returns How long that took, in milliseconds. */
  async drained(withinMs: number): Promise<number> {
    const startedAt = Date.now()
    for (;;) {
      const open = await this.open().catch(() => undefined)
      if (open === 0) return Date.now() - startedAt
      if (Date.now() - startedAt > withinMs) throw new Error(await this.#stuck(withinMs))
      await pause(50)
    }
  }

  /** Checks the invariants of the whole run. @returns The history, for more questions. */
  async check(options: { readonly quiescent?: boolean; readonly forgetful?: boolean } = {}): Promise<Step[]> {
    const history = await this.history()
    const run = { pushes: this.pushes, history, entries: this.ledgers.read(), ...options }
    expect(violations({ ...run, statuses: await this.statuses() })).toEqual([])
    return history
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#fleets.map((fleet) => fleet.stop()))
    await this.storage.close()
    await this.pool.query(`drop schema if exists "${this.schema}" cascade`).catch(() => undefined)
    await this.pool.end()
    this.ledgers.remove()
  }

  async #stuck(withinMs: number): Promise<string> {
    const { rows } = await this.pool.query(
      `select status, attempt, crashes, count(*)::int4, min(run_at) - clock_timestamp() as due
         from "${this.schema}".tasks where finished_at is null group by 1, 2, 3 order by 4 desc limit 10`,
    )
    const events = this.ledgers.of('event').slice(-20)
    return `not drained after ${withinMs} ms: ${JSON.stringify(rows)}\nlast events: ${events.map((entry) => `${entry.pid} ${entry.what}`).join('\n')}`
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Asks until the answer is true. */
export async function until(what: string, ask: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await ask())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await pause(50)
  }
}

/** Prints one line of figures, for people who compare runs. */
export function report(test: string, figures: Readonly<Record<string, unknown>>): void {
  const line = Object.entries(figures).map(([name, value]) => `${name} ${String(value)}`)
  process.stdout.write(`[fault] ${test}: ${line.join(', ')}\n`)
}
