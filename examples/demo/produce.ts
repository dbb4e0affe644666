/** Pushes the input in all the ways there are: streams, batches, one by one inside the user's transaction. */
import { randomBytes } from 'node:crypto'
import { type Storage, uuidv7 } from '@q/core'
import type { PostgresTransaction } from '@q/postgres'
import type { Pool } from 'pg'
import { type Job, type QueueInput, ROLLED_BACK } from './input.ts'

type JobStorage = Storage<Job, PostgresTransaction>

/** Receipts of one queue. */
export interface Produced {
  created: number
  duplicates: number
}

/** Connections of the user's pool that place orders at the same time. */
const ORDERS_AT_ONCE = 8

/** Pushes everything of one queue. */
export async function produce(pool: Pool, storage: JobStorage, input: QueueInput): Promise<Produced> {
  if (input.queue === 'invoices') return placeOrders(pool, storage, input)
  const first = await storage.pushAll(input.tasks)
  const again = await storage.pushAll(input.duplicates)
  await storage.backend.push(Array.from({ length: input.undecodable }, () => undecodable(storage)))
  return {
    created: first.created + again.created + input.undecodable,
    duplicates: first.duplicates + again.duplicates,
  }
}

/** A task as a program with a bug, or another codec, would have stored it. */
function undecodable(storage: JobStorage): Parameters<JobStorage['backend']['push']>[0][number] {
  const payload = { codec: storage.codec.tag, bytes: randomBytes(16).fill(0xff, 0, 4) }
  return {
    id: uuidv7(),
    queue: storage.queue,
    payload,
    priority: 0,
    due: { afterMs: 0 },
    maxAttempts: null,
    key: null,
    metadata: null,
  }
}

/** Each order and the task that invoices it in one transaction; some are rolled back after the push. */
async function placeOrders(pool: Pool, storage: JobStorage, { tasks }: QueueInput): Promise<Produced> {
  const produced: Produced = { created: 0, duplicates: 0 }
  const every = Math.floor(tasks.length / ROLLED_BACK)
  const left = tasks.entries()
  const place = async (): Promise<void> => {
    for (const [index, order] of left) {
      await inTransaction(pool, async (tx) => {
        await tx.query('insert into q_demo_shop.orders (id) values ($1)', [order.args.n])
        await storage.push(order, { tx })
        return 'commit'
      })
      produced.created += 1
      if (index % every !== 0) continue
      await inTransaction(pool, async (tx) => {
        await tx.query('insert into q_demo_shop.orders (id) values ($1)', [-1 - index])
        await storage.push({ ...order.args, n: -1 - index }, { tx })
        return 'rollback'
      })
    }
  }
  await Promise.all(Array.from({ length: ORDERS_AT_ONCE }, place))
  return produced
}

async function inTransaction(
  pool: Pool,
  run: (tx: PostgresTransaction & { query: Pool['query'] }) => Promise<'commit' | 'rollback'>,
): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(await run(client))
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
