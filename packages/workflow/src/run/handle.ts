/** One run, from outside: how it stands, what it gives, and what can be done about it. */
import {
  checkKnownOptions,
  type Duration,
  QError,
  required,
  type RunId,
  type RunInfo,
  type RunStatus,
  type SignalAnswer,
  toMs,
} from '@q/core'
import type { Signal } from '../build/wait.ts'
import { endTask } from '../engine/control.ts'
import type { Graph } from '../graph/graph.ts'
import { type WaitReason, whyWaiting } from './audit.ts'
import { planRetry, type RetryPlan, type RetryScope } from './retry.ts'
import { stepsOf, storedSteps, type StepInfo } from './steps.ts'
import { asValue, list } from '../engine/work/step.ts'
import type { RunHost } from './store.ts'

/** For how long to wait. */
export interface ResultOptions {
  /** Default: no limit. */
  readonly timeout?: Duration
  /** Ends the wait; its reason is thrown. */
  readonly signal?: AbortSignal
}

/** A run that was started, here or anywhere. */
export class Run<Output = unknown> {
  readonly id: RunId
  /** Whether the call that gave this started it; false when it existed, or when it was looked up. */
  readonly created: boolean
  readonly #host: RunHost<never>
  readonly #graph: Graph
  #finished: Promise<void> | undefined = undefined

  constructor(host: RunHost<never>, graph: Graph, id: RunId, created: boolean) {
    this.#host = host
    this.#graph = graph
    this.id = id
    this.created = created
  }

  /**
   * All there is to know of it.
   * @throws QError `ERR_RUN_NOT_FOUND`
   */
  async info(): Promise<RunInfo> {
    const info = await this.#host.runs.fetchRun(this.id)
    if (info === null) throw new QError('ERR_RUN_NOT_FOUND', `There is no run ${this.id} of "${this.#graph.name}".`)
    return info
  }

  /** @throws QError `ERR_RUN_NOT_FOUND` */
  async status(): Promise<RunStatus> {
    return (await this.info()).status
  }

  /** Its steps as they are stored, in no order that means anything. */
  steps(): AsyncGenerator<StepInfo, void, void> {
    return stepsOf(this.#host.runs, this.id)
  }

  /**
   * Resolves when the run has ended, in whatever way. Looked for from when this is first read; for `worker.runUntil(run.finished)`.
   * Rejects with `ERR_RUN_NOT_FOUND`, and with `ERR_CLOSED` when the backend is closed before.
   */
  get finished(): Promise<void> {
    this.#finished ??= this.#wait({}).then(() => undefined)
    return this.#finished
  }

  /**
   * Waits for the end and gives the output.
   * @throws QError `ERR_TASK_FAILED` (the stored error as its cause) when the run failed or was cancelled; `ERR_WAIT_TIMEOUT`;
   *   `ERR_RUN_NOT_FOUND`; `ERR_DECODE`; `ERR_PAYLOAD_TOO_LARGE` for a collection of more than 100,000 elements.
   */
  async result(options: ResultOptions = {}): Promise<Output> {
    checkKnownOptions('run.result', options, ['timeout', 'signal'] satisfies readonly (keyof ResultOptions)[])
    const { status, error, output } = await this.#wait(options)
    if (status === 'done') return (await asValue(this.#host.values.decode(output))) as Output
    throw new QError(
      'ERR_TASK_FAILED',
      `Run ${this.id} of "${this.#graph.name}" ${status === 'cancelled' ? 'was cancelled' : 'failed'}: ${error?.message ?? 'no reason was given'}`,
      { cause: error },
    )
  }

  /**
   * Asks for its end: nothing of it starts from now on, what is under way is asked to stop, what was done is undone where a
   * node says how, and runs that it started are cancelled too.
   * @param reason Becomes the message of its error, at most 500 characters.
   * @returns `cancelling`; `already`; `ended`: it had ended; `unknown`.
   */
  async cancel(reason?: string): Promise<'cancelling' | 'already' | 'ended' | 'unknown'> {
    const { runs, queue } = this.#host
    const info = await runs.fetchRun(this.id)
    if (info === null) return 'unknown'
    const task = endTask({ run: this.id, queue, priority: 0, metadata: info.metadata })
    const [answer] = await runs.cancelRuns([{ id: this.id, task, ...(reason === undefined ? {} : { reason }) }])
    return answer!
  }

  /**
   * Sends it a signal. Kept until the run waits for it.
   * @param options.key Idempotency key: a second signal with it is a `duplicate`.
   * @throws QError `ERR_INVALID` when it does not fit the signal's schema; `ERR_ENCODE`; `ERR_OPTION`.
   */
  async signal<Payload>(
    signal: Signal<Payload> | string,
    payload?: Payload,
    options: { readonly key?: string } = {},
  ): Promise<SignalAnswer> {
    checkKnownOptions('run.signal', options, ['key'])
    if (typeof signal !== 'string') signal.parse(payload)
    const name = typeof signal === 'string' ? signal : signal.name
    const message = { name, payload: this.#host.values.encode(payload) }
    return required(this.#host.backend, 'signal').signal(this.id, message, options)
  }

  /**
   * Runs it again from where it failed or was cancelled. Steps that were done stay done.
   * @param options.scope `failed` (the default): what failed or was cancelled, and what comes after. `{ from: node }`: that node too, and
   *   all that comes after it.
   * @param options.dryRun Only says what it would do.
   * @throws QError `ERR_OPTION` when it cannot be retried like this; `ERR_RUN_NOT_FOUND`.
   */
  async retry(options: { readonly scope?: RetryScope; readonly dryRun?: boolean } = {}): Promise<RetryPlan> {
    checkKnownOptions('run.retry', options, ['scope', 'dryRun'])
    const info = await this.info()
    const steps = await list(storedSteps(this.#host.runs, this.id))
    const { plan, retry } = planRetry(this.#host, this.#graph, info, steps, options.scope ?? 'failed')
    if (options.dryRun === true) return plan
    const answer = await this.#host.runs.retryRun(retry)
    if (answer === 'retried') return plan
    throw new QError(
      'ERR_OPTION',
      answer === 'unknown'
        ? `Run ${this.id} is gone.`
        : `Run ${this.id} was retried by somebody else meanwhile. Look at it anew.`,
    )
  }

  /** What it waits for, step by step. A run that has ended waits for nothing. */
  why(): Promise<readonly WaitReason[]> {
    return whyWaiting(this.#host, this.id, Date.now())
  }

  async #wait({ timeout, signal }: ResultOptions): Promise<RunInfo> {
    const wait = {
      ...(timeout === undefined ? {} : { timeoutMs: toMs(timeout, 'run.result: timeout') }),
      ...(signal === undefined ? {} : { signal }),
    }
    for await (const info of this.#host.runs.waitRuns([this.id], wait)) return info
    throw new QError('ERR_RUN_NOT_FOUND', `There is no run ${this.id} of "${this.#graph.name}".`)
  }
}
