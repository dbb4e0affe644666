/**
 * Whether a worker claims, and as which instance: pauses, restarts, lost leases and lost replies.
 *
 * At any time there is at most one loop. It ends, and the next begins under a new instance, when the lease is
 * lost or when a claim may have taken tasks that nobody here knows of.
 */
import type { BeatReply, WorkerCommand } from '../backend/backend.ts'
import type { InstanceId } from '../task/task.ts'
import type { PauseCause } from './event.ts'
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
  /** Somebody asked the worker to stop, from wherever. */
  readonly stop: () => void
}

/** The claiming side of one life. */
export class Claiming {
  readonly #host: ClaimingHost
  /** Claims that failed in a row, whatever the instance. */
  readonly #failures = { count: 0 }
  #loop: ClaimLoop | undefined = undefined
  #started = false
  readonly #pauses = new Set<PauseCause>()
  #command: WorkerCommand = 'work'
  #joining = false
  #doubtful = false

  constructor(host: ClaimingHost) {
    this.#host = host
  }

  get paused(): boolean {
    return this.#pauses.size > 0
  }
  /** Why it is paused; each has to end by itself. */
  get pausedBy(): readonly PauseCause[] {
    return [...this.#pauses]
  }
  /** What somebody last asked of this worker from outside. */
  get command(): WorkerCommand {
    return this.#command
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

  pause(by: PauseCause): void {
    if (this.#pauses.has(by) || this.#host.over.aborted) return
    this.#pauses.add(by)
    this.#host.events.emit({ type: 'pause', by })
    void this.#end()
    this.#host.slots.close()
  }

  /** Ends the pause of this cause; the worker goes on when no other is left. */
  resume(by: PauseCause): void {
    if (!this.#pauses.has(by) || this.#host.over.aborted) return
    this.#pauses.delete(by)
    this.#host.events.emit({ type: 'resume', by })
    this.#work()
  }

  /** Obeys what a beat of the current instance brought. */
  heard(instance: InstanceId, reply: BeatReply): void {
    const { membership, source, events, stop } = this.#host
    if (instance !== membership.instance) return
    if (reply.paused?.includes(source.queue) === true) this.pause('queue')
    else this.resume('queue')
    const { command = 'work' } = reply
    if (command === this.#command) return
    this.#command = command
    events.emit({ type: 'command', command })
    if (command === 'pause') this.pause('command')
    else this.resume('command')
    if (command === 'stop') stop()
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
    if (!this.#started || this.paused || this.#joining || this.#loop !== undefined) return
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
    // An instance that is not the current one ends anyway.
    if (loop.instance !== this.#host.membership.instance) return
    this.#doubtful = true
    // The loop may be a later one of the same instance: a pause that ended lies between them.
    void this.#end()
    // What is buffered belongs to the instance that retires; it goes back like the rest.
    this.#host.slots.close()
    this.#work()
  }

  async #join(): Promise<void> {
    this.#joining = true
    try {
      await this.#host.membership.join(false, this.#host.over)
      this.#doubtful = false
    } catch (error) {
      this.#host.closed(error, 'register')
    } finally {
      this.#joining = false
    }
    this.#work()
  }
}
