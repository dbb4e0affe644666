/**
 * What users hold: one typed queue on Postgres, polling or listening, or many queues on shared connections.
 *
 * All three are the same storage with different wiring underneath.
 */
import type { PollStrategy, StorageOptions } from '@q/core'
import { checkKnownOptions, pollEvery, QError, Storage, STORAGE_OPTIONS } from '@q/core'
import type { Pool } from 'pg'
import { PostgresBackend } from './backend.ts'
import type { PostgresTransaction } from './connection/transaction.ts'
import type { MigrationReport } from './migrate.ts'
import { migrate } from './migrate.ts'
import type { Migration } from './schema/migrations.ts'
import { migrations } from './schema/migrations.ts'
import { checkSchemaName, DEFAULT_SCHEMA } from './schema/sql.ts'

/** How to reach the database. */
export interface PostgresConnection {
  /**
   * A `pg` pool. Its settings are used for the engine's own connections (at most nine and, with notify, one
   * that listens); its connections are left to you.
   */
  readonly pool: Pool
  /** Schema of the tables, default `'q'`. */
  readonly schema?: string
}

/** Options of {@link PostgresStorage}. */
export interface PostgresStorageOptions<Input, Result = unknown, Args = Input, Returns = Result>
  extends StorageOptions<Input, Result, Args, Returns>, PostgresConnection {}

const CONNECTION_OPTIONS = ['pool', 'schema'] as const
/** While listening, polling is only the safety net under a lost notification. */
const POLL_WHILE_LISTENING: PollStrategy = pollEvery('1s').withBackoff({ max: '5s' })

/**
 * A typed queue on Postgres.
 *
 * Polls every 100 ms while busy, slowing down to once a second when idle, and at the very moment when the next
 * known task comes due. `PostgresStorage.withNotify` adds LISTEN/NOTIFY, for pick-up within milliseconds.
 *
 * @see apalis-postgres `PostgresStorage`
 */
export class PostgresStorage<Input = unknown, Result = unknown, Args = Input, Returns = Result> extends Storage<
  Input,
  PostgresTransaction,
  Result,
  Args,
  Returns
> {
  declare readonly backend: PostgresBackend

  /**
   * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME` for options out of range; nothing is connected yet.
   */
  constructor(options: PostgresStorageOptions<Input, Result, Args, Returns>, backend?: PostgresBackend) {
    checkKnownOptions('PostgresStorage', options, [...CONNECTION_OPTIONS, ...STORAGE_OPTIONS])
    super(backend ?? openBackend('PostgresStorage', options, false), options)
  }

  /** The same storage, woken by NOTIFY. Not behind a transaction pooler: it needs a connection of its own. */
  static withNotify<Input = unknown, Result = unknown, Args = Input, Returns = Result>(
    options: PostgresStorageOptions<Input, Result, Args, Returns>,
  ): PostgresStorage<Input, Result, Args, Returns> {
    checkKnownOptions('PostgresStorage.withNotify', options, [...CONNECTION_OPTIONS, ...STORAGE_OPTIONS])
    return new PostgresStorage(
      { poll: POLL_WHILE_LISTENING, ...options },
      openBackend('PostgresStorage.withNotify', options, true),
    )
  }

  /**
   * Makes or upgrades the tables. Safe at every start, from many processes at once.
   * @throws QError `ERR_SCHEMA_NEWER`, `ERR_BACKEND_UNAVAILABLE`, `ERR_BACKEND`
   */
  static setup(pool: Pool, options: { readonly schema?: string } = {}): Promise<MigrationReport> {
    checkKnownOptions('PostgresStorage.setup', options, ['schema'])
    return migrate(checkPool('PostgresStorage.setup', pool), options)
  }

  /** The SQL of every migration in order, without running it. */
  static migrations(options: { readonly schema?: string } = {}): readonly Migration[] {
    checkKnownOptions('PostgresStorage.migrations', options, ['schema'])
    return migrations(options)
  }
}

/** Options of {@link SharedPostgresStorage}. */
export interface SharedPostgresStorageOptions extends PostgresConnection {
  /** Whether to LISTEN. Default true; set false behind a transaction pooler. */
  readonly notify?: boolean
}

/**
 * Many typed queues on one set of connections, one listener and one claim loop.
 * @see apalis-postgres `SharedPostgresStorage`
 */
export class SharedPostgresStorage {
  readonly #options: SharedPostgresStorageOptions
  readonly #backend: PostgresBackend

  /** @throws QError `ERR_OPTION` */
  constructor(options: SharedPostgresStorageOptions) {
    checkKnownOptions('SharedPostgresStorage', options, [...CONNECTION_OPTIONS, 'notify'])
    this.#options = options
    this.#backend = openBackend('SharedPostgresStorage', options, options.notify ?? true)
  }

  /** A typed queue on the shared connections. Closing it closes them for all; close the shared storage instead. */
  makeShared<Input = unknown, Result = unknown, Args = Input, Returns = Result>(
    options: StorageOptions<Input, Result, Args, Returns> = {},
  ): PostgresStorage<Input, Result, Args, Returns> {
    checkKnownOptions('makeShared', options, STORAGE_OPTIONS)
    const { pool, schema, notify = true } = this.#options
    return new PostgresStorage<Input, Result, Args, Returns>(
      {
        pool,
        ...(schema === undefined ? {} : { schema }),
        ...(notify ? { poll: POLL_WHILE_LISTENING } : {}),
        ...options,
      },
      this.#backend,
    )
  }

  /** Ends the connections. */
  close(): Promise<void> {
    return this.#backend.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function openBackend(where: string, options: PostgresConnection, notify: boolean): PostgresBackend {
  return new PostgresBackend({
    pool: checkPool(where, options.pool),
    schema: checkSchemaName(options.schema ?? DEFAULT_SCHEMA),
    notify,
  })
}

function checkPool(where: string, pool: unknown): Pool {
  if (typeof pool === 'object' && pool !== null && 'connect' in pool && 'options' in pool && 'totalCount' in pool)
    return pool as Pool
  throw new QError(
    'ERR_OPTION',
    `${where}: pool must be a pg.Pool, such as new pg.Pool({ connectionString: process.env.DATABASE_URL }).`,
  )
}
