/**
 * One run, with something going wrong at exactly one moment: before a call of one process is sent, or after it took effect.
 *
 * Processes share a store in virtual time. Each has at most a few faults, each fault happens once, and that it happened is part of the
 * check. The store keeps what it answered to every settlement: so each step can be seen to end once.
 */
import { fixed, QError, retry, type RunId, type RunInfo, type Settlement, sleep, uuidv7, WorkerBuilder } from '@q/core'
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { type SimulatedProcess, Simulation } from '@q/testing'
import { expect } from 'vitest'
import type { Definition } from '../../src/build/definition.ts'
import type { StepContext } from '../../src/engine/context.ts'
import { list } from '../../src/engine/work/step.ts'
import { stepId } from '../../src/ids.ts'
import type { Run } from '../../src/run/handle.ts'
import { told } from '../suite/support.ts'

/** Longer than a lease. */
const FROZEN_MS = 60_000
const TRAVEL_MS = 2
/** Of virtual time. */
const WITHIN_MS = 1_200_000
const ENDS: readonly Settlement['kind'][] = ['done', 'killed', 'cancelled']

type Call = 'startRuns' | 'claim' | 'settle' | 'peek' | 'receive' | 'writePages'
type Settle = Parameters<MemoryBackend['settle']>

/** What befalls the caller; a function happens meanwhile, and the call goes on after it. */
export type What = 'dies' | 'loses' | 'freezes' | (() => unknown)

/** Something that goes wrong once. */
export interface Fault {
  readonly at: 'before' | 'after'
  readonly call: Call
  readonly what: What
  /** Which call it is: by what it is given and, after it, by its reply. */
  readonly which: (given: readonly unknown[], reply: unknown) => boolean
}

/** Before the call is sent: it dies, the call is lost on its way, or it stands still longer than its lease. */
export function before(call: Call, which: Fault['which'], what: What): Fault {
  return { at: 'before', call, what, which }
}

/** After the call took effect: it dies before it hears of it, never hears of it, or stands still longer than its lease. */
export function after(call: Call, which: Fault['which'], what: What): Fault {
  return { at: 'after', call, what, which }
}

/** Any call. */
export const always = (): boolean => true

/** A store that remembers what it answered. */
export class Witness extends MemoryBackend {
  readonly answers: { readonly id: string; readonly kind: Settlement['kind']; readonly answer: string }[] = []
  /** What an engine with a defect would send in the place of a settlement. */
  tamper: (settlement: Settlement) => Settlement = (settlement) => settlement

  override async settle(settlements: Settle[0], options?: Settle[1]): ReturnType<MemoryBackend['settle']> {
    const answers = await super.settle(settlements.map(this.tamper), options)
    for (const [at, { id, kind }] of settlements.entries()) this.answers.push({ id, kind, answer: answers[at]! })
    return answers
  }
}

/** How a run is expected to have ended. */
export interface Expected {
  /** Default `done`. */
  readonly status?: RunInfo['status']
  readonly output?: unknown
  /** All its steps with their statuses, or how many there are. */
  readonly steps: number | readonly string[]
  /** How often the user's code of each node had its effect. */
  readonly effects?: Readonly<Record<string, number>>
}

/** The world of one test. */
export class Scene {
  readonly simulation: Simulation<Witness> = new Simulation<Witness>(
    1,
    (clock) => new Witness({ clock, keepFinished: 100_000 }),
    { unavailable: 0, lostReply: 0, latencyMs: 5 },
  )
  readonly store: Witness = this.simulation.store
  readonly storage: MemoryStorage<unknown> = new MemoryStorage({ backend: this.store, queue: 'flows' })
  readonly run: RunId = uuidv7()
  /** The keys under which each node had its effects, in order. */
  readonly effects: Map<string, string[]> = new Map()
  readonly #faults: Fault[] = []
  readonly #happened = new Set<Fault>()
  #over = false

  /** Notes that the code of a node does something that everybody can see. */
  effect(ctx: Pick<StepContext, 'node' | 'idempotencyKey'>): void {
    this.effects.set(ctx.node, [...(this.effects.get(ctx.node) ?? []), ctx.idempotencyKey])
  }

  /** The calls that end a step, or give it back; by its kind of settlement if that matters. */
  settles(node: string, index = 0, kind?: Settlement['kind']): Fault['which'] {
    const id = stepId(this.run, node, index)
    return ([settlements]) =>
      (settlements as readonly Settlement[]).some(
        (each) => each.id === id && (kind === undefined ? each.kind !== 'progress' : each.kind === kind),
      )
  }

  /** The calls whose reply hands out a step. */
  claims(node: string, index = 0): Fault['which'] {
    const id = stepId(this.run, node, index)
    return (_given, reply) =>
      (reply as { readonly tasks: readonly { readonly id: string }[] }).tasks.some((task) => task.id === id)
  }

  /** A process that only pushes. */
  client(...faults: readonly Fault[]): MemoryStorage<unknown> {
    return this.#storage(this.simulation.process(), faults)
  }

  /** Starts the run, without faults. */
  start<Start, Output>(flow: Definition<Start, Output>, input: Start): Promise<Run<Output>> {
    return flow.pushStart(this.storage, input, { id: this.run })
  }

  /**
   * Starts a worker.
   * @param given The workflow, or how it is built for the process that runs it.
   * @param options.alone No other takes its place when it dies.
   */
  work(
    given: Definition<never, unknown> | ((process: SimulatedProcess<Witness>) => Definition<never, unknown>),
    options: { readonly faults?: readonly Fault[]; readonly alone?: boolean; readonly concurrency?: number } = {},
  ): SimulatedProcess<Witness> {
    const { faults = [], alone = false, concurrency = 10 } = options
    const process = this.simulation.process(() => {
      if (!alone && !this.#over) this.work(given, { concurrency })
    })
    const flow = typeof given === 'function' ? given(process) : given
    const worker = new WorkerBuilder('w')
      .backend(this.#storage(process, faults))
      .clock(process.clock)
      .concurrency(concurrency)
      .use(retry({ retries: 3, backoff: fixed(10) }))
      .onEvent(() => undefined)
      .build(flow)
    void worker.run().catch(() => undefined)
    return process
  }

  /** What user code does where its process dies in the middle of it. */
  die(process: SimulatedProcess<Witness>): Promise<never> {
    process.kill()
    return never()
  }

  /** Lets time go on. */
  pass(ms: number): Promise<void> {
    return this.simulation.clock.advance(ms)
  }

  /** Waits until the run has ended, and checks all that must hold of it. */
  async ends(flow: Definition<never, unknown>, expected: Expected): Promise<RunInfo> {
    const run = flow.open(this.storage, this.run)
    await this.simulation.until(run.finished, WITHIN_MS)
    this.#over = true
    // Whoever stood still has its last word too.
    await this.pass(2 * FROZEN_MS)
    const info = await run.info()
    expect(info.status).toBe(expected.status ?? 'done')
    if ('output' in expected) expect(await run.result()).toEqual(expected.output)
    const steps = await list(run.steps())
    if (typeof expected.steps === 'number') expect(told(steps)).toHaveLength(expected.steps)
    else expect(told(steps)).toEqual([...expected.steps].sort())
    expect(new Set(steps.map(({ id }) => id)).size).toBe(steps.length)
    for (const { id, node, index, status } of steps) {
      expect(ENDS, `${node} #${index}`).toContain(status)
      // The store itself ends what waits in a run that is cancelled.
      expect(this.endsOf(id), `${node} #${index} ended`).toBe(status === 'cancelled' ? Math.min(1, this.endsOf(id)) : 1)
    }
    for (const [node, times] of Object.entries(expected.effects ?? {}))
      expect(this.effects.get(node) ?? [], `effects of ${node}`).toHaveLength(times)
    for (const [node, keys] of this.effects)
      if (steps.filter((step) => step.node === node).length === 1) expect(new Set(keys).size, `keys of ${node}`).toBe(1)
    expect(await this.store.stuckRuns(10)).toEqual([])
    expect(this.#faults.filter((fault) => !this.#happened.has(fault))).toEqual([])
    return info
  }

  /** How often a step ended. */
  endsOf(id: string): number {
    return this.store.answers.filter((each) => each.id === id && each.answer === 'applied' && ENDS.includes(each.kind))
      .length
  }

  /** What the store answered to the settlements of a step that would end it, in order. */
  answers(node: string, index = 0): string[] {
    const id = stepId(this.run, node, index)
    return this.store.answers.filter((each) => each.id === id && ENDS.includes(each.kind)).map(({ answer }) => answer)
  }

  #storage(process: SimulatedProcess<Witness>, faults: readonly Fault[]): MemoryStorage<unknown> {
    this.#faults.push(...faults)
    const backend = new Proxy(process.backend, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function' || !faults.some(({ call }) => call === name)) return member
        const own = faults.filter(({ call }) => call === name)
        return (...given: unknown[]) => this.#call(process, own, given, String(name))
      },
    })
    return new MemoryStorage({ backend, queue: 'flows' })
  }

  /** The travel is this scene's own: what happens after a call happens while the reply is still at the store. */
  async #call(
    process: SimulatedProcess<Witness>,
    faults: readonly Fault[],
    given: unknown[],
    name: string,
  ): Promise<unknown> {
    const strikes = (at: Fault['at'], reply?: unknown): Fault | undefined =>
      faults.find((fault) => fault.at === at && !this.#happened.has(fault) && fault.which(given, reply))
    const first = strikes('before')
    if (first !== undefined) await this.#happen(process, first)
    await sleep(process.clock, TRAVEL_MS)
    const reply: unknown = await Reflect.apply(Reflect.get(this.store, name), this.store, given)
    const then = strikes('after', reply)
    if (then !== undefined) await this.#happen(process, then)
    await sleep(process.clock, TRAVEL_MS)
    return reply
  }

  async #happen(process: SimulatedProcess<Witness>, fault: Fault): Promise<void> {
    this.#happened.add(fault)
    const { what } = fault
    if (typeof what === 'function') return void (await what())
    if (what === 'loses') throw new QError('ERR_BACKEND_UNAVAILABLE', `The ${fault.call} was lost on its way.`)
    if (what === 'dies') return this.die(process)
    process.freeze(FROZEN_MS)
    await sleep(process.clock, TRAVEL_MS)
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
