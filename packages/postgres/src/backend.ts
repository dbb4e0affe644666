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
  NewTask,
  Outcome,
  Receipt,
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
  weightOfSettlements,
  weightOfTasks,
} from './grouping.ts'
import { HeldClaims } from './held-claims.ts'
import type { Lanes } from './lanes.ts'
import { openLanes } from './lanes.ts'
import { PUSH_TRIES, pushTasks } from './push.ts'
import { beatQuery, deregisterQuery, registerQuery, rollQuery, sweepQuery, tidyQuery } from './query/lease.ts'
import { toBeatReply } from './row.ts'
import { settleTasks } from './settle.ts'
import { SteeredBackend } from './steered.ts'
import { Lookout } from './wait.ts'
import type { Listener } from './wake/listener.ts'
import { openListener } from './wake/listener.ts'

export type { PostgresBackendOptions } from './ground.ts'

/** One sweep in so many cleans up as well. */
const TIDY_CHANCE = 0.1

/** The Postgres implementation of the contract. Made by the storages of this package. */
export class PostgresBackend extends SteeredBackend implements Backend<PostgresTransaction> {
  readonly name = 'postgres'
  /** Present when the backend listens. */
  readonly wake?: Wake['wake']
  readonly #lanes: Lanes
  readonly #listener: Listener | undefined
  readonly #held = new HeldClaims()
  #lookout: Lookout | undefined = undefined

  readonly #pushes = this.#pushLane()
  /** Keys may be held by transactions that are under way: who waits for one keeps only others with keys waiting. */
  readonly #keyedPushes = this.#pushLane()
  readonly #claims = groupCommit<ClaimRequest, ClaimReply | QError>(
    (requests) => claimTasks(this.run, this.schema, requests, this.low, this.#held),
    { max: MAX_CLAIMS },
  )
  readonly #settles = this.#settleLane()
  readonly #keyedSettles = this.#settleLane()
  constructor(options: PostgresBackendOptions) {
    super(options)
    this.#lanes = openLanes(this.control, options.schema)
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
    if (tx !== undefined) return pushTasks(await this.#inTransaction(tx), this.schema, tasks, this.#lanes, 1)
    return unwrap(await (mayWait(tasks) ? this.#keyedPushes : this.#pushes).add(tasks))
  }

  async claim(request: ClaimRequest): Promise<ClaimReply> {
    this.assertOpen('claim')
    return unwrap(await this.#claims.add(request))
  }

  async settle(
    settlements: readonly Settlement[],
    options?: { readonly tx?: PostgresTransaction | undefined },
  ): Promise<readonly SettleAnswer[]> {
    this.assertOpen('settle')
    if (settlements.length === 0) return []
    const tx = options?.tx
    if (tx !== undefined)
      return settleTasks(await this.#inTransaction(tx), this.schema, settlements, this.#lanes, new HeldClaims())
    return unwrap(await (followsMayWait(settlements) ? this.#keyedSettles : this.#settles).add(settlements))
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
    await this.run(rollQuery(this.schema), 'fold statistics')
    if (Math.random() < TIDY_CHANCE) await this.run(tidyQuery(this.schema), 'clean up')
    return report!
  }

  wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncIterable<Outcome> {
    this.#lookout ??= new Lookout(this.run, this.schema, this.closing)
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
      (calls) => together(calls, (tasks) => pushTasks(this.run, this.schema, tasks, this.#lanes, PUSH_TRIES)),
      { max: MAX_BATCH, weigh: weightOfTasks },
    )
  }

  #settleLane(): GroupCommit<readonly Settlement[], readonly SettleAnswer[] | QError> {
    return groupCommit(
      (calls) => {
        if (calls.some((call) => call.some(({ kind }) => kind === 'released'))) this.low.reset()
        return together(calls, (all) => settleTasks(this.run, this.schema, all, this.#lanes, this.#held))
      },
      { max: MAX_BATCH, weigh: weightOfSettlements },
    )
  }
}
