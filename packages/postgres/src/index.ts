/** The public surface of `@q/postgres`. */
export { PostgresStorage, SharedPostgresStorage } from './storage.ts'
export type { PostgresConnection, PostgresStorageOptions, SharedPostgresStorageOptions } from './storage.ts'
export { PostgresBackend } from './backend.ts'
export type { PostgresBackendOptions } from './backend.ts'
export type { KyselyTransaction, PostgresTransaction, QueryClient } from './connection/transaction.ts'
export type { Migration } from './schema/migrations.ts'
export type { MigrationReport } from './migrate.ts'
