/** The half of the memory backend that keeps runs, their messages, and pages; and what both halves have in common. */
import type { Retention } from '../backend/control.ts'
import type {
  CancelRunAnswer,
  Collections,
  Mailbox,
  Message,
  NewRun,
  RetryRunAnswer,
  RunFilter,
  RunId,
  RunInfo,
  RunRetry,
  Runs,
  SignalAnswer,
} from '../backend/runs.ts'
import type { Page, PageRequest } from '../backend/visibility.ts'
import { QError } from '../error.ts'
import type { ClaimToken, Encoded, NewTask, Receipt, StoredTask, TaskId } from '../task/task.ts'
import type { Engine } from './engine.ts'
import * as held from './held.ts'
import * as reads from './run-reads.ts'
import * as runs from './runs.ts'
import type { InTransaction } from './transaction.ts'
import { refuseTransaction } from './transaction.ts'

interface Claim {
  readonly id: TaskId
  readonly token: ClaimToken
}

/** Runs in the memory of this process. */
export abstract class MemoryRuns implements Runs, Mailbox, Collections {
  /** @internal */
  protected readonly engine: Engine
  #closed = false

  protected constructor(engine: Engine) {
    this.engine = engine
  }

  async startRuns(given: readonly NewRun[], options?: InTransaction): Promise<readonly Receipt[]> {
    const engine = this.open()
    refuseTransaction('startRuns', options)
    return runs.startRuns(engine, given)
  }

  async fetchRun(id: RunId): Promise<RunInfo | null> {
    return reads.fetchRun(this.open(), id)
  }

  async listRuns(filter: RunFilter, page?: PageRequest): Promise<Page<RunInfo>> {
    return reads.listRuns(this.open(), filter, page)
  }

  async listSteps(
    run: RunId,
    filter: { readonly unfinished?: boolean } = {},
    page?: PageRequest,
  ): Promise<Page<StoredTask>> {
    return reads.listSteps(this.open(), run, filter, page)
  }

  async readSteps(ids: readonly TaskId[]): Promise<readonly (StoredTask | null)[]> {
    return reads.readSteps(this.open(), ids)
  }

  async *waitRuns(
    ids: readonly RunId[],
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): AsyncGenerator<RunInfo, void, void> {
    yield* reads.waitRuns(this.open(), ids, options)
  }

  async cancelRuns(
    requests: readonly { readonly id: RunId; readonly reason?: string; readonly task: NewTask }[],
  ): Promise<readonly CancelRunAnswer[]> {
    return runs.cancelRuns(this.open(), requests)
  }

  async retryRun(retry: RunRetry): Promise<RetryRunAnswer> {
    return runs.retryRun(this.open(), retry)
  }

  async stuckRuns(limit: number): Promise<readonly RunInfo[]> {
    return reads.stuckRuns(this.open(), limit)
  }

  async repairRun(repair: Pick<RunRetry, 'id' | 'joins' | 'tasks'>): Promise<void> {
    runs.repairRun(this.open(), repair)
  }

  async vacuumRuns(queue: string, retention: Retention, limit: number): Promise<number> {
    return runs.vacuumRuns(this.open(), queue, retention, limit)
  }

  async signal(run: RunId, message: Message, options: { readonly key?: string } = {}): Promise<SignalAnswer> {
    return held.signal(this.open(), run, message, options.key)
  }

  async peek(step: Claim, names: readonly string[]): Promise<readonly Message[]> {
    return held.peek(this.open(), step, names)
  }

  async receive(step: Claim, names: readonly string[]): Promise<readonly Message[]> {
    return held.receive(this.open(), step, names)
  }

  async discard(step: Claim, names: readonly string[]): Promise<void> {
    held.discard(this.open(), step, names)
  }

  async writePages(owner: Claim, first: number, pages: readonly Encoded[]): Promise<void> {
    held.writePages(this.open(), owner, first, pages)
  }

  async readPages(owner: TaskId, first: number, limit: number): Promise<readonly Encoded[]> {
    return held.readPages(this.open(), owner, first, limit)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.engine.close(closed())
  }

  /**
   * @internal
   * @throws QError `ERR_CLOSED`
   */
  protected open(): Engine {
    if (this.#closed) throw closed()
    return this.engine
  }
}

function closed(): QError {
  return new QError('ERR_CLOSED', 'The memory backend was closed. Make a new one; what it held is gone.')
}
