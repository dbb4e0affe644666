/**
 * Tells hooks what became of each attempt's outcome in the store.
 *
 * After the fact: the store has answered, and nothing a hook does, throws or forgets changes that. What is slow in a
 * hook holds up nothing but the end of the worker.
 */
import type { SettleAnswer, Settlement } from '../backend/backend.ts'
import type { TaskInfo } from './context.ts'
import type { Emitter } from './emitter.ts'
import type { Tracked } from './tracked.ts'

/** The end of one attempt, as the store has it. Of a claim that was known to be lost nothing is sent, and nothing told. */
export interface Ack {
  readonly task: TaskInfo
  /** What was sent. One that the store could not take as it was is here the `killed` that took its place. */
  readonly settlement: Settlement
  /**
   * `applied`; `already`: a call before, whose reply was lost, had applied it; `stale`: the claim was lost, nothing was
   * stored; `dropped`: the worker had to stop before the store answered, the task will run again.
   */
  readonly answer: SettleAnswer | 'dropped'
}

/** Hears of each ack once. What it throws or rejects with becomes an `error` event. */
export type AckHook = (ack: Ack) => void | Promise<void>

/** The ack hooks of one life. */
export class Acks {
  readonly #hooks: readonly AckHook[]
  readonly #events: Emitter
  readonly #pending: Tracked
  readonly #tasks = new WeakMap<Settlement, TaskInfo>()

  /** @param pending Takes the promises of hooks that have not ended. */
  constructor(hooks: readonly AckHook[], events: Emitter, pending: Tracked) {
    this.#hooks = hooks
    this.#events = events
    this.#pending = pending
  }

  /** This settlement ends an attempt of this task. */
  expect(settlement: Settlement, task: TaskInfo): void {
    if (this.#hooks.length > 0) this.#tasks.set(settlement, task)
  }

  /**
   * The final answer to a settlement; those that ended no attempt are passed over.
   * @param stored What was sent in its place, when it could not be taken as it was.
   */
  answered(settlement: Settlement, answer: Ack['answer'], stored: Settlement = settlement): void {
    const task = this.#hooks.length === 0 ? undefined : this.#tasks.get(settlement)
    if (task === undefined) return
    this.#tasks.delete(settlement)
    const ack: Ack = { task, settlement: stored, answer }
    for (const hook of this.#hooks) this.#call(hook, ack)
  }

  #call(hook: AckHook, ack: Ack): void {
    const failed = (error: unknown): void => this.#events.emit({ type: 'error', where: 'ack', error, retryMs: null })
    try {
      const returned: unknown = hook(ack)
      if (returned instanceof Promise) void this.#pending.add(returned).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}
