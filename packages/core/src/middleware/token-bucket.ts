/**
 * Token buckets, by key: each holds `limit` tokens and fills up once every `periodMs`.
 *
 * One bucket is one number, the moment at which it is full again, so that there is nothing to refill and one
 * that has been full for a while can be forgotten.
 */
import type { CancelTimer, Clock } from '../clock.ts'
import { type Gate, Watchers } from './gate.ts'

interface Bucket {
  /** When all its tokens are there again, in milliseconds of the clock. */
  fullAt: number
  /** The last moment somebody was told to come back. */
  toldAt: number
}

/** Full buckets are looked for when there are this many, and twice as many as were left the last time. */
const TIDY_AT = 1_000
/** Those who wait are lined up over at most this many milliseconds, or one period if that is longer. */
const LINE_MS = 60_000

/** Buckets that share a size and a speed. The one with the key `''` is the gate. */
export class TokenBuckets implements Gate {
  readonly #periodMs: number
  readonly #tokenMs: number
  readonly #buckets = new Map<string, Bucket>()
  readonly #watchers = new Watchers()
  #cancel: CancelTimer | undefined = undefined
  #tidyAt = TIDY_AT

  constructor(limit: number, periodMs: number) {
    this.#periodMs = periodMs
    this.#tokenMs = periodMs / limit
  }

  /**
   * Takes a token.
   * @returns 0 when there was one; otherwise whole milliseconds until there is one for the caller, those counted who
   *   were told to come back before.
   */
  take(key: string, clock: Clock): number {
    const now = clock.now()
    const bucket = this.#bucket(key, now)
    const waitMs = this.#waitMs(bucket, now)
    if (waitMs <= 0) {
      bucket.fullAt = Math.max(bucket.fullAt, now) + this.#tokenMs
      if (key === '') this.#arm(clock)
      return 0
    }
    const latest = now + Math.max(LINE_MS, this.#periodMs)
    bucket.toldAt = Math.max(now + waitMs, Math.min(latest, bucket.toldAt + this.#tokenMs))
    return Math.ceil(bucket.toldAt - now)
  }

  room(clock: Clock): number {
    const now = clock.now()
    const { fullAt } = this.#bucket('', now)
    return Math.floor((this.#periodMs - Math.max(0, fullAt - now)) / this.#tokenMs + ROUNDING)
  }

  watch(changed: () => void, clock: Clock): () => void {
    const end = this.#watchers.add(changed)
    this.#arm(clock)
    return () => {
      end()
      if (this.#watchers.size > 0) return
      this.#cancel?.()
      this.#cancel = undefined
    }
  }

  #waitMs({ fullAt }: Bucket, now: number): number {
    const waitMs = fullAt - now + this.#tokenMs - this.#periodMs
    return waitMs <= ROUNDING ? 0 : waitMs
  }

  #bucket(key: string, now: number): Bucket {
    let bucket = this.#buckets.get(key)
    // A clock that was set back must not close the bucket for longer than it takes to fill it.
    if (bucket !== undefined && bucket.fullAt <= now + this.#periodMs + ROUNDING) return bucket
    bucket = { fullAt: now, toldAt: now }
    this.#buckets.set(key, bucket)
    if (this.#buckets.size >= this.#tidyAt) {
      for (const [name, each] of this.#buckets) if (each.fullAt < now && name !== key) this.#buckets.delete(name)
      this.#tidyAt = Math.max(TIDY_AT, this.#buckets.size * 2)
    }
    return bucket
  }

  /** Tells the watchers when an empty bucket has its next token; no timer without watchers. */
  #arm(clock: Clock): void {
    if (this.#cancel !== undefined || this.#watchers.size === 0) return
    const now = clock.now()
    const waitMs = this.#waitMs(this.#bucket('', now), now)
    if (waitMs <= 0) return
    this.#cancel = clock.after(Math.ceil(waitMs), () => {
      this.#cancel = undefined
      this.#watchers.tell()
      this.#arm(clock)
    })
  }
}

/** Sums of fractions of milliseconds are this exact. */
const ROUNDING = 1e-6
