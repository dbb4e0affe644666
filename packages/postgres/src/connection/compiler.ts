/** A Kysely that only compiles: queries become text and values here and are sent elsewhere. */
import type { Dialect } from 'kysely'
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'

const compileOnly: Dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
}

/** Compiles `sql` templates and builder queries; has no connection. */
export const compiler: Kysely<unknown> = new Kysely<unknown>({ dialect: compileOnly })
