/**
 * Maps each method of the contract to its query. No SQL here.
 *
 * Concurrent calls of the same kind share one statement: pushes, claims and settlements are each sent one
 * batch at a time, and what arrives meanwhile goes with the next.
 */
import type {
  Backend,
  BeatReply,
  BeatRequest,
  ClaimReply,
  ClaimRequest,
  GroupCommit,
  InstanceId,
  NewRun,
  NewTask,
  Outcome,
  Receipt,
  Runs,
  SettleAnswer,
  Settlement,
  SweepReport,
  TaskId,
  WaitOptions,
  Wake,
  WorkerRegistration,
} from '@q/core'
import { groupCommit, QError } from '@q/core'
import { aboutOf } from './about.ts'
import { claimTasks } from './claim.ts'
import { toBackendError } from './connection/classify.ts'
import type { Run } from './connection/run.ts'
import type { PostgresTransaction } from './connection/transaction.ts'
import { queryInTransaction } from './connection/transaction.ts'
import type { PostgresBackendOptions } from './ground.ts'
import {
  followsMayWait,
  MAX_BATCH,
  MAX_CLAIMS,
  mayWait,
  together,
  unwrap,
  weightOfRuns,
  weightOfSettlements,
  weightOfTasks,
} from './grouping.ts'
import { HeldClaims } from './held-claims.ts'
import { PUSH_TRIES, pushTasks } from './push.ts'
import type { TidyRow } from './query/lease.ts'
import { beatQuery, deregisterQuery, registerQuery, rollQuery, sweepQuery, tidyQuery } from './query/lease.ts'
import { rollWhenLongQuery } from './query/statistics.ts'
import { toBeatReply } from './row.ts'
import { RunningBackend } from './running.ts'
import { settleTasks } from './settle.ts'
import { startRuns } from './start-runs.ts'
import { isOfStep } from './step-parts.ts'
import { Lookout, tasksInSight } from './wait.ts'
import type { Listener } from './wake/listener.ts'
import { openListener } from './wake/listener.ts'

export type { PostgresBackendOptions } from './ground.ts'

type SettleLane = GroupCommit<readonly Settlement[], readonly (SettleAnswer | 'busy')[] | QError>

/** One sweep in so many cleans up as well, and the next one after one that found much. */
const TIDY_CHANCE = 0.1

/** The Postgres implementation of the contract. Made by the storages of this package. */
export class PostgresBackend extends RunningBackend implements Backend<PostgresTransaction>, Runs<PostgresTransaction> {
  readonly name = 'postgres'
  /** Present when the backend listens. */
  readonly wake?: Wake['wake']
  readonly #listener: Listener | undefined
  readonly #held = new HeldClaims()
  readonly #locked = new Set<TaskId>()
  #lookout: Lookout<Outcome> | undefined = undefined
  #tidied: TidyRow | undefined = undefined

  readonly #pushes = this.#pushLane()
  /** Keys may be held by transactions that are under way: who waits for one keeps only others with keys waiting. */
  readonly #keyedPushes = this.#pushLane()
  readonly #starts = this.#startLane()
  readonly #keyedStarts = this.#startLane()
  readonly #claims = groupCommit<ClaimRequest, ClaimReply | QError>(
    (requests) => claimTasks(this.run, this.schema, requests, this.low, this.#held),
    { max: MAX_CLAIMS },
  )
  readonly #settles = this.#settleLane()
  readonly #keyedSettles = this.#settleLane()
  /** Runs and joins may be held as well: who waits for one keeps only settlements of steps waiting. */
  readonly #stepSettles = this.#settleLane()
  constructor(options: PostgresBackendOptions) {
    super(options)
    if (options.notify) {
      const listener = openListener(options.pool, options.schema)
      this.#listener = listener
      this.wake = async (queues, nudge, onError) => {
        this.assertOpen('listen')
        return listener.subscribe(queues, nudge, onError)
      }
    }
  }

  async push(
    tasks: readonly NewTask[],
    options?: { readonly tx?: PostgresTransaction | undefined },
  ): Promise<readonly Receipt[]> {
    this.assertOpen('push')
    if (tasks.length === 0) return []
    const tx = options?.tx
    if (tx !== undefined) return pushTasks(await this.#inTransaction(tx), this.schema, tasks, this.lanes, 1)
    return unwrap(await (mayWait(tasks) ? this.#keyedPushes : this.#pushes).add(tasks))
  }

  async startRuns(
    runs: readonly NewRun[],
    options?: { readonly tx?: PostgresTransaction | undefined },
  ): Promise<readonly Receipt[]> {
    this.assertOpen('start runs')
    if (runs.length === 0) return []
    const tx = options?.tx
    if (tx !== undefined) return startRuns(await this.#inTransaction(tx), this.schema, runs, this.lanes, 1)
    return unwrap(await (runs.some(({ key }) => key !== null) ? this.#keyedStarts : this.#starts).add(runs))
  }

  async claim(request: ClaimRequest): Promise<ClaimReply> {
    this.assertOpen('claim')
    return unwrap(await this.#claims.add(request))
  }

  async settle(
    settlements: readonly Settlement[],
    options?: { readonly tx?: PostgresTransaction | undefined },
  ): Promise<readonly (SettleAnswer | 'busy')[]> {
    this.assertOpen('settle')
    if (settlements.length === 0) return []
    const tx = options?.tx
    if (tx !== undefined)
      return settleTasks(
        { run: await this.#inTransaction(tx), schema: this.schema, lanes: this.lanes, held: new HeldClaims() },
        settlements,
      )
    return unwrap(await this.#laneOf(settlements).add(settlements))
  }

  async register(worker: WorkerRegistration): Promise<void> {
    await this.run(registerQuery(this.schema, worker, aboutOf(worker)), 'register a worker')
  }

  async beat(request: BeatRequest): Promise<BeatReply> {
    await this.ready('renew a lease')
    const [row] = await this.control.beat(beatQuery(this.schema, request), 'renew a lease')
    return toBeatReply(row!)
  }

  async deregister(instance: InstanceId): Promise<void> {
    this.low.reset()
    await this.run(deregisterQuery(this.schema, instance), 'deregister a worker')
  }

  async sweep(): Promise<SweepReport> {
    const [report] = await this.run(sweepQuery(this.schema), 'sweep')
    await this.run(rollWhenLongQuery(this.schema), 'fold statistics')
    if (this.#tidied?.more === true || Math.random() < TIDY_CHANCE) {
      const [tidied] = await this.run(tidyQuery(this.schema, this.#tidied?.after ?? null), 'clean up')
      this.#tidied = tidied
      // Where little happens, what is old is forgotten all the same.
      if (Math.random() < TIDY_CHANCE) await this.run(rollQuery(this.schema), 'fold statistics')
    }
    return report!
  }

  wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncIterable<Outcome> {
    this.#lookout ??= new Lookout(tasksInSight(this.run, this.schema), this.closing)
    return this.#lookout.wait(ids, options)
  }

  override async close(): Promise<void> {
    // Closed from the first moment on, also while the connections end.
    await Promise.all([super.close(), this.#listener?.close()])
  }

  async #inTransaction(tx: PostgresTransaction): Promise<Run> {
    await this.ready('use a transaction')
    return async (query, what) => {
      try {
        return await queryInTransaction(tx, query)
      } catch (error) {
        throw toBackendError(error, what, this.schema)
      }
    }
  }

  #pushLane(): GroupCommit<readonly NewTask[], readonly Receipt[] | QError> {
    return groupCommit(
      (calls) =>
        together(
          calls,
          (tasks) => pushTasks(this.run, this.schema, tasks, this.lanes, PUSH_TRIES),
          'store tasks',
          ({ id }) => id,
        ),
      { max: MAX_BATCH, weigh: weightOfTasks },
    )
  }

  #startLane(): GroupCommit<readonly NewRun[], readonly Receipt[] | QError> {
    return groupCommit(
      (calls) =>
        together(
          calls,
          (runs) => startRuns(this.run, this.schema, runs, this.lanes, PUSH_TRIES),
          'start runs',
          ({ id }) => id,
        ),
      { max: MAX_BATCH, weigh: weightOfRuns },
    )
  }

  #laneOf(settlements: readonly Settlement[]): SettleLane {
    if (followsMayWait(settlements)) return this.#keyedSettles
    return settlements.some(isOfStep) ? this.#stepSettles : this.#settles
  }

  #settleLane(): SettleLane {
    return groupCommit(
      (calls) => {
        if (calls.some((call) => call.some(({ kind }) => kind === 'released'))) this.low.reset()
        const ground = {
          run: this.run,
          schema: this.schema,
          lanes: this.lanes,
          held: this.#held,
          locked: this.#locked,
        }
        return together(calls, (all) => settleTasks(ground, all), 'settle tasks')
      },
      { max: MAX_BATCH, weigh: weightOfSettlements },
    )
  }
}
