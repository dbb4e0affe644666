/**
 * Whole systems in one process, by a seed: several processes on one store, virtual time, and everything that can go wrong.
 *
 * Requests and replies travel for a while, get lost, or find the store away; processes die or stand still. What happens
 * is decided by one generator of numbers and one virtual clock, so that the same seed gives the same schedule again.
 */
import { type Backend, type Clock, QError } from '@q/core'
import { settled, VirtualClock } from './virtual-clock.ts'

/** How often things go wrong, from 0 (never) to 1 (always), per call of a backend; and how long it takes. */
export interface Faults {
  /** The store is not reached: nothing happens, the caller hears of it. Default 0.02. */
  readonly unavailable?: number
  /** The call takes effect, the caller hears that the store was not reached. Default 0.02. */
  readonly lostReply?: number
  /** The process that calls dies; the call may still take effect. Default 0. */
  readonly death?: number
  /** The process that calls stands still for up to {@link Faults.frozenMs}. Default 0. */
  readonly freeze?: number
  /** Default 60,000. */
  readonly frozenMs?: number
  /** The most that a request, and a reply, take. Default 20. */
  readonly latencyMs?: number
}

/** One process: what it calls, and the clock it lives by. Give both to its worker. */
export interface SimulatedProcess<B> {
  readonly backend: B
  readonly clock: Clock
  readonly alive: boolean
  /** Ends it as `kill -9` does: nothing of it runs from here on, what it asked for may still happen. */
  kill(): void
  /** Stops it as SIGSTOP does. */
  freeze(ms: number): void
}

/** What a scenario is given. */
export class Simulation<B extends Backend = Backend> {
  readonly seed: number
  readonly clock: VirtualClock = new VirtualClock()
  /** The store itself, without faults: for looking, and for what may not fail. */
  readonly store: B
  readonly #faults: Required<Faults>
  #state: number
  #faulty = true
  readonly #processes = new Set<Process>()

  /** @param makeStore Makes the store on the simulation's clock. */
  constructor(seed: number, makeStore: (clock: Clock) => B, faults: Faults = {}) {
    this.seed = seed
    this.#state = seed >>> 0
    this.store = makeStore(this.clock)
    this.#faults = {
      unavailable: 0.02,
      lostReply: 0.02,
      death: 0,
      freeze: 0,
      frozenMs: 60_000,
      latencyMs: 20,
      ...faults,
    }
  }

  /** The next number of the seed, from 0 to below 1. Source: Mulberry32 by Tommy Ettinger, public domain. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to below `n`. */
  pick(n: number): number {
    return Math.floor(this.random() * n)
  }

  /** Processes that live. */
  get processes(): readonly SimulatedProcess<B>[] {
    return [...this.#processes].filter(({ alive }) => alive) as (Process & SimulatedProcess<B>)[]
  }

  /**
   * Starts a process.
   * @param onDeath Told when it dies: a test may start another in its place.
   */
  process(onDeath: () => void = () => undefined): SimulatedProcess<B> {
    const process = new Process(this, this.store, onDeath)
    this.#processes.add(process)
    return process as Process & SimulatedProcess<B>
  }

  /** No more faults from here on: what can get well does. */
  calm(): void {
    this.#faulty = false
  }

  /**
   * Lets time go on until the promise settles.
   * @param withinMs Of virtual time. Default an hour.
   * @throws QError `ERR_WAIT_TIMEOUT` when it does not settle; what the promise rejects with.
   */
  async until<T>(promise: PromiseLike<T>, withinMs = 3_600_000): Promise<T> {
    let over = false
    const done = (): void => void (over = true)
    promise.then(done, done)
    const end = this.clock.now() + withinMs
    await settled()
    while (!over) {
      const next = this.clock.nextMs
      if (next === null || this.clock.now() + next > end)
        throw new QError('ERR_WAIT_TIMEOUT', `Nothing more happens, or not within ${withinMs} ms of virtual time.`)
      await this.clock.advance(next)
    }
    return promise
  }

  /** What befalls a call. For the processes. */
  fate(): { readonly kind: 'none' | 'unavailable' | 'lostReply' | 'death' | 'freeze'; readonly frozenMs: number } {
    const { unavailable, lostReply, death, freeze, frozenMs } = this.#faults
    let at = this.random()
    const ms = Math.ceil(this.random() * frozenMs)
    if (this.#faulty)
      for (const [kind, share] of [
        ['unavailable', unavailable],
        ['lostReply', lostReply],
        ['death', death],
        ['freeze', freeze],
      ] as const) {
        if (at < share) return { kind, frozenMs: ms }
        at -= share
      }
    return { kind: 'none', frozenMs: 0 }
  }

  /** How long a message travels. For the processes. */
  travel(): number {
    return Math.floor(this.random() * this.#faults.latencyMs)
  }
}

/** Members that give a stream, or are no calls to a store: passed on as they are. */
const DIRECT = new Set(['wait', 'waitRuns', 'events', 'wake', 'close'])

class Process {
  readonly clock: Clock
  readonly backend: object
  readonly #simulation: Simulation
  readonly #onDeath: () => void
  #dead = false
  #frozenUntil = 0

  constructor(simulation: Simulation, store: object, onDeath: () => void) {
    this.#simulation = simulation
    this.#onDeath = onDeath
    const { clock } = simulation
    this.clock = {
      now: () => clock.now(),
      after: (ms, run) => clock.after(ms, () => this.#deliver(run)),
    }
    this.backend = new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        const call = (...given: unknown[]): unknown => Reflect.apply(member, target, given)
        return DIRECT.has(String(name)) ? call : (...given: unknown[]) => this.#call(() => call(...given))
      },
    })
  }

  get alive(): boolean {
    return !this.#dead
  }

  kill(): void {
    if (this.#dead) return
    this.#dead = true
    this.#onDeath()
  }

  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#simulation.clock.now() + ms)
  }

  #call(run: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#dead) return
      const { clock } = this.#simulation
      const { kind, frozenMs } = this.#simulation.fate()
      const away = new QError(
        'ERR_BACKEND_UNAVAILABLE',
        `The store could not be reached (seed ${this.#simulation.seed}).`,
      )
      const back = (settle: () => void): void =>
        void clock.after(this.#simulation.travel(), () => this.#deliver(settle))
      if (kind === 'freeze') this.freeze(frozenMs)
      clock.after(this.#simulation.travel(), () => {
        if (kind === 'unavailable') return back(() => reject(away))
        Promise.resolve()
          .then(run)
          .then(
            (value) => back(() => (kind === 'lostReply' ? reject(away) : resolve(value))),
            (error: unknown) => back(() => reject(error)),
          )
      })
      if (kind === 'death') this.kill()
    })
  }

  #deliver(run: () => void): void {
    if (this.#dead) return
    const { clock } = this.#simulation
    const frozen = this.#frozenUntil - clock.now()
    if (frozen > 0) clock.after(frozen, () => this.#deliver(run))
    else run()
  }
}

/** Which schedules to try. */
export interface SimulateOptions<B extends Backend> {
  /** How many seeds, or which. */
  readonly seeds: number | readonly number[]
  /** Default 1: the first of so many. */
  readonly from?: number
  readonly store: (clock: Clock) => B
  readonly faults?: Faults
}

/**
 * Runs a scenario under many schedules.
 * @throws Error naming the seed of the first schedule that failed, with what it failed with as its cause.
 */
export async function simulate<B extends Backend>(
  options: SimulateOptions<B>,
  scenario: (simulation: Simulation<B>) => Promise<void>,
): Promise<void> {
  const { seeds, from = 1, store, faults } = options
  const all = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, index) => from + index) : seeds
  for (const seed of all) {
    try {
      await scenario(new Simulation(seed, store, faults))
    } catch (cause) {
      const { message } = cause as Error
      throw new Error(`Seed ${seed} fails: ${message}\nAgain, only that one: seeds: [${seed}]`, { cause })
    }
  }
}
