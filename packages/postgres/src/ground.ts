/**
 * What every method of the backend stands on: the engine's connections, the schema known to fit, and whether it is closed.
 */
import { QError } from '@q/core'
import type { Pool } from 'pg'
import type { Control } from './connection/control.ts'
import { openControl } from './connection/control.ts'
import type { Run } from './connection/run.ts'
import { checkSchemaVersion } from './schema-version.ts'

/** How a `PostgresBackend` is made. */
export interface PostgresBackendOptions {
  readonly pool: Pool
  readonly schema: string
  /**
   * Whether to LISTEN, and to prepare statements by name. Both need connections that stay the same; without, workers
   * only poll, which works behind a transaction pooler.
   */
  readonly notify: boolean
}

/** The ground that the parts of the backend share. */
export abstract class Ground {
  readonly schema: string
  protected readonly control: Control
  readonly #closing = new AbortController()
  #checked: Promise<void> | undefined

  protected constructor(options: PostgresBackendOptions) {
    this.schema = options.schema
    this.control = openControl(options.pool, options.schema, options.notify)
  }

  /** Sends a query on a connection of the engine. */
  protected readonly run: Run = async (query, what) => {
    await this.ready(what)
    return this.control.run(query, what)
  }

  /** As `run`, for what people read. */
  protected readonly read: Run = async (query, what) => {
    await this.ready(what)
    return this.control.read(query, what)
  }

  /** As `run`, for what people ask and may have to wait for. */
  protected readonly ask: Run = async (query, what) => {
    await this.ready(what)
    return this.control.ask(query, what)
  }

  /** Aborts when the backend is closed. */
  protected get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** @throws QError `ERR_CLOSED` */
  protected assertOpen(what: string): void {
    if (this.closing.aborted) throw new QError('ERR_CLOSED', `The storage was closed; it cannot ${what}.`)
  }

  /** Open, and the schema known to fit: checked once, before the first statement that needs it. */
  protected async ready(what: string): Promise<void> {
    this.assertOpen(what)
    this.#checked ??= checkSchemaVersion(this.control, this.schema).catch((error: unknown) => {
      this.#checked = undefined
      throw error
    })
    await this.#checked
  }

  async close(): Promise<void> {
    if (!this.closing.aborted) this.#closing.abort(new QError('ERR_CLOSED', 'The storage was closed.'))
    await this.control.close()
  }
}
