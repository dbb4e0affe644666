/** The calls of the lease functions: register, beat, deregister, sweep. */
import type { BeatRequest, SweepReport, WorkerRegistration } from '@q/core'
import { CRASH_BUDGET, QUARANTINE_AT } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { sql } from 'kysely'
import { compiler } from '../connection/compiler.ts'

/** Claimed batches taken back by one sweep: at most 20,000 tasks. */
const CLAIMS_PER_SWEEP = 20

/** Stores an instance and starts its lease. */
export function registerQuery(schema: string, worker: WorkerRegistration): CompiledQuery<unknown> {
  return sql`select ${sql.id(schema, 'register')}(${worker.instance}::uuid, ${worker.name}, ${worker.queues}::text[], ${worker.leaseMs}::int4)`.compile(
    compiler,
  )
}

/**
 * Renews a lease; `lost` are the named tasks that are no longer held. Named in id order, the order in which
 * settlements lock their rows.
 */
export function beatQuery(schema: string, beat: BeatRequest): CompiledQuery<{ held: boolean; lost: string[] }> {
  const running = beat.running.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return sql<{
    held: boolean
    lost: string[]
  }>`select held, lost from ${sql.id(schema, 'beat')}(${beat.instance}::uuid, ${beat.leaseMs}::int4,
    ${running.map((task) => task.id)}::uuid[], ${running.map((task) => task.token)}::int8[])`.compile(compiler)
}

/** Gives back what an instance holds and forgets it. */
export function deregisterQuery(schema: string, instance: string): CompiledQuery<unknown> {
  return sql`select ${sql.id(schema, 'deregister')}(${instance}::uuid)`.compile(compiler)
}

/** Takes back the tasks of instances whose lease has ended. */
export function sweepQuery(schema: string): CompiledQuery<SweepReport> {
  return sql<SweepReport>`select instances, recovered, killed, more from ${sql.id(schema, 'sweep')}(${CLAIMS_PER_SWEEP}, ${CRASH_BUDGET}, ${QUARANTINE_AT})`.compile(
    compiler,
  )
}
