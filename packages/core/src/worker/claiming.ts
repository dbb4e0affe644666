/**
 * Whether a worker claims, and as which instance: pauses, restarts, lost leases and lost replies.
 *
 * At any time there is at most one loop. It ends, and the next begins under a new instance, when the lease is
 * lost or when a claim may have taken tasks that nobody here knows of.
 */
import type { InstanceId } from '../task/task.ts'
import { loseTask } from './heartbeat.ts'
import { ClaimLoop, type LoopHost } from './loop.ts'
import type { Membership } from './membership.ts'
import type { RunningTasks } from './running.ts'

/** What claiming needs of its worker. */
export interface ClaimingHost extends Omit<LoopHost, 'instance' | 'leaseLost' | 'failures' | 'doubt'> {
  readonly membership: Membership
  readonly running: RunningTasks
  /** Aborts when the worker begins to stop. */
  readonly over: AbortSignal
}

/** The claiming side of one life. */
export class Claiming {
  readonly #host: ClaimingHost
  /** Claims that failed in a row, whatever the instance. */
  readonly #failures = { count: 0 }
  #loop: ClaimLoop | undefined = undefined
  #started = false
  #paused = false
  #joining = false
  #doubtful = false

  constructor(host: ClaimingHost) {
    this.#host = host
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Whether a claim, or what has to come before one, should be getting somewhere right now. */
  get busy(): boolean {
    const { membership, clock } = this.#host
    return this.#loop?.looking === true || this.#joining || !membership.trusts(clock.now())
  }

  /** The worker is registered; the claiming may begin. */
  start(): void {
    this.#started = true
    this.#work()
  }

  pause(): void {
    if (this.#paused || this.#host.over.aborted) return
    this.#paused = true
    this.#host.events.emit({ type: 'pause' })
    void this.#end()
    this.#host.slots.close()
  }

  resume(): void {
    if (!this.#paused || this.#host.over.aborted) return
    this.#paused = false
    this.#host.events.emit({ type: 'resume' })
    this.#work()
  }

  /** Slots or buffer changed. */
  changed(): void {
    this.#loop?.changed()
  }

  /** Begins anew: the loop hangs, and its claim with it. */
  restart(): void {
    if (this.#loop !== undefined) this.#doubt(this.#loop)
  }

  /** Claims no more. Resolves when the claim under way has come back. */
  async stop(): Promise<void> {
    this.#started = false
    await this.#end()
  }

  /** The store took everything back: what runs is lost, what waits is forgotten, and the worker joins anew. */
  loseLease(instance: InstanceId): void {
    const { membership, running, over, slots, events } = this.#host
    membership.lose(instance)
    for (const task of running) if (task.instance === instance && !task.lost) loseTask(task)
    if (instance !== membership.instance || over.aborted) return
    void this.#end()
    slots.forget()
    events.emit({ type: 'lease-lost', instance })
    if (!this.#joining) void this.#join()
  }

  #work(): void {
    const { membership, slots } = this.#host
    if (!this.#started || this.#paused || this.#joining || this.#loop !== undefined) return
    if (!membership.joined) return
    if (this.#doubtful) return void this.#join()
    slots.open()
    this.#loop = new ClaimLoop({
      ...this.#host,
      instance: membership.instance,
      leaseLost: (instance) => this.loseLease(instance),
      failures: this.#failures,
      doubt: (loop) => this.#doubt(loop),
    })
  }

  #end(): Promise<void> {
    const ended = this.#loop?.stop() ?? Promise.resolve()
    this.#loop = undefined
    return ended
  }

  /** What a claim without a reply took is held by an instance that lives: that instance must end. */
  #doubt(loop: ClaimLoop): void {
    this.#doubtful = true
    if (this.#loop !== loop) return
    void this.#end()
    // What is buffered belongs to the instance that retires; it goes back like the rest.
    this.#host.slots.close()
    this.#work()
  }

  async #join(): Promise<void> {
    this.#doubtful = false
    this.#joining = true
    try {
      await this.#host.membership.join(false, this.#host.over)
    } catch (error) {
      this.#host.closed(error)
    } finally {
      this.#joining = false
    }
    this.#work()
  }
}
