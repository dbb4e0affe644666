/**
 * How a worker ends, step by step and in bounded time.
 *
 * Claim nothing more · give back what has not started · wait for what runs · at the deadline abort its
 * signals and wait a little more · bring the outcomes to the store · deregister. What still runs
 * then is named in the error.
 */
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { QError } from '../error.ts'
import type { RunningTask } from './context.ts'
import type { Emitter } from './emitter.ts'
import type { Claiming } from './claiming.ts'
import { type Membership, untilAborted } from './membership.ts'
import type { RunningTasks } from './running.ts'
import type { Reporter } from './reporter.ts'
import type { Settler } from './settler.ts'
import type { Slots } from './slots.ts'
import type { Tracked } from './tracked.ts'

/** How long handlers have after their signal aborted. */
const GRACE_MS = 1_000
/** How long outcomes have to reach the store, and the store to let go, once the deadline has passed. */
const FLUSH_MS = 2_000
/** Ids named in an error. */
const NAMED = 10

/** What is shut down. */
export interface ShutdownHost {
  readonly name: string
  readonly clock: Clock
  readonly events: Emitter
  readonly running: RunningTasks
  readonly settler: Settler
  readonly slots: Slots
  readonly membership: Membership
  readonly claiming: Claiming
  readonly reporter: Reporter
  /** What goes on beside the handlers. */
  readonly tracked: Tracked
  /** Ack hooks that have not ended. */
  readonly acking: Tracked
}

/** The end of one life. */
export class Shutdown {
  readonly finished: Promise<void>
  readonly #host: ShutdownHost
  /** Aborts when running tasks have had their time. */
  readonly #deadline = new AbortController()
  #failure: { readonly error: unknown } | undefined = undefined
  #begun = false
  #timeoutMs = 0
  #finish: (() => void) | undefined = undefined
  #reject: ((error: unknown) => void) | undefined = undefined

  constructor(host: ShutdownHost) {
    this.#host = host
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve
      this.#reject = reject
    })
  }

  /** Whether it is known that `run()` will reject. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** What `run()` is to reject with. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  /** Starts, or brings the deadline forward. */
  begin(timeoutMs: number): void {
    const { clock, events, running } = this.#host
    const first = !this.#begun
    this.#begun = true
    if (timeoutMs === 0) this.#deadline.abort()
    else void sleep(clock, timeoutMs, this.#deadline.signal).then(() => this.#deadline.abort())
    if (!first) return
    this.#timeoutMs = timeoutMs
    events.emit({ type: 'stopping', running: running.size, deadlineMs: timeoutMs })
    void this.#run()
  }

  async #run(): Promise<void> {
    const { name, events, running, settler, slots, membership, reporter, tracked, acking } = this.#host
    const claimed = this.#host.claiming.stop()
    slots.close()
    await untilAborted(this.#whenDone(), this.#deadline.signal)
    const reason = new QError('ERR_SHUTDOWN_TIMEOUT', `Worker "${name}" is stopping and its deadline has passed.`)
    if (running.size + tracked.size > 0) await this.#evict(reason)
    const left = [...running]
    // Whatever they still do no longer counts: deregistering gives them back.
    for (const task of left) task.end(reason)
    const limit = new AbortController()
    const flushed = this.#limit(limit)
    await untilAborted(
      claimed.then(() => Promise.all([settler.idle(), reporter.idle()])).then(() => acking.whenEmpty()),
      limit.signal,
    )
    const unsettled = settler.size
    settler.drop()
    reporter.drop()
    await membership.leave(limit.signal)
    limit.abort()
    await flushed
    if (!this.#deadline.signal.aborted) this.#deadline.abort()
    const error = this.#failure?.error ?? timeoutOf(name, this.#timeoutMs, left, unsettled, tracked.size)
    events.emit(error === undefined ? { type: 'stop' } : { type: 'stop', error })
    if (error === undefined) this.#finish?.()
    else this.#reject?.(error)
  }

  /** Resolves when neither a handler nor anything beside them goes on, at one and the same moment. */
  async #whenDone(): Promise<void> {
    const { running, tracked } = this.#host
    while (running.size + tracked.size > 0) await Promise.all([running.whenEmpty(), tracked.whenEmpty()])
  }

  /** The deadline has passed: asks the handlers, and what goes on beside them, to stop, and waits a little. */
  async #evict(reason: QError): Promise<void> {
    const { clock, running, tracked } = this.#host
    for (const task of running) {
      task.evicted = true
      task.abort(reason)
    }
    tracked.abort(reason)
    const grace = new AbortController()
    void sleep(clock, GRACE_MS, grace.signal).then(() => grace.abort())
    await untilAborted(this.#whenDone(), grace.signal)
    grace.abort()
  }

  /** Aborts the given controller some time after the deadline. Resolves once that is no longer needed. */
  async #limit(limit: AbortController): Promise<void> {
    const { clock } = this.#host
    await untilAborted(
      new Promise<void>((resolve) => {
        if (this.#deadline.signal.aborted) resolve()
        this.#deadline.signal.addEventListener('abort', () => resolve(), { once: true })
      }),
      limit.signal,
    )
    await sleep(clock, FLUSH_MS, limit.signal)
    limit.abort()
  }
}

function timeoutOf(
  name: string,
  timeoutMs: number,
  left: readonly RunningTask[],
  unsettled: number,
  tracked: number,
): QError | undefined {
  if (left.length === 0 && unsettled === 0 && tracked === 0) return undefined
  const ids = left.slice(0, NAMED).map((task) => task.taskId)
  const more = left.length > ids.length ? ` and ${left.length - ids.length} more` : ''
  const running =
    left.length === 0
      ? ''
      : ` ${left.length} tasks did not end and are given back: ${ids.join(', ')}${more}. Pass ctx.signal on so that handlers can stop, or raise stopTimeout.`
  const outcomes = unsettled === 0 ? '' : ` ${unsettled} outcomes could not be stored; those tasks will run again.`
  const beside = tracked === 0 ? '' : ` ${tracked} tracked promises did not settle.`
  return new QError(
    'ERR_SHUTDOWN_TIMEOUT',
    `Worker "${name}" stopped with a deadline of ${timeoutMs} ms:${running}${outcomes}${beside}`,
  )
}
