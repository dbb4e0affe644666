/**
 * One statement on one connection, without what `pg` would leave behind.
 *
 * For a promise and for `query_timeout`, `pg` assigns a function to a property of the query. V8 makes such functions in the
 * old generation, where until a full collection each holds its query with all its rows. With a callback and a timer of our
 * own they die young.
 */
import type { PoolClient, QueryConfig, QueryResult } from 'pg'

/** Answers with the rows. Rejects when there was no answer after `limitMs`: the connection is of no use then. */
export function sendStatement<Row>(
  client: PoolClient,
  statement: QueryConfig,
  limitMs: number,
): Promise<readonly Row[]> {
  return send(client, statement, limitMs, ({ rows }) => rows as Row[])
}

/** As {@link sendStatement}, of a statement without rows; answers with what the server says it did: `COMMIT` or `ROLLBACK`. */
export function sendCommand(client: PoolClient, text: string, limitMs: number): Promise<string> {
  return send(client, { text }, limitMs, ({ command }) => command)
}

function send<Answer>(
  client: PoolClient,
  statement: QueryConfig,
  limitMs: number,
  read: (result: QueryResult) => Answer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the query timed out after ${limitMs} ms`)), limitMs)
    // At once for what `pg` refuses at once; a connection that ends under the statement is told as well.
    client.query(statement, (error: Error | null, result: QueryResult) => {
      clearTimeout(timer)
      if (error) reject(error)
      else resolve(read(result))
    })
  })
}
