/**
 * A producer that goes on whatever happens, and knows of each push whether it is stored, surely not stored, or
 * either. It pushes one by one, in batches and inside transactions of its own.
 */
import { isQError, uuidv7 } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import type { Job } from './job.ts'
import { pause, type Scene } from './scene.ts'

/** Pushes until it is told to stop. */
export class Producer {
  /** Pushes by what came of them. */
  readonly counts = { ok: 0, unknown: 0, fail: 0 }
  readonly #scene: Scene
  readonly #pool: pg.Pool
  readonly #storage: PostgresStorage<Job>
  readonly #running: Promise<void>
  #stopped = false

  /** @param everyMs Pause between two pushes. */
  constructor(scene: Scene, everyMs: number, job: () => Job) {
    const { url, schema, queue } = scene
    this.#scene = scene
    this.#pool = new pg.Pool({ connectionString: url, max: 2, application_name: `user ${schema}` })
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
    this.#storage = new PostgresStorage<Job>({ pool: this.#pool, schema, queue })
    this.#running = this.#run(everyMs, job)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    await this.#storage.close()
    await this.#pool.end()
  }

  async #run(everyMs: number, job: () => Job): Promise<void> {
    const ways = [
      () => this.#plain([job()]),
      () => this.#plain([job(), job(), job()]),
      () => this.#inTransaction(job()),
    ]
    for (let n = 0; !this.#stopped; n++) {
      await ways[n % ways.length]?.()
      await pause(everyMs)
    }
  }

  async #plain(jobs: readonly Job[]): Promise<void> {
    const tasks = jobs.map((job) => this.#storage.encode(job, { id: uuidv7() }))
    const ids = tasks.map((each) => each.id)
    this.#note(ids, 'unknown')
    try {
      await this.#storage.backend.push(tasks)
      this.#note(ids, 'ok')
    } catch (error) {
      if (!isQError(error, 'ERR_BACKEND_UNAVAILABLE')) throw error
    }
    this.#count(ids)
  }

  async #inTransaction(job: Job): Promise<void> {
    const id = uuidv7()
    this.#note([id], 'fail')
    let client: pg.PoolClient | undefined
    let broken = true
    try {
      client = await this.#pool.connect()
      await client.query('begin')
      await this.#storage.push(job, { id, tx: client })
      // From here on the server may have committed whatever the client sees.
      this.#note([id], 'unknown')
      await client.query('commit')
      this.#note([id], 'ok')
      broken = false
    } catch {
      // What is known of it stands already.
    } finally {
      client?.release(broken)
    }
    this.#count([id])
  }

  #note(ids: readonly string[], outcome: 'ok' | 'unknown' | 'fail'): void {
    for (const id of ids) this.#scene.pushes.set(id, outcome)
  }

  #count(ids: readonly string[]): void {
    for (const id of ids) this.counts[this.#scene.pushes.get(id) ?? 'fail'] += 1
  }
}
