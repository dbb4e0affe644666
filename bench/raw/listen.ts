/** The limit of pick-up: a plain INSERT with NOTIFY, and a connection that listens and claims at once. */
import type { PoolClient } from 'pg'
import { openPool, withSchema } from '../database.ts'
import type { PickUp } from '../latency.ts'
import type { Payload } from '../payload.ts'
import { createRawTable, PINNED_PLAN, rawTable } from './table.ts'

const CLAIM_BATCH = 100
const PRODUCERS = 10

/** Listens on one connection, claims on a second, deletes on a third; producers share a pool of 10. */
export const rawListen: PickUp = {
  name: 'raw listen + claim',
  note: 'prepared INSERT with pg_notify; LISTEN, then a prepared claim (plan pinned); deletes in batches; keeps nothing',
  open: (database, run) =>
    withSchema(database, async (schema) => {
      await createRawTable(database.admin, schema)
      const producers = openPool(database.url, PRODUCERS)
      const consumers = openPool(database.url, 3, PINNED_PLAN)
      const [listener, claimer, deleter] = await Promise.all([
        consumers.connect(),
        consumers.connect(),
        consumers.connect(),
      ])
      const text = `with stored as (insert into ${rawTable(schema)} (queue, payload) values ('bench', $1) returning id)
        select pg_notify('${schema}', '') from stored`
      // Opening them takes longer than what is measured.
      await Promise.all(Array.from({ length: PRODUCERS }, () => producers.query('select pg_sleep(0.01)')))
      let onStart: (payload: Payload) => void = () => undefined
      try {
        const stop = await consume(listener, claimer, deleter, schema, (payload) => onStart(payload))
        const figures = await run({
          push: (payload) => producers.query({ name: 'push', text, values: [Buffer.from(JSON.stringify(payload))] }),
          onStart(listen) {
            onStart = listen
          },
        })
        await stop()
        return figures
      } finally {
        for (const client of [listener, claimer, deleter]) client.release()
        await Promise.all([producers.end(), consumers.end()])
      }
    }),
}

async function consume(
  listener: PoolClient,
  claimer: PoolClient,
  deleter: PoolClient,
  schema: string,
  handler: (payload: Payload) => void,
): Promise<() => Promise<void>> {
  const table = rawTable(schema)
  const claim = `
    update ${table} set state = 1
     where ctid = any(array(
             select ctid from ${table}
              where state = 0 and run_at <= now()
              order by run_at, id limit ${CLAIM_BATCH} for update skip locked))
    returning id, payload`
  const remove = `delete from ${table} where id = any($1::int8[])`
  let announced = false
  let claiming: Promise<void> | undefined
  let deleting: Promise<void> | undefined
  let done: string[] = []

  const removeAll = async (): Promise<void> => {
    while (done.length > 0) {
      const ids = done
      done = []
      await deleter.query({ name: 'remove', text: remove, values: [ids] })
    }
    deleting = undefined
  }
  const claimAll = async (): Promise<void> => {
    while (announced) {
      announced = false
      const { rows } = await claimer.query<{ id: string; payload: Buffer }>({ name: 'claim', text: claim })
      for (const row of rows) {
        handler(JSON.parse(row.payload.toString()) as Payload)
        done.push(row.id)
      }
      if (rows.length === CLAIM_BATCH) announced = true
      deleting ??= removeAll()
    }
    claiming = undefined
  }
  listener.on('notification', () => {
    announced = true
    claiming ??= claimAll()
  })
  await listener.query(`listen ${schema}`)
  return async () => {
    await claiming
    await deleting
  }
}
