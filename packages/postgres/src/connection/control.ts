/**
 * The connections of the engine itself: claims, settles, beats and sweeps.
 *
 * They are made with the settings of the user's pool but are not taken from it, so that handlers that
 * hold every connection of that pool cannot keep a lease from being renewed. At most five, one more for
 * beats alone, which no flood of other statements can keep waiting, and three for what people ask and read, who may wait
 * for a transaction of theirs. Opened when needed and closed when idle.
 */
import { groupCommit, QError, sleep, systemClock } from '@q/core'
import type { CompiledQuery } from 'kysely'
import type { Pool, PoolClient, PoolConfig } from 'pg'
import { toWire } from './binary-array.ts'
import { classify, toBackendError } from './classify.ts'
import { OwnPool } from './own-pool.ts'
import { sendStatement } from './statement.ts'

/** One each for claims, for settlements and pushes with keys and without, and what is left for the rest. */
const MAX_CONNECTIONS = 5
/** Of people, of whom so many may wait for rows that others hold. */
const FOR_PEOPLE = 3
const MOST_WAITING = 2
const CONNECT_TIMEOUT_MS = 5_000
/** A control statement takes milliseconds; after this long the connection is taken for dead. */
const QUERY_TIMEOUT_MS = 30_000
const CONFLICT_TRIES = 5

/** Sends the engine's own statements. */
export interface Control {
  /**
   * Runs one statement in a transaction of its own. Deadlocks and serialization failures are tried again.
   * @param what Completes the sentence "Postgres could not …".
   * @throws QError `ERR_BACKEND_UNAVAILABLE`, `ERR_BACKEND`, `ERR_SCHEMA_MISSING`, `ERR_KEY_CONFLICT`, `ERR_CLOSED`
   */
  run<Row>(query: CompiledQuery<Row>, what: string): Promise<readonly Row[]>
  /** As `run`, on a connection that only beats use. */
  beat<Row>(query: CompiledQuery<Row>, what: string): Promise<readonly Row[]>
  /** As `run`, on connections of people, for what only reads. */
  read<Row>(query: CompiledQuery<Row>, what: string): Promise<readonly Row[]>
  /** As `read`, for what may wait for a row that somebody holds: never on all of those connections. */
  ask<Row>(query: CompiledQuery<Row>, what: string): Promise<readonly Row[]>
  /** Ends the connections once their statements have ended. */
  close(): Promise<void>
}

/** Settings for a connection like those of the user's pool. `pg` hides the secret ones from a plain copy. */
export function connectionSettings(pool: Pool, applicationName: string): PoolConfig {
  const { options } = pool
  return {
    ...options,
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  }
}

/**
 * Opens the control connections for a user's pool.
 * @param named Whether statements may be prepared by name, which spares the server parsing them each time. They
 *   must not behind a transaction pooler, where the next statement may meet another connection.
 */
export function openControl(pool: Pool, schema: string, named: boolean): Control {
  const shared = ownPool(pool, `q control ${schema}`, MAX_CONNECTIONS)
  const forBeats = ownPool(pool, `q beat ${schema}`, 1)
  const forPeople = ownPool(pool, `q people ${schema}`, FOR_PEOPLE)
  let closed: Promise<void> | undefined

  // Each text is a constant of this package, so there are few.
  const names = new Map<string, string>()
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? `q${names.size}`
    names.set(text, name)
    return name
  }

  const once = async <Row>(own: OwnPool, query: CompiledQuery<Row>): Promise<readonly Row[]> => {
    let client: PoolClient | undefined
    let broken = true
    try {
      client = await own.take()
      const name = named ? { name: nameOf(query.sql) } : undefined
      const statement = { ...name, text: query.sql, values: query.parameters.map(toWire) }
      const rows = await sendStatement<Row>(client, statement, QUERY_TIMEOUT_MS)
      broken = false
      return rows
    } catch (error) {
      broken = classify(error) === 'unavailable'
      throw error
    } finally {
      if (client !== undefined) own.give(client, broken)
    }
  }

  const send = async <Row>(own: OwnPool, query: CompiledQuery<Row>, what: string): Promise<readonly Row[]> => {
    for (let tries = 1; ; tries++) {
      if (closed) throw new QError('ERR_CLOSED', `The storage was closed; it cannot ${what}.`)
      try {
        return await once(own, query)
      } catch (error) {
        if (tries === CONFLICT_TRIES || classify(error) !== 'conflict') throw toBackendError(error, what, schema)
        await sleep(systemClock, 5 * tries * (1 + Math.random()))
      }
    }
  }

  const asked = groupCommit<() => Promise<readonly unknown[]>, readonly unknown[]>(async ([ask]) => [await ask!()], {
    max: 1,
    lanes: MOST_WAITING,
  })

  return {
    run: (query, what) => send(shared, query, what),
    beat: (query, what) => send(forBeats, query, what),
    read: (query, what) => send(forPeople, query, what),
    ask: async <Row>(query: CompiledQuery<Row>, what: string) =>
      (await asked.add(() => send(forPeople, query, what))) as readonly Row[],
    close() {
      closed ??= Promise.all([shared.end(), forBeats.end(), forPeople.end()]).then(() => undefined)
      return closed
    },
  }
}

/** A pool with the settings of the user's. */
function ownPool(pool: Pool, applicationName: string, max: number): OwnPool {
  return new OwnPool(pool.constructor as new (config: PoolConfig) => Pool, {
    ...connectionSettings(pool, applicationName),
    max,
    // `sendStatement` has the limit.
    query_timeout: undefined,
  })
}
