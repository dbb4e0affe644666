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
  FetchById,
  InstanceId,
  NewTask,
  Outcome,
  Receipt,
  SettleAnswer,
  Settlement,
  StoredTask,
  SweepReport,
  TaskId,
  WaitOptions,
  Wake,
  WorkerRegistration,
} from '@q/core'
import { groupCommit, QError } from '@q/core'
import type { Pool } from 'pg'
import { claimTasks } from './claim.ts'
import { toBackendError } from './connection/classify.ts'
import type { Control } from './connection/control.ts'
import { openControl } from './connection/control.ts'
import type { Run } from './connection/run.ts'
import type { PostgresTransaction } from './connection/transaction.ts'
import { queryInTransaction } from './connection/transaction.ts'
import { HeldClaims } from './held-claims.ts'
import type { Lanes } from './lanes.ts'
import { openLanes } from './lanes.ts'
import { LowWater } from './low-water.ts'
import { PUSH_TRIES, pushTasks } from './push.ts'
import { beatQuery, deregisterQuery, registerQuery, sweepQuery } from './query/lease.ts'
import { taskQuery } from './query/read.ts'
import { toStoredTask } from './row.ts'
import { checkSchemaVersion } from './schema-version.ts'
import { settleTasks } from './settle.ts'
import { waitForTasks } from './wait.ts'
import { openListener } from './wake/listener.ts'
import type { Listener } from './wake/listener.ts'

/** Most tasks that calls which came together put into one statement. */
const MAX_BATCH = 1_000
/** A payload counts as one more task for every 8 KiB, which keeps a shared statement under about 8 MiB. */
const BYTES_PER_TASK = 8_192
/** Most claim requests in one statement. */
const MAX_CLAIMS = 64

/** How a {@link PostgresBackend} is made. */
export interface PostgresBackendOptions {
  readonly pool: Pool
  readonly schema: string
  /**
   * Whether to LISTEN, and to prepare statements by name. Both need connections that stay the same; without, workers
   * only poll, which works behind a transaction pooler.
   */
  readonly notify: boolean
}

/** The Postgres implementation of the contract. Made by the storages of this package. */
export class PostgresBackend implements Backend<PostgresTransaction>, FetchById {
  readonly name = 'postgres'
  readonly schema: string
  /** Present when the backend listens. */
  readonly wake?: Wake['wake']
  readonly #control: Control
  readonly #lanes: Lanes
  readonly #listener: Listener | undefined
  readonly #low = new LowWater()
  readonly #held = new HeldClaims()
  readonly #closing = new AbortController()
  #checked: Promise<void> | undefined

  readonly #pushes = groupCommit<readonly NewTask[], readonly Receipt[] | QError>(
    (calls) => this.#pushTogether(calls),
    { max: MAX_BATCH, weigh: weightOf },
  )
  readonly #claims = groupCommit<ClaimRequest, ClaimReply | QError>(
    (requests) => claimTasks(this.#run, this.schema, requests, this.#low, this.#held),
    { max: MAX_CLAIMS },
  )
  readonly #settles = groupCommit<readonly Settlement[], readonly SettleAnswer[] | QError>(
    (calls) => this.#settleTogether(calls),
    { max: MAX_BATCH, weigh: (settlements) => settlements.length },
  )

  constructor(options: PostgresBackendOptions) {
    this.schema = options.schema
    this.#control = openControl(options.pool, options.schema, options.notify)
    this.#lanes = openLanes(this.#control, options.schema)
    if (options.notify) {
      const listener = openListener(options.pool, options.schema)
      this.#listener = listener
      this.wake = async (queues, nudge, onError) => {
        this.#assertOpen('listen')
        return listener.subscribe(queues, nudge, onError)
      }
    }
  }

  async push(
    tasks: readonly NewTask[],
    options?: { readonly tx?: PostgresTransaction | undefined },
  ): Promise<readonly Receipt[]> {
    this.#assertOpen('push')
    if (tasks.length === 0) return []
    const tx = options?.tx
    if (tx !== undefined)
      return pushTasks(await this.#inTransaction(tx), this.schema, tasks, await this.#lanes.of(tasks), 1)
    return unwrap(await this.#pushes.add(tasks))
  }

  async claim(request: ClaimRequest): Promise<ClaimReply> {
    this.#assertOpen('claim')
    return unwrap(await this.#claims.add(request))
  }

  async settle(
    settlements: readonly Settlement[],
    options?: { readonly tx?: PostgresTransaction | undefined },
  ): Promise<readonly SettleAnswer[]> {
    this.#assertOpen('settle')
    if (settlements.length === 0) return []
    const tx = options?.tx
    if (tx !== undefined)
      return settleTasks(await this.#inTransaction(tx), this.schema, settlements, this.#lanes, new HeldClaims())
    return unwrap(await this.#settles.add(settlements))
  }

  async register(worker: WorkerRegistration): Promise<void> {
    await this.#run(registerQuery(this.schema, worker), 'register a worker')
  }

  async beat(request: BeatRequest): Promise<BeatReply> {
    const [reply] = await this.#run(beatQuery(this.schema, request), 'renew a lease')
    return { lease: reply!.held ? 'held' : 'lost', lost: reply!.lost }
  }

  async deregister(instance: InstanceId): Promise<void> {
    this.#low.reset()
    await this.#run(deregisterQuery(this.schema, instance), 'deregister a worker')
  }

  async sweep(): Promise<SweepReport> {
    const [report] = await this.#run(sweepQuery(this.schema), 'sweep')
    return report!
  }

  wait(ids: readonly TaskId[], options: WaitOptions = {}): AsyncIterable<Outcome> {
    return waitForTasks(this.#run, this.schema, ids, options, this.#closing.signal)
  }

  async fetchById(id: TaskId): Promise<StoredTask | null> {
    const [row] = await this.#run(taskQuery(this.schema, id), 'read a task')
    return row === undefined ? null : toStoredTask(id, row)
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#closing.abort(new QError('ERR_CLOSED', 'The storage was closed.'))
    await this.#listener?.close()
    await this.#control.close()
  }

  readonly #run: Run = async (query, what) => {
    await this.#ready(what)
    return this.#control.run(query, what)
  }

  async #inTransaction(tx: PostgresTransaction): Promise<Run> {
    await this.#ready('use a transaction')
    return async (query, what) => {
      try {
        return await queryInTransaction(tx, query)
      } catch (error) {
        throw toBackendError(error, what, this.schema)
      }
    }
  }

  #assertOpen(what: string): void {
    if (this.#closing.signal.aborted) throw new QError('ERR_CLOSED', `The storage was closed; it cannot ${what}.`)
  }

  /** Open, and the schema known to fit: checked once, before the first statement that needs it. */
  async #ready(what: string): Promise<void> {
    this.#assertOpen(what)
    this.#checked ??= checkSchemaVersion(this.#control, this.schema).catch((error: unknown) => {
      this.#checked = undefined
      throw error
    })
    await this.#checked
  }

  /** Calls that came together go in one statement; if it is refused, each goes alone, so that one bad call fails alone. */
  async #pushTogether(calls: readonly (readonly NewTask[])[]): Promise<(readonly Receipt[] | QError)[]> {
    return together(calls, async (tasks) =>
      pushTasks(this.#run, this.schema, tasks, await this.#lanes.of(tasks), PUSH_TRIES),
    )
  }

  async #settleTogether(calls: readonly (readonly Settlement[])[]): Promise<(readonly SettleAnswer[] | QError)[]> {
    if (calls.some((call) => call.some((settlement) => settlement.kind === 'released'))) this.#low.reset()
    return together(calls, (settlements) => settleTasks(this.#run, this.schema, settlements, this.#lanes, this.#held))
  }
}

function weightOf(tasks: readonly NewTask[]): number {
  let bytes = 0
  for (const task of tasks) bytes += task.payload.bytes.byteLength
  return tasks.length + bytes / BYTES_PER_TASK
}

/** Runs several calls' items as one list and hands each call its part of the answers. */
async function together<In, Out>(
  calls: readonly (readonly In[])[],
  run: (items: readonly In[]) => Promise<readonly Out[]>,
): Promise<(readonly Out[] | QError)[]> {
  try {
    const answers = await run(calls.length === 1 ? calls[0]! : calls.flat())
    let at = 0
    return calls.map((call) => answers.slice(at, (at += call.length)))
  } catch (error) {
    if (calls.length === 1 || (error instanceof QError && error.retryable)) throw error
    return Promise.all(calls.map((call) => run(call).catch((reason: unknown) => toBackendError(reason, 'write', ''))))
  }
}

function unwrap<T>(answer: T | QError): T {
  if (answer instanceof QError) throw answer
  return answer
}
