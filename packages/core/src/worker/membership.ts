/**
 * A worker's standing with the store: registered under an instance id, kept alive by beats.
 *
 * When the lease is lost the instance is gone for good and the worker joins again under a new id. It also
 * joins anew after a claim whose reply was lost: what that claim took belongs to an instance that would
 * otherwise live on and never give it back. The old instance is kept alive until the outcomes of its
 * known tasks are stored, and then ended, which returns the rest.
 */
import type { BeatReply, WorkerCommand } from '../backend/backend.ts'
import { supports } from '../backend/capability.ts'
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { uuidv7 } from '../id.ts'
import type { InstanceId } from '../task/task.ts'
import type { Emitter } from './emitter.ts'
import type { ErrorPlace } from './event.ts'
import { Heartbeat } from './heartbeat.ts'
import type { TaskSource, WorkerSettings } from './options.ts'
import type { Patience } from './patience.ts'
import type { RunningTasks } from './running.ts'
import type { Settler } from './settler.ts'
import { isClosed, isPermanent, troubleBackoff } from './trouble.ts'
import { sent } from './trust.ts'

/** What a membership needs of its worker. */
export interface MembershipHost {
  readonly source: TaskSource
  readonly settings: WorkerSettings
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
  readonly running: RunningTasks
  readonly settler: Settler
  readonly leaseLost: (instance: InstanceId) => void
  readonly closed: (error: unknown, where: ErrorPlace) => void
  readonly trusted: () => void
  /** A beat goes out because there may be news. */
  readonly news: () => void
  /** What the store wants of the worker. */
  readonly heard: (instance: InstanceId, reply: BeatReply) => void
  /** What was asked of the worker under its last instance: it holds for the next. */
  readonly command: () => WorkerCommand
}

/** An instance that claims no more and is ended when its last known outcome is stored. */
interface Retired {
  readonly heartbeat: Heartbeat
  leaving: boolean
}

/** Registered or not. */
export class Membership {
  readonly #host: MembershipHost
  readonly #retired = new Map<InstanceId, Retired>()
  #instance: InstanceId = ''
  #joining: InstanceId | undefined = undefined
  #heartbeat: Heartbeat | undefined = undefined

  constructor(host: MembershipHost) {
    this.#host = host
  }

  get instance(): InstanceId {
    return this.#instance
  }

  get joined(): boolean {
    return this.#heartbeat !== undefined
  }

  /** Whether tasks may start: the lease is surely held. */
  trusts(now: number): boolean {
    return this.#heartbeat?.trusts(now) ?? false
  }

  /** As {@link Membership.trusts}, without a beat to find out. */
  held(now: number): boolean {
    return this.#heartbeat?.held(now) ?? false
  }

  /** When the store last confirmed the lease, by the wall clock; `null` before the first instance. */
  get heldAt(): number | null {
    return this.#heartbeat?.heldAt ?? null
  }

  /** There may be news for this worker. */
  news(): void {
    this.#heartbeat?.news()
  }

  /**
   * Registers under a new id, for as long as it takes.
   * @param first Whether a refusal ends the worker; later on it may pass.
   * @returns False when the signal aborted before it was registered.
   * @throws what the store refuses for good; only `ERR_CLOSED` when it is not the first.
   */
  async join(first: boolean, signal: AbortSignal): Promise<boolean> {
    const { source, settings, clock, events, patience } = this.#host
    const instance = uuidv7()
    this.#joining = instance
    const registration = {
      instance,
      name: settings.name,
      queues: [source.queue],
      leaseMs: settings.leaseMs,
      about: {
        concurrency: settings.concurrency,
        middlewares: settings.middlewares.map(({ name }) => name || 'anonymous'),
      },
    }
    for (let failures = 1; !signal.aborted; failures++) {
      const registered = sent(clock)
      try {
        await patience.call('register', () => source.backend.register(registration), undefined, settings.stallMs)
        await this.#carryCommand(instance)
        if (signal.aborted) return false
        this.#retire()
        this.#joining = undefined
        this.#instance = instance
        this.#heartbeat = new Heartbeat(
          { ...this.#host, backend: source.backend, instance, leaseMs: settings.leaseMs },
          registered,
        )
        events.emit({ type: 'start', instance })
        // Its queue may be paused.
        if (supports(source.backend, 'pause')) this.#heartbeat.news()
        return true
      } catch (error) {
        if (isClosed(error) || (first && isPermanent(error))) {
          this.#joining = undefined
          throw error
        }
        const retryMs = troubleBackoff(failures)
        events.emit({ type: 'error', where: 'register', error, retryMs })
        await sleep(clock, retryMs, signal)
      }
    }
    return false
  }

  /** This instance is gone. */
  lose(instance: InstanceId): void {
    this.#retired.get(instance)?.heartbeat.stop()
    this.#retired.delete(instance)
    if (instance !== this.#instance) return
    this.#heartbeat?.stop()
    this.#heartbeat = undefined
  }

  /** Ends old instances whose known tasks are all settled. Called about every second. */
  tick(): void {
    for (const [instance, old] of this.#retired) {
      if ([...this.#host.running].some((task) => task.instance === instance && !task.lost)) continue
      if (this.#host.settler.openOf(instance) > 0 || old.leaving) continue
      old.leaving = true
      void this.#end(instance).then((error) => {
        old.leaving = false
        if (error === undefined) this.lose(instance)
      })
    }
  }

  /** Tells the store that this worker is over; what it still holds goes back. Gives up when the signal aborts. */
  async leave(signal: AbortSignal): Promise<void> {
    const instances = [...this.#retired.keys(), this.#instance, this.#joining ?? ''].filter(
      (instance) => instance !== '',
    )
    for (const { heartbeat } of this.#retired.values()) heartbeat.stop()
    this.#heartbeat?.stop()
    await Promise.all(
      instances.map(async (instance) => {
        for (let failures = 1; !signal.aborted; failures++) {
          const retryMs = troubleBackoff(failures)
          const error = await Promise.race([this.#end(instance, retryMs), aborted(signal)])
          if (error === undefined || isClosed(error.thrown) || isPermanent(error.thrown)) return
          await sleep(this.#host.clock, retryMs, signal)
        }
      }),
    )
  }

  /** A worker that was asked to pause stays so under its next instance. */
  async #carryCommand(instance: InstanceId): Promise<void> {
    const { source, settings, patience } = this.#host
    const { backend } = source
    const command = this.#host.command()
    if (command !== 'pause' || !supports(backend, 'commandWorker')) return
    await patience.call('commandWorker', () => backend.commandWorker(instance, command), undefined, settings.stallMs)
  }

  #retire(): void {
    if (this.#heartbeat !== undefined) this.#retired.set(this.#instance, { heartbeat: this.#heartbeat, leaving: false })
  }

  /** @returns What went wrong. */
  async #end(instance: InstanceId, retryMs: number | null = null): Promise<{ readonly thrown: unknown } | undefined> {
    const { source, events, patience } = this.#host
    try {
      await patience.call('deregister', () => source.backend.deregister(instance))
      return undefined
    } catch (thrown) {
      if (!isClosed(thrown))
        events.emit({
          type: 'error',
          where: 'deregister',
          error: thrown,
          retryMs: isPermanent(thrown) ? null : retryMs,
        })
      return { thrown }
    }
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

/** Waits for a promise, but no longer than until the signal aborts. */
export function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return Promise.race([promise, aborted(signal)])
}
