/** Lends a connection of the user's pool with a transaction on it, in which a task can be settled. */
import { QError, toErrorRecord } from '@q/core'
import type { Pool, PoolClient } from 'pg'
import { sendCommand } from './statement.ts'

/** Beginning and ending a transaction takes milliseconds; after this long the connection is taken for dead. */
const LIMIT_MS = 30_000

/**
 * Runs a function inside a transaction: committed when it resolves, rolled back when it rejects. The connection goes back to
 * the pool in every case, and is closed where it may be of no use.
 * @throws what the function threw; QError `ERR_BACKEND_UNAVAILABLE` when it could not be begun or committed.
 */
export async function inLentTransaction<T>(pool: Pool, run: (tx: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw failed('begin a transaction', error)
  })
  // Without a listener a connection that dies while it is lent would end the process. What is sent next tells.
  client.on('error', ignore)
  let broken = true
  try {
    await sendCommand(client, 'begin', LIMIT_MS).catch((error: unknown) => {
      throw failed('begin a transaction', error)
    })
    let returned: T
    try {
      returned = await run(client)
    } catch (error) {
      await sendCommand(client, 'rollback', LIMIT_MS).then(() => (broken = false), ignore)
      throw error
    }
    const command = await sendCommand(client, 'commit', LIMIT_MS).catch((error: unknown) => {
      throw failed('commit a transaction', error)
    })
    broken = false
    // A statement in it failed, and the function went on as if it had not.
    if (command === 'ROLLBACK')
      throw failed('commit a transaction', new Error('a statement in it had failed, so that it was rolled back'))
    return returned
  } finally {
    client.removeListener('error', ignore)
    client.release(broken)
  }
}

function failed(what: string, error: unknown): QError {
  return new QError('ERR_BACKEND_UNAVAILABLE', `Postgres could not ${what}: ${toErrorRecord(error).message}`, {
    cause: error,
  })
}

function ignore(): void {
  // The statement that was under way, or the next one, rejects with the same error.
}
