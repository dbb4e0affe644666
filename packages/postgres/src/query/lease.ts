/** The calls of the lease functions: register, beat, deregister, sweep. */
import type { BeatRequest, SweepReport, WorkerAbout, WorkerRegistration } from '@q/core'
import { CRASH_BUDGET, QUARANTINE_AT } from '@q/core'
import type { CompiledQuery } from 'kysely'
import { callOf } from '../connection/call.ts'

/** Claimed batches taken back by one sweep: at most 20,000 tasks. */
const CLAIMS_PER_SWEEP = 20
/** Rows of statistics folded, and rows of each kind looked at when cleaning up, at a time. */
const ROLLED = 5_000
const TIDIED = 1_000

/** What a beat learned; arrays are null when nothing is in them. */
export interface BeatRow {
  readonly held: boolean
  readonly lost: string[] | null
  readonly cancelled: string[] | null
  readonly paused: string[]
  /** 0 work, 1 pause, 2 stop. */
  readonly command: number | null
}

/** From where the next one goes on, and whether to do so soon. */
export interface TidyRow {
  readonly after: string
  readonly more: boolean
}

const register = callOf<unknown>('register', '1', ['uuid', 'text', 'text[]', 'int4', 'jsonb'])
const beat = callOf<BeatRow>('beat', 'held, lost, cancelled, paused, command', ['uuid', 'int4', 'uuid[]', 'int8[]'])
const deregister = callOf<unknown>('deregister', '1', ['uuid'])
const sweep = callOf<SweepReport>('sweep', 'instances, recovered, killed, more', ['int4', 'int4', 'int4'])
const roll = callOf<unknown>('roll', '1', ['int4'])
const tidy = callOf<TidyRow>('tidy', 'after, more', ['int4', 'text'])

/** Stores an instance and starts its lease. */
export function registerQuery(schema: string, worker: WorkerRegistration, about: WorkerAbout): CompiledQuery<unknown> {
  return register(schema, [worker.instance, worker.name, worker.queues, worker.leaseMs, JSON.stringify(about)])
}

/** Renews a lease and tells what became of the named tasks. */
export function beatQuery(schema: string, { instance, leaseMs, running }: BeatRequest): CompiledQuery<BeatRow> {
  return beat(schema, [instance, leaseMs, running.map((task) => task.id), running.map((task) => task.token)])
}

/** Gives back what an instance holds and forgets it. */
export function deregisterQuery(schema: string, instance: string): CompiledQuery<unknown> {
  return deregister(schema, [instance])
}

/** Takes back the tasks of instances whose lease has ended. */
export function sweepQuery(schema: string): CompiledQuery<SweepReport> {
  return sweep(schema, [CLAIMS_PER_SWEEP, CRASH_BUDGET, QUARANTINE_AT])
}

/** Folds statistics. */
export function rollQuery(schema: string): CompiledQuery<unknown> {
  return roll(schema, [ROLLED])
}

/**
 * Forgets what stands for nothing any more.
 * @param after Where the one before stopped.
 */
export function tidyQuery(schema: string, after: string | null): CompiledQuery<TidyRow> {
  return tidy(schema, [TIDIED, after])
}
