/** What may be given as the caller's own transaction, and how a query is sent through it. */
import { QError } from '@q/core'
import type { CompiledQuery, QueryResult } from 'kysely'

/** A Kysely transaction, by shape: any version of Kysely that has `executeQuery` will do. */
export interface KyselyTransaction {
  readonly isTransaction: boolean
  executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>>
}

/** A `pg` client on which `begin` was sent, or anything with the same `query` (Drizzle's and Knex's clients, PGlite …). */
export interface QueryClient {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

/** The caller's own transaction. */
export type PostgresTransaction = KyselyTransaction | QueryClient

/**
 * Sends a query through the caller's transaction.
 * @throws QError `ERR_OPTION` for a pool, a Kysely instance outside a transaction, or anything else.
 */
export async function queryInTransaction<Row>(
  tx: PostgresTransaction,
  query: CompiledQuery<Row>,
): Promise<readonly Row[]> {
  if (typeof tx !== 'object' || tx === null) throw wrongTransaction('it is not an object')
  if ('executeQuery' in tx) {
    if (!tx.isTransaction)
      throw wrongTransaction('it is a Kysely instance, pass the `tx` of db.transaction().execute(async (tx) => …)')
    return (await tx.executeQuery(query)).rows
  }
  if (typeof tx.query !== 'function') throw wrongTransaction('it has no query method')
  if ('totalCount' in tx)
    throw wrongTransaction(
      'it is a pool, whose queries go to any connection; pass the client of pool.connect() on which you sent BEGIN',
    )
  return (await tx.query(query.sql, [...query.parameters])).rows as Row[]
}

function wrongTransaction(why: string): QError {
  return new QError(
    'ERR_OPTION',
    `tx must be a Kysely transaction, a pg client inside a transaction, or an object with query(text, values): ${why}.`,
  )
}
