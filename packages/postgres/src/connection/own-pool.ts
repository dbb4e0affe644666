/**
 * A pool of the engine's own with what it used last at hand.
 *
 * Handing a connection back to `pg` and asking for it again costs two timers and a turn of the event loop for every
 * statement. Those used lately are kept here instead, and go back to the pool once they were idle for a while, when
 * somebody waits for one, or when they die.
 */
import type { Pool, PoolClient, PoolConfig } from 'pg'

const IDLE_TIMEOUT_MS = 30_000

/** Connections of one kind. */
export class OwnPool {
  readonly #pool: Pool
  readonly #spare: PoolClient[] = []
  #timer: ReturnType<typeof setTimeout> | undefined = undefined
  #usedAt = 0
  #ended = false

  constructor(PoolClass: new (config: PoolConfig) => Pool, config: PoolConfig) {
    this.#pool = new PoolClass({ ...config, min: 0, idleTimeoutMillis: IDLE_TIMEOUT_MS, allowExitOnIdle: true })
    // Without listeners a connection that dies, idle or checked out, would end the process.
    this.#pool.on('error', ignore)
    this.#pool.on('connect', (client) => {
      client.on('error', () => this.#lose(client))
      client.on('end', () => this.#lose(client))
    })
  }

  /** A connection, for one statement at a time. */
  async take(): Promise<PoolClient> {
    const client = this.#spare.pop()
    if (client === undefined) return this.#pool.connect()
    reference(client, true)
    return client
  }

  /** Takes it back. */
  give(client: PoolClient, broken: boolean): void {
    if (broken || this.#ended || this.#pool.waitingCount > 0) return client.release(broken)
    this.#spare.push(client)
    this.#usedAt = performance.now()
    // Idle connections do not keep the process alive.
    reference(client, false)
    this.#timer ??= this.#arm(IDLE_TIMEOUT_MS)
  }

  /** Ends the connections once their statements have ended. */
  async end(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#release()
    await this.#pool.end()
  }

  #arm(ms: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      const left = this.#usedAt + IDLE_TIMEOUT_MS - performance.now()
      this.#timer = left > 0 ? this.#arm(left) : undefined
      if (left <= 0) this.#release()
    }, ms)
    timer.unref()
    return timer
  }

  #release(): void {
    for (const client of this.#spare.splice(0)) client.release()
  }

  /** A connection died: one that is at hand must not be handed out. */
  #lose(client: PoolClient): void {
    const at = this.#spare.indexOf(client)
    if (at === -1) return
    this.#spare.splice(at, 1)
    client.release(true)
  }
}

function reference(client: PoolClient, keepsAlive: boolean): void {
  const socket = client as PoolClient & { ref?(): void; unref?(): void }
  if (keepsAlive) socket.ref?.()
  else socket.unref?.()
}

function ignore(): void {
  // The statement that was under way, if any, rejects with the same error.
}
