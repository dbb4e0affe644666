/**
 * Claims tasks for as long as it lives, one claim at a time, beside whatever runs.
 *
 * Three states: looking (a claim is under way or failed and will be repeated), parked (no room, until
 * a slot or the buffer frees some) and resting (the store had less than asked, until a wake-up).
 */
import type { ClaimReply } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { isQError } from '../error.ts'
import type { ClaimedTask, InstanceId } from '../task/task.ts'
import type { Demand } from './demand.ts'
import type { Emitter } from './emitter.ts'
import type { ErrorPlace } from './event.ts'
import type { TaskSource } from './options.ts'
import type { Patience } from './patience.ts'
import type { Slots } from './slots.ts'
import { isClosed, isPermanent, troubleBackoff } from './trouble.ts'
import type { Wakeup } from './wakeup.ts'

/** A store that says "due now" but hands out nothing is asked again after this, doubling. */
const CONTENDED_MS = 5
const CONTENDED_MAX_MS = 1_000

/** What a loop needs of its worker. */
export interface LoopHost {
  readonly source: TaskSource
  readonly clock: Clock
  readonly events: Emitter
  readonly demand: Demand
  readonly patience: Patience
  readonly slots: Slots
  readonly wakeup: Wakeup
  readonly instance: InstanceId
  /** A claim succeeded. */
  readonly claimed: () => void
  readonly leaseLost: (instance: InstanceId) => void
  readonly closed: (error: unknown, where: ErrorPlace) => void
  /** Claims that failed in a row, over all loops of the worker. */
  readonly failures: { count: number }
  /** A claim may have been carried out without our knowing what it brought. */
  readonly doubt: (loop: ClaimLoop) => void
}

/** One run of claiming, for one instance. */
export class ClaimLoop {
  readonly #host: LoopHost
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #unpark: (() => void) | undefined = undefined
  #state: 'looking' | 'parked' | 'resting' = 'looking'

  constructor(host: LoopHost) {
    this.#host = host
    this.#ended = this.#run(this.#stop.signal)
  }

  /** For whom it claims. */
  get instance(): InstanceId {
    return this.#host.instance
  }

  /** Whether it should be getting somewhere right now. */
  get looking(): boolean {
    return this.#state === 'looking'
  }

  /** Room may have become free. */
  changed(): void {
    if (this.#unpark !== undefined && this.#host.slots.want > 0) this.#unpark()
  }

  /** Claims no more. Resolves when the claim under way, if any, has come back and its tasks are given back. */
  stop(): Promise<void> {
    this.#stop.abort()
    this.#unpark?.()
    return this.#ended
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { slots, wakeup, events } = this.#host
    let idle = 0
    while (!signal.aborted) {
      const want = slots.want
      if (want === 0) {
        await this.#park(signal)
        continue
      }
      this.#state = 'looking'
      wakeup.looking()
      const reply = await this.#claim(want, signal)
      if (reply === undefined) continue
      const found = reply.tasks.length
      if (found >= want) {
        idle = 0
        continue
      }
      idle = found === 0 ? idle + 1 : 0
      if (found === 0 && events.active) events.emit({ type: 'idle' })
      if (reply.nextDueMs !== null) {
        const contended = found === 0 ? Math.min(CONTENDED_MAX_MS, CONTENDED_MS * 2 ** Math.min(idle, 16)) : 0
        wakeup.dueIn(Math.max(reply.nextDueMs, reply.nextDueMs === 0 ? contended : 0))
      }
      this.#state = 'resting'
      if ((await wakeup.rest(idle, signal)) === 'nudge') idle = 0
    }
  }

  /** @returns `undefined` after an error and a pause. */
  async #claim(want: number, signal: AbortSignal): Promise<ClaimReply | undefined> {
    const { source, clock, events, demand, patience, slots, instance } = this.#host
    const startedAt = clock.now()
    const giveBack = (reply: ClaimReply): void => slots.release(reply.tasks)
    try {
      const reply = await patience.call(
        'claim',
        () => source.backend.claim({ instance, queues: [{ queue: source.queue, limit: want }] }),
        giveBack,
      )
      const durationMs = clock.now() - startedAt
      this.#host.claimed()
      this.#host.failures.count = 0
      if (signal.aborted) {
        giveBack(reply)
        return undefined
      }
      demand.claimed(want, reply.tasks.length, durationMs, weightOf(reply.tasks))
      if (events.active && reply.tasks.length > 0)
        events.emit({ type: 'claimed', tasks: reply.tasks.length, asked: want, durationMs })
      slots.accept(reply.tasks, startedAt)
      return reply
    } catch (error) {
      if (signal.aborted) {
        if (!isPermanent(error)) this.#host.doubt(this)
        return undefined
      }
      if (isQError(error, 'ERR_LEASE_LOST')) {
        this.#host.leaseLost(instance)
        return undefined
      }
      if (isClosed(error)) {
        this.#host.closed(error, 'claim')
        return undefined
      }
      const retryMs = troubleBackoff((this.#host.failures.count += 1))
      events.emit({ type: 'error', where: 'claim', error, retryMs })
      await sleep(clock, retryMs, signal)
      if (!isPermanent(error)) this.#host.doubt(this)
      return undefined
    }
  }

  #park(signal: AbortSignal): Promise<void> {
    this.#state = 'parked'
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      this.#unpark = () => {
        this.#unpark = undefined
        resolve()
      }
    })
  }
}

/** In bytes. */
function weightOf(tasks: readonly ClaimedTask[]): number {
  let bytes = 0
  for (const { payload, checkpoint } of tasks) bytes += payload.bytes.byteLength + (checkpoint?.byteLength ?? 0)
  return bytes
}
