/**
 * A worker on the workflow as users run one: a program of its own, with default settings.
 *
 * What its handlers did it appends to a file, one synchronous write per line: the line survives the process's death, and
 * does not depend on how, or whether, the step is settled.
 */
import { appendFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import path from 'node:path'
import { WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { makeFlow } from './flow.ts'

/** What a worker process is told, by one JSON value in its environment. */
export interface WorkerConfig {
  readonly url: string
  readonly schema: string
  readonly queue: string
  /** A folder for what it did. */
  readonly effects: string
}

const { url, schema, queue, effects } = JSON.parse(process.env['Q_FAULT_WORKER'] ?? '') as WorkerConfig

// A test that dies takes its workers with it.
process.stdin.resume().on('end', () => process.exit(9))
;(process.stdin as NodeJS.ReadStream & { unref?(): void }).unref?.()

const pool = new pg.Pool({ connectionString: url, max: 4 })
const storage = PostgresStorage.withNotify<unknown>({ pool, schema, queue })
const file = path.join(effects, `${process.pid}-${Date.now()}.log`)
let working = false
const flow = makeFlow(`"${schema}".booked`, (step) => {
  appendFileSync(file, `${step}\n`)
  if (!working) process.stdout.write('working\n')
  working = true
})
const worker = new WorkerBuilder('storm').backend(storage).concurrency(10).build(flow)

process.once('SIGTERM', () => void worker.stop())
setTimeout(flushCompileCache, 100).unref()
await worker.run()
await storage.close()
await pool.end()
