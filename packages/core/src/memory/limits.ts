/**
 * Limits that all workers of the backend share: places that held tasks take, and token buckets.
 *
 * A place is given back the moment its task is not held any more. A bucket that is full again is forgotten.
 */
import type { LimitAnswer, LimitRequest } from '../backend/control.ts'
import type { TaskId } from '../task/task.ts'

interface Bucket {
  tokens: number
  at: number
  /** When it will be full if nobody takes from it. */
  fullAt: number
}

const GRANTED: LimitAnswer = { granted: true, retryAfterMs: 0 }
/** A hint: nobody knows when a place will be given back. */
const ASK_AGAIN_MS = 1_000
/** Full buckets are looked for when there are this many, and then each time they have doubled. */
const FIRST_LOOK = 1_000
/** Of a token: what arithmetic may lose. */
const TOLERANCE = 1e-9

/** The limits of one memory backend. */
export class Limits {
  readonly #places = new Map<string, Set<TaskId>>()
  readonly #keysOf = new Map<TaskId, Set<string>>()
  readonly #buckets = new Map<string, Bucket>()
  #nextLook = FIRST_LOOK

  /**
   * Takes a place or a token, if there is one.
   * @param holds Whether a task is held under a token right now.
   */
  acquire(request: LimitRequest, holds: (id: TaskId, token: string) => boolean, now: number): LimitAnswer {
    if (request.kind === 'concurrency')
      return holds(request.id, request.token) && this.#takePlace(request.key, request.limit, request.id)
        ? GRANTED
        : { granted: false, retryAfterMs: ASK_AGAIN_MS }
    return this.#takeToken(request.key, request.limit, request.periodMs, now)
  }

  /** Gives back the places of a task that is not held any more. */
  release(id: TaskId): void {
    const keys = this.#keysOf.get(id)
    if (keys === undefined) return
    this.#keysOf.delete(id)
    for (const key of keys) {
      const places = this.#places.get(key)
      places?.delete(id)
      if (places?.size === 0) this.#places.delete(key)
    }
  }

  #takePlace(key: string, limit: number, id: TaskId): boolean {
    const taken = this.#places.get(key)
    if (taken?.has(id)) return true
    if (taken !== undefined && taken.size >= limit) return false
    addTo(this.#places, key, id)
    addTo(this.#keysOf, id, key)
    return true
  }

  #takeToken(key: string, limit: number, periodMs: number, now: number): LimitAnswer {
    const bucket = this.#buckets.get(key) ?? this.#newBucket(key, limit, now)
    const elapsed = Math.max(0, now - bucket.at)
    const tokens = Math.min(limit, bucket.tokens + (elapsed * limit) / periodMs)
    const granted = tokens >= 1 - TOLERANCE
    bucket.tokens = granted ? Math.max(0, tokens - 1) : tokens
    bucket.at = now
    bucket.fullAt = now + ((limit - bucket.tokens) * periodMs) / limit
    if (granted) return GRANTED
    return { granted, retryAfterMs: Math.max(1, Math.ceil(((1 - TOLERANCE - tokens) * periodMs) / limit)) }
  }

  #newBucket(key: string, limit: number, now: number): Bucket {
    if (this.#buckets.size >= this.#nextLook) {
      for (const [other, { fullAt }] of this.#buckets) if (fullAt <= now) this.#buckets.delete(other)
      this.#nextLook = Math.max(FIRST_LOOK, 2 * this.#buckets.size)
    }
    const bucket = { tokens: limit, at: now, fullAt: now }
    this.#buckets.set(key, bucket)
    return bucket
  }
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}
