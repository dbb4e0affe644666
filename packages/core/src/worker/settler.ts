/**
 * Brings outcomes to the store, in groups, until the store has answered.
 *
 * An outcome is kept and sent again under its token however often the store fails; a call whose reply
 * was lost is answered `already`. One that the store refuses for good is found by halving its batch,
 * so that its neighbours are settled, and becomes a minimal `killed` record.
 */
import type { SettleAnswer, Settlement } from '../backend/backend.ts'
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { type GroupCommit, groupCommit } from '../group-commit.ts'
import type { InstanceId } from '../task/task.ts'
import type { ErrorPlace } from './event.ts'
import { OpenOutcomes, type Outgoing } from './open-outcomes.ts'
import { isRefusal, type PassHost, type Settled, SettlePass } from './settle-pass.ts'
import { isClosed, troubleBackoff } from './trouble.ts'

/** Most settlements of one call. */
export const MAX_FLUSH = 1_000
/** Most bytes of one call, about; a single settlement that has more goes alone. */
export const MAX_FLUSH_BYTES: number = 8 * 1024 * 1024
/** Failed rounds after which what was refused steps aside for the others, and for how long. */
const ASIDE_AFTER = 3
const ASIDE_MS = 5_000

/** What a settler needs of its worker. */
export interface SettlerHost extends PassHost {
  readonly clock: Clock
  /** The instance that claims now. */
  readonly instance: () => InstanceId
  /** The store has answered, and these are stored: there is room again. */
  readonly settled: (settlements: readonly Settlement[]) => void
  /**
   * The final answer to one of them.
   * @param stored What was sent in its place, where it could not be taken as it was.
   */
  readonly answered: (settlement: Settlement, answer: SettleAnswer | 'dropped', stored?: Settlement) => void
  /** The backend is closed. */
  readonly closed: (error: unknown, where: ErrorPlace) => void
}

/** The way out of a worker. */
export class Settler {
  readonly #host: SettlerHost
  readonly #group: GroupCommit<Outgoing, Settled>
  readonly #open = new OpenOutcomes()
  readonly #stop = new AbortController()
  readonly #aside = new Map<Outgoing, () => void>()
  /** What was stored in the place of what the store refused. */
  readonly #replaced = new WeakMap<Settlement, Settlement>()
  #refusing = false
  #idle: (() => void)[] = []

  constructor(host: SettlerHost) {
    this.#host = host
    this.#group = groupCommit((items) => this.#flush(items), { max: MAX_FLUSH, weigh })
  }

  /** Outcomes that the store has not answered yet. */
  get size(): number {
    return this.#open.size
  }

  /** How many more outcomes there may be before the store has answered some. */
  get room(): number {
    return this.#open.room
  }

  /** Outcomes of this instance that the store has not answered yet. */
  openOf(instance: InstanceId): number {
    return this.#open.of(instance)
  }

  /**
   * Takes an outcome. Never rejects.
   * @param instance The one that holds the claim.
   * @param after Sent once this is over: a checkpoint of the same task on its way.
   */
  add(settlement: Settlement, instance: InstanceId = this.#host.instance(), after?: Promise<void>): Promise<Settled> {
    const outgoing = this.#open.add(settlement, instance)
    return after === undefined ? this.#group.add(outgoing) : after.then(() => this.#group.add(outgoing))
  }

  /** Resolves when nothing is open. */
  idle(): Promise<void> {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Gives up what is open; the store gives those tasks back when the instance ends. */
  drop(): void {
    this.#stop.abort()
    for (const [outgoing, again] of this.#aside) {
      again()
      this.#aside.delete(outgoing)
      this.#host.answered(outgoing.settlement, 'dropped')
      this.#close([outgoing])
    }
  }

  async #flush(batch: readonly Outgoing[]): Promise<readonly Settled[]> {
    const { clock, events, settled, answered } = this.#host
    const startedAt = clock.now()
    const answers = await this.#send(batch.map((each) => each.settlement))
    const stored: Settlement[] = []
    const over: Outgoing[] = []
    for (const [index, outgoing] of batch.entries()) {
      const { settlement, instance } = outgoing
      const answer = answers[index] ?? (this.#stop.signal.aborted ? 'dropped' : undefined)
      if (answer === undefined) {
        this.#setAside(outgoing)
        continue
      }
      over.push(outgoing)
      if (answer === 'applied' || answer === 'already') stored.push(settlement)
      else if (answer === 'stale' && settlement.kind !== 'released')
        events.emit({ type: 'lease-lost', id: settlement.id, instance })
      if (answer !== 'refused') answered(settlement, answer, this.#replaced.get(settlement))
    }
    if (events.active && stored.length > 0)
      events.emit({ type: 'settled', tasks: stored.length, durationMs: clock.now() - startedAt })
    // First make room, then tell: what is told looks for room.
    this.#close(over)
    if (over.length > 0) settled(stored)
    return answers.map((answer) => answer ?? 'refused')
  }

  #close(over: readonly Outgoing[]): void {
    for (const outgoing of over) this.#open.delete(outgoing)
    if (this.#open.size > 0 || this.#idle.length === 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  /** Answers each item, or leaves `undefined` for what is to step aside and come again. */
  async #send(items: readonly Settlement[]): Promise<(Settled | undefined)[]> {
    const answers = new Map<Settlement, Settled>()
    let open = items
    for (let round = 1; open.length > 0; round++) {
      if (this.#stop.signal.aborted) {
        for (const item of open) answers.set(item, 'dropped')
        break
      }
      const pass = new SettlePass(this.#host, answers, this.#replaced, round)
      open = await pass.start(open, this.#refusing)
      this.#refusing = pass.refusing
      if (open.length === 0) break
      if (isClosed(pass.error)) {
        this.drop()
        this.#host.closed(pass.error, 'settle')
        continue
      }
      if (isRefusal(pass.error, round) && round >= ASIDE_AFTER) {
        for (const item of open) if (item.kind === 'progress') answers.set(item, 'refused')
        break
      }
      const retryMs = troubleBackoff(round)
      this.#host.events.emit({ type: 'error', where: 'settle', error: pass.error, retryMs })
      await sleep(this.#host.clock, retryMs, this.#stop.signal)
    }
    return items.map((item) => answers.get(item))
  }

  #setAside(outgoing: Outgoing): void {
    const again = this.#host.clock.after(ASIDE_MS, () => {
      this.#aside.delete(outgoing)
      void this.#group.add(outgoing)
    })
    this.#aside.set(outgoing, again)
  }
}

/** Both limits of a call in one: as many of the small ones as it may have, and of the large ones their share of the bytes. */
function weigh({ bytes }: Outgoing): number {
  return Math.max(1, bytes * (MAX_FLUSH / MAX_FLUSH_BYTES))
}
