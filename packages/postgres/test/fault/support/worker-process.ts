/**
 * A worker as users run one: a program of its own that ends when it is told to.
 *
 * It is told what to do by one JSON value in its environment, does the jobs that its tasks carry, and writes
 * what it did into its ledger. Nothing here catches what the library should have caught: an error event
 * without a listener, or a rejection nobody handles, ends this process and turns the test red.
 */
import { flushCompileCache } from 'node:module'
import type { WorkerEvent } from '@q/core'
import { WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import type { Job } from './job.ts'
import { doJob } from './job.ts'
import { openLedger } from './ledger.ts'

/** Everything a worker process is told. What is left out keeps its default. */
export interface WorkerConfig {
  readonly url: string
  readonly schema: string
  readonly queue: string
  readonly name: string
  readonly ledgers: string
  readonly concurrency?: number
  readonly lease?: string
  readonly notify?: boolean
  /** Connections of the user's own pool. */
  readonly poolSize?: number
}

const config = JSON.parse(process.env['Q_FAULT_WORKER'] ?? '') as WorkerConfig
const write = openLedger(config.ledgers)

// A test that dies takes its workers with it.
process.stdin.resume().on('end', () => process.exit(9))
;(process.stdin as NodeJS.ReadStream & { unref?(): void }).unref?.()

const pool = new pg.Pool({
  connectionString: config.url,
  max: config.poolSize ?? 4,
  application_name: `user ${config.schema}`,
})
// As the manual of pg asks of everyone who has a pool.
pool.on('error', () => undefined)
pool.on('connect', (client) => client.on('error', () => undefined))

const options = { pool, schema: config.schema, queue: config.queue }
const storage = config.notify === false ? new PostgresStorage<Job>(options) : PostgresStorage.withNotify<Job>(options)

const settle = storage.backend.settle.bind(storage.backend)
storage.backend.settle = async (settlements, settleOptions) => {
  const answers = await settle(settlements, settleOptions)
  for (const [index, answer] of answers.entries())
    if (answer === 'stale') write({ kind: 'stale', id: settlements[index]?.id })
  return answers
}

let builder = new WorkerBuilder(config.name).backend(storage).onEvent((_, event) => note(event))
if (config.concurrency !== undefined) builder = builder.concurrency(config.concurrency)
if (config.lease !== undefined) builder = builder.lease(config.lease as `${number}s`)

let working = false
const worker = builder.build(async (job, ctx) => {
  const { taskId: id, attempt } = ctx
  write({ kind: 'start', id, attempt })
  if (!working) process.stdout.write('working\n')
  working = true
  if (job.do === 'linger') ctx.signal.addEventListener('abort', () => write({ kind: 'abort', id, attempt }))
  const result = await doJob(job, ctx, pool)
  write({ kind: 'effect', id, attempt })
  return result
})

process.once('SIGTERM', () => void worker.stop())
setTimeout(flushCompileCache, 100).unref()
await worker.run()
await storage.close()
await pool.end()

function note(event: WorkerEvent): void {
  switch (event.type) {
    case 'start':
      process.stdout.write('ready\n')
      return write({ kind: 'event', what: 'start', id: event.instance })
    case 'lease-lost':
      return write({ kind: 'event', what: 'lease-lost', id: event.id })
    case 'error':
      return write({ kind: 'event', what: `error ${event.where}: ${String(event.error)}` })
    case 'quarantine':
      return write({ kind: 'event', what: 'quarantine', id: event.id })
    case 'stalled':
    case 'swept':
    case 'still-running':
      return write({ kind: 'event', what: event.type })
    default:
  }
}
