/**
 * Brings outcomes to the store, in groups, until the store has answered.
 *
 * An outcome is kept and sent again under its token however often the store fails; a call whose reply
 * was lost is answered `already`. One that the store refuses for good is found by halving its batch,
 * so that its neighbours are settled, and becomes a minimal `killed` record.
 */
import type { Backend, SettleAnswer, Settlement } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { isQError, QError } from '../error.ts'
import { toErrorRecord } from '../error-record.ts'
import { type GroupCommit, groupCommit } from '../group-commit.ts'
import type { InstanceId, TaskId } from '../task/task.ts'
import type { Emitter } from './emitter.ts'
import type { Patience } from './patience.ts'
import { isClosed, isPermanent, troubleBackoff } from './trouble.ts'

/** Most settlements of one call. */
export const MAX_FLUSH = 1_000
/** While more outcomes than this wait for the store, nothing new is claimed or started. */
export const MAX_UNSETTLED = 4_000
/**
 * Refusals in a row, without a success, after which halving stops: it is not one bad outcome, it is the store.
 * From then on one outcome is tried before all others, until one gets through.
 */
const MAX_REFUSALS = 32
/** Failed rounds after which what was refused steps aside for the others, and for how long. */
const ASIDE_AFTER = 3
const ASIDE_MS = 5_000
/** Failed rounds after which an error without a code of ours counts as a refusal, though never as a reason to kill. */
const UNKNOWN_PATIENCE = 3

/** The store's answer; `dropped` when the worker had to stop without one; `refused` for progress the store will not take. */
export type Settled = SettleAnswer | 'dropped' | 'refused'

/** What a settler needs of its worker. */
export interface SettlerHost {
  readonly backend: Backend
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
  readonly instance: () => InstanceId
  /** These are stored. */
  readonly settled: (settlements: readonly Settlement[]) => void
  /** The backend is closed. */
  readonly closed: (error: unknown) => void
}

/** The way out of a worker. */
export class Settler {
  readonly #host: SettlerHost
  readonly #group: GroupCommit<Settlement, Settled>
  readonly #stop = new AbortController()
  readonly #aside = new Map<Settlement, () => void>()
  #open = 0
  #taken = 0
  #refusing = false
  #idle: (() => void)[] = []

  constructor(host: SettlerHost) {
    this.#host = host
    this.#group = groupCommit((items) => this.#flush(items), { max: MAX_FLUSH })
  }

  /** Outcomes that the store has not answered yet. */
  get size(): number {
    return this.#open
  }

  /** Outcomes taken so far, and answered so far: what was taken by a moment is answered once the second reaches the first. */
  get taken(): number {
    return this.#taken
  }
  get answered(): number {
    return this.#taken - this.#open
  }

  /**
   * Takes an outcome. Never rejects.
   * @param after Sent once this is over: a checkpoint of the same task on its way.
   */
  add(settlement: Settlement, after?: Promise<void>): Promise<Settled> {
    this.#open += 1
    this.#taken += 1
    return after === undefined ? this.#group.add(settlement) : after.then(() => this.#group.add(settlement))
  }

  /** Resolves when nothing is open. */
  idle(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Gives up what is open; the store gives those tasks back when the instance ends. */
  drop(): void {
    this.#stop.abort()
    for (const [settlement, again] of this.#aside) {
      again()
      this.#aside.delete(settlement)
      this.#close(1)
    }
  }

  async #flush(items: readonly Settlement[]): Promise<readonly Settled[]> {
    const { clock, events, settled } = this.#host
    const startedAt = clock.now()
    const answers = await this.#send(items)
    const stored: Settlement[] = []
    let parked = 0
    for (const [index, item] of items.entries()) {
      const answer = answers[index]
      if (answer === 'applied' || answer === 'already') stored.push(item)
      else if (answer === 'stale' && item.kind !== 'released') this.#lost(item.id)
      else if (answer === undefined) parked += 1
    }
    if (events.active && stored.length > 0)
      events.emit({ type: 'settled', tasks: stored.length, durationMs: clock.now() - startedAt })
    if (stored.length > 0) settled(stored)
    this.#close(items.length - parked)
    return answers.map((answer) => answer ?? 'refused')
  }

  #lost(id: TaskId): void {
    this.#host.events.emit({ type: 'lease-lost', id, instance: this.#host.instance() })
  }

  #close(count: number): void {
    this.#open -= count
    if (this.#open > 0 || this.#idle.length === 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  /** Answers each item, or leaves `undefined` for what was set aside to come again. */
  async #send(items: readonly Settlement[]): Promise<(Settled | undefined)[]> {
    const answers = new Map<Settlement, Settled>()
    let open = items
    for (let round = 1; open.length > 0; round++) {
      if (this.#stop.signal.aborted) {
        for (const item of open) answers.set(item, 'dropped')
        break
      }
      const pass = new Pass(this.#host, answers, round)
      open = await pass.start(open, this.#refusing)
      this.#refusing = pass.refusing
      if (open.length === 0) break
      if (isClosed(pass.error)) this.#host.closed(pass.error)
      else if (isRefusal(pass.error, round) && round >= ASIDE_AFTER) {
        for (const item of open) this.#setAside(item, answers)
        break
      }
      const retryMs = troubleBackoff(round)
      this.#host.events.emit({ type: 'error', where: 'settle', error: pass.error, retryMs })
      await sleep(this.#host.clock, retryMs, this.#stop.signal)
    }
    return items.map((item) => answers.get(item))
  }

  #setAside(item: Settlement, answers: Map<Settlement, Settled>): void {
    if (item.kind === 'progress') return void answers.set(item, 'refused')
    const again = this.#host.clock.after(ASIDE_MS, () => {
      this.#aside.delete(item)
      void this.#group.add(item)
    })
    this.#aside.set(item, again)
  }
}

/** One round of sending: everything at once, and by halves where the store refuses. */
class Pass {
  readonly #host: SettlerHost
  readonly #answers: Map<Settlement, Settled>
  readonly #round: number
  #refusals = 0
  /** The store takes nothing at all, not even what can surely be written. */
  refusing = false
  error: unknown = undefined

  constructor(host: SettlerHost, answers: Map<Settlement, Settled>, round: number) {
    this.#host = host
    this.#answers = answers
    this.#round = round
  }

  /**
   * @param refusing Whether the last pass ended so.
   * @returns What is still to be sent.
   */
  async start(items: readonly Settlement[], refusing: boolean): Promise<readonly Settlement[]> {
    if (!refusing) return this.#run(items)
    this.refusing = true
    const left = await this.#run(items.slice(0, 1))
    return left.length > 0 ? items : this.#run(items.slice(1))
  }

  async #run(items: readonly Settlement[]): Promise<readonly Settlement[]> {
    if (items.length === 0) return []
    const failure = await this.#settle(items, items)
    if (failure === 'none') return []
    if (failure === 'passing') return items
    if (++this.#refusals > MAX_REFUSALS) {
      this.refusing = true
      return items
    }
    const [only] = items
    if (items.length === 1 && only !== undefined) return (await this.#minimal(only)) ? [] : items
    const half = items.length >> 1
    return [...(await this.#run(items.slice(0, half))), ...(await this.#run(items.slice(half)))]
  }

  /** Kills the task with what can surely be written. */
  async #minimal(item: Settlement): Promise<boolean> {
    if (item.kind === 'progress' || !isPermanent(this.error)) return false
    const { error } = this
    const { name, message } = toErrorRecord(error)
    const record = {
      name,
      message: `The outcome "${item.kind}" of this attempt could not be stored: ${message.slice(0, 500)}`,
    }
    const killed =
      (await this.#settle([{ id: item.id, token: item.token, kind: 'killed', error: record }], [item])) === 'none'
    if (killed) this.#host.events.emit({ type: 'error', where: 'settle', error, retryMs: null })
    return killed
  }

  async #settle(sent: readonly Settlement[], items: readonly Settlement[]): Promise<'none' | 'passing' | 'refused'> {
    const { backend, patience } = this.#host
    try {
      const answers = await patience.call('settle', () => backend.settle(sent))
      if (answers.length !== sent.length)
        throw new QError(
          'ERR_BACKEND',
          `The ${backend.name} backend answered ${answers.length} of ${sent.length} settlements.`,
        )
      for (const [index, item] of items.entries()) this.#answers.set(item, answers[index] as SettleAnswer)
      this.#refusals = 0
      this.refusing = false
      return 'none'
    } catch (error) {
      this.error = error
      return isRefusal(error, this.#round) ? 'refused' : 'passing'
    }
  }
}

function isRefusal(error: unknown, round: number): boolean {
  if (isClosed(error)) return false
  return isPermanent(error) || (round > UNKNOWN_PATIENCE && !isQError(error))
}
