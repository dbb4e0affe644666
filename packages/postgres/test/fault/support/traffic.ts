/**
 * What people do to tasks and queues while everything fails: unique pushes, cancels, pauses. Remembers what it was
 * answered, so that the history can be held against it.
 */
import type { CancelAnswer, UniqueWhile } from '@q/core'
import { isQError, uuidv7 } from '@q/core'
import type { Random } from './random.ts'
import type { Scene } from './scene.ts'
import { pause } from './scene.ts'

/** A push of a unique task that was stored. */
export interface UniquePush {
  readonly id: string
  readonly key: string
  readonly while: UniqueWhile
}

/** A cancel that was answered. */
export interface Cancelled {
  readonly id: string
  readonly answer: CancelAnswer
  /** When the answer was there, in milliseconds since the epoch. */
  readonly at: number
}

/** From the answer of `pause` to the call of `resume`, in milliseconds since the epoch. */
export interface Paused {
  readonly from: number
  to: number
}

const KEYS = 12
const PUSH_EVERY_MS = 15
const CANCEL_EVERY_MS = 40
/** Cancels aim at what was pushed lately: it may wait, run or have ended. */
const LATELY = 60

/** Control from outside, until it is stopped. */
export class Traffic {
  readonly pushed: UniquePush[] = []
  readonly cancelled: Cancelled[] = []
  readonly paused: Paused[] = []
  /** Pushes that were told that another task has their key. */
  duplicates = 0
  /** Pushes that put their args into a waiting task. */
  replaced = 0
  readonly #scene: Scene
  readonly #random: Random
  readonly #running: Promise<unknown>
  #stopped = false

  /** @param pauses How long the queue is paused, again and again, and how long it works in between. */
  constructor(scene: Scene, random: Random, pauses: { readonly ms: number; readonly workMs: number }) {
    this.#scene = scene
    this.#random = random
    this.#running = Promise.all([this.#push(), this.#cancel(), this.#pause(pauses)])
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #push(): Promise<void> {
    const { pushes, storage } = this.#scene
    for (; !this.#stopped; await pause(PUSH_EVERY_MS)) {
      const kind: UniqueWhile = this.#random.int(0, 1) === 0 ? 'unfinished' : 'waiting'
      const key = `${kind}-${this.#random.int(1, KEYS)}`
      const id = uuidv7()
      pushes.set(id, 'unknown')
      const job = { do: 'work', ms: this.#random.int(5, 120) } as const
      const otherwise = this.#random.int(0, 1) === 0 ? 'keep' : 'replace'
      const receipt = await untilAnswered(() => storage.push(job, { id, unique: { key, while: kind, otherwise } }))
      pushes.set(id, receipt.outcome === 'created' ? 'ok' : 'fail')
      if (receipt.outcome === 'created') this.pushed.push({ id, key, while: kind })
      else if (receipt.outcome === 'replaced') this.replaced += 1
      else this.duplicates += 1
    }
  }

  async #cancel(): Promise<void> {
    for (; !this.#stopped; await pause(CANCEL_EVERY_MS)) {
      const chosen = this.#random.pick(this.pushed.slice(-LATELY))
      if (chosen === undefined) continue
      const answer = await untilAnswered(() => this.#scene.storage.cancel(chosen.id, 'by the traffic'))
      this.cancelled.push({ id: chosen.id, answer, at: Date.now() })
    }
  }

  async #pause({ ms, workMs }: { readonly ms: number; readonly workMs: number }): Promise<void> {
    const { storage } = this.#scene
    for (;;) {
      await this.#rest(workMs)
      if (this.#stopped) return
      await untilAnswered(() => storage.pause({ reason: 'by the traffic' }))
      const paused: Paused = { from: Date.now(), to: Infinity }
      this.paused.push(paused)
      await this.#rest(ms)
      paused.to = Date.now()
      await untilAnswered(() => storage.resume())
    }
  }

  async #rest(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !this.#stopped; left -= 50) await pause(50)
  }
}

/** Every call of the control API is safe to repeat. */
async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!isQError(error, 'ERR_BACKEND_UNAVAILABLE')) throw error
      await pause(50)
    }
  }
}
