/** The part of the backend that keeps runs, their messages and pages, and lends transactions. No SQL here. */
import type {
  CancelRunAnswer,
  ClaimToken,
  Collections,
  Encoded,
  Mailbox,
  Message,
  NewTask,
  Page,
  PageRequest,
  Retention,
  RetryRunAnswer,
  RunFilter,
  RunId,
  RunInfo,
  RunRetry,
  Runs,
  SignalAnswer,
  StoredTask,
  TaskId,
  Transactional,
  WaitOptions,
} from '@q/core'
import type { Pool, PoolClient } from 'pg'
import { inLentTransaction } from './connection/lend.ts'
import { isUuid } from './cursor.ts'
import type { PostgresBackendOptions } from './ground.ts'
import type { Lanes } from './lanes.ts'
import { openLanes } from './lanes.ts'
import { discard, readPages, receive, signal, writePages } from './mailbox.ts'
import { runQuery } from './query/runs.ts'
import { listRuns, listSteps, readSteps, stuckRuns } from './run-lists.ts'
import { toRunInfo } from './run-row.ts'
import { cancelRuns, repairRun, retryRun, vacuumRuns } from './runs.ts'
import { SteeredBackend } from './steered.ts'
import { Lookout, runsInSight } from './wait.ts'

interface Claim {
  readonly id: TaskId
  readonly token: ClaimToken
}

/** Maps each method of runs, mailboxes, collections and transactions to its query. */
export abstract class RunningBackend
  extends SteeredBackend
  implements Omit<Runs, 'startRuns'>, Mailbox, Collections, Transactional<PoolClient>
{
  protected readonly lanes: Lanes
  readonly #pool: Pool
  #runLookout: Lookout<RunInfo> | undefined = undefined

  protected constructor(options: PostgresBackendOptions) {
    super(options)
    this.#pool = options.pool
    this.lanes = openLanes(this.control, options.schema)
  }

  async fetchRun(id: RunId): Promise<RunInfo | null> {
    this.assertOpen('read a run')
    if (!isUuid(id)) return null
    const [row] = await this.read(runQuery(this.schema, id), 'read a run')
    return row === undefined ? null : toRunInfo(row)
  }

  async listRuns(filter: RunFilter, page?: PageRequest): Promise<Page<RunInfo>> {
    this.assertOpen('list runs')
    return listRuns(this.read, this.schema, filter, page)
  }

  async listSteps(
    run: RunId,
    filter?: { readonly unfinished?: boolean },
    page?: PageRequest,
  ): Promise<Page<StoredTask>> {
    this.assertOpen('list steps')
    return listSteps(this.run, this.schema, run, filter, page)
  }

  async readSteps(ids: readonly TaskId[]): Promise<readonly (StoredTask | null)[]> {
    this.assertOpen('read steps')
    return readSteps(this.run, this.schema, ids)
  }

  waitRuns(ids: readonly RunId[], options: WaitOptions = {}): AsyncIterable<RunInfo> {
    this.#runLookout ??= new Lookout(runsInSight(this.run, this.schema), this.closing)
    return this.#runLookout.wait(ids, options)
  }

  async cancelRuns(
    requests: readonly { readonly id: RunId; readonly reason?: string; readonly task: NewTask }[],
  ): Promise<readonly CancelRunAnswer[]> {
    this.assertOpen('cancel runs')
    return cancelRuns(this.#asked, requests)
  }

  async retryRun(retry: RunRetry): Promise<RetryRunAnswer> {
    this.assertOpen('run a run again')
    this.low.reset()
    return retryRun(this.#asked, retry)
  }

  async stuckRuns(limit: number): Promise<readonly RunInfo[]> {
    this.assertOpen('look for stuck runs')
    return stuckRuns(this.read, this.schema, limit)
  }

  async repairRun(repair: Pick<RunRetry, 'id' | 'joins' | 'tasks'>): Promise<void> {
    this.assertOpen('repair a run')
    await repairRun(this.#asked, repair)
  }

  async vacuumRuns(queue: string, retention: Retention, limit: number): Promise<number> {
    this.assertOpen('forget runs')
    return vacuumRuns(this.ask, this.schema, queue, retention, limit)
  }

  async signal(run: RunId, message: Message, options: { readonly key?: string } = {}): Promise<SignalAnswer> {
    this.assertOpen('tell a run something')
    return signal(this.ask, this.schema, run, message, options.key)
  }

  async peek(step: Claim, names: readonly string[]): Promise<readonly Message[]> {
    this.assertOpen('look at messages')
    return receive(this.run, this.schema, step, names, false)
  }

  async receive(step: Claim, names: readonly string[]): Promise<readonly Message[]> {
    this.assertOpen('receive messages')
    return receive(this.run, this.schema, step, names, true)
  }

  async discard(step: Claim, names: readonly string[]): Promise<void> {
    this.assertOpen('discard messages')
    await discard(this.run, this.schema, step, names)
  }

  async writePages(owner: Claim, first: number, pages: readonly Encoded[]): Promise<void> {
    this.assertOpen('store pages')
    await writePages(this.run, this.schema, owner, first, pages)
  }

  async readPages(owner: TaskId, first: number, limit: number): Promise<readonly Encoded[]> {
    this.assertOpen('read pages')
    return readPages(this.run, this.schema, owner, first, limit)
  }

  /** Lends a connection of the user's pool. */
  async transaction<T>(run: (tx: PoolClient) => Promise<T>): Promise<T> {
    await this.ready('lend a transaction')
    return inLentTransaction(this.#pool, run)
  }

  get #asked(): Parameters<typeof repairRun>[0] {
    return { run: this.ask, schema: this.schema, lanes: this.lanes }
  }
}
