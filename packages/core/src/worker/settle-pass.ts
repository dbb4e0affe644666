/**
 * One round of bringing outcomes to the store, and the search for the one that it refuses.
 *
 * Everything goes at once. What is refused is halved until the outcome that the store will not take is alone; that one
 * becomes a minimal `killed` record.
 */
import type { Backend, SettleAnswer, Settlement } from '../backend/backend.ts'
import { isQError, QError } from '../error.ts'
import { toErrorRecord } from '../error-record.ts'
import type { Emitter } from './emitter.ts'
import type { Patience } from './patience.ts'
import { isClosed, isPermanent } from './trouble.ts'

/**
 * Refusals in a row, without a success, after which halving stops: it is not one bad outcome, it is the store.
 * From then on one outcome is tried before all others, until one gets through.
 */
const MAX_REFUSALS = 32
/** Failed rounds after which an error without a code of ours counts as a refusal, though never as a reason to kill. */
const UNKNOWN_PATIENCE = 3

/** The store's answer; `dropped` when the worker had to stop without one; `refused` for progress the store will not take. */
export type Settled = SettleAnswer | 'dropped' | 'refused'

/** What a round needs of its worker. */
export interface PassHost {
  readonly backend: Backend
  readonly events: Emitter
  readonly patience: Patience
  /** Completes the settlement that takes the place of one that the store refused. */
  readonly instead?: (refused: Settlement, minimal: Settlement) => Settlement
}

/** One round of sending: everything at once, and by halves where the store refuses. */
export class SettlePass {
  readonly #host: PassHost
  readonly #answers: Map<Settlement, Settled>
  readonly #replaced: WeakMap<Settlement, Settlement>
  readonly #round: number
  #refusals = 0
  /** The store takes nothing at all, not even what can surely be written. */
  refusing = false
  error: unknown = undefined

  constructor(
    host: PassHost,
    answers: Map<Settlement, Settled>,
    replaced: WeakMap<Settlement, Settlement>,
    round: number,
  ) {
    this.#host = host
    this.#answers = answers
    this.#replaced = replaced
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
    const { id, token, ranMs } = item
    const { name, message } = toErrorRecord(error)
    const record = {
      name,
      message: `The outcome "${item.kind}" of this attempt could not be stored: ${message.slice(0, 500)}`,
    }
    const bare: Settlement = { id, token, kind: 'killed', error: record, ...(ranMs === undefined ? {} : { ranMs }) }
    const minimal = this.#host.instead?.(item, bare) ?? bare
    const killed = (await this.#settle([minimal], [item])) === 'none'
    if (killed) this.#replaced.set(item, minimal)
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
      for (const [index, item] of items.entries()) {
        const answer = answers[index]!
        // What is busy steps aside and comes again, apart from progress, whose handler waits to hear.
        if (answer !== 'busy') this.#answers.set(item, answer)
        else if (item.kind === 'progress') this.#answers.set(item, 'dropped')
      }
      this.#refusals = 0
      this.refusing = false
      return 'none'
    } catch (error) {
      this.error = error
      return isRefusal(error, this.#round) ? 'refused' : 'passing'
    }
  }
}

/**
 * Whether the store will not take what it was sent.
 * @param round Rounds in which it was sent, this one included.
 */
export function isRefusal(error: unknown, round: number): boolean {
  if (isClosed(error)) return false
  return isPermanent(error) || (round > UNKNOWN_PATIENCE && !isQError(error))
}
