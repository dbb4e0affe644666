/** A queue as a contract: what can be pushed, handled and waited for follows from its schemas. */
import './support/database.ts'
import { defineQueue, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import * as z from 'zod'

// One value, imported by producers, workers and readers alike.
const invoices = defineQueue('invoices', {
  args: z.object({ customer: z.string().min(1), due: z.iso.date().transform((day) => new Date(day)) }),
  result: z.object({ cents: z.int() }),
  maxAttempts: 3,
  unique: ({ customer, due }) => `${customer}/${due.getUTCMonth()}`,
})

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const storage = new PostgresStorage({ pool, queue: invoices })

// Text is pushed and stored; the schema makes a Date of it for the handler.
const { id } = await storage.push({ customer: 'ada', due: '2027-03-01' })

// One per customer and month at a time.
const again = await storage.push({ customer: 'ada', due: '2027-03-15' })
console.log(again.outcome, again.id === id)

// What does not fit is refused before anything is stored.
await storage.push({ customer: '', due: 'soon' }).catch((error: Error) => console.log(error.message))

const worker = new WorkerBuilder('biller').backend(storage).build(({ customer, due }) => {
  console.log(customer, due.toDateString())
  return { cents: 4200 }
})
await worker.runUntil(storage.waitFor(id))

const { cents } = await storage.waitFor(id)
console.log(cents)

await storage.close()
await pool.end()

// Prints:
//   duplicate true
//   queue "invoices": args.customer: Too small: expected string to have >=1 characters; args.due: Invalid ISO date
//   ada Mon Mar 01 2027
//   4200
