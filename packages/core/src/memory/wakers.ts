/** Who is nudged when a queue may have work or news, and the timers that nudge when a scheduled task comes due. */
import type { NudgeReason } from '../backend/capability.ts'
import type { CancelTimer, Clock } from '../clock.ts'
import type { QueueOrder } from './queue-order.ts'

interface Watched {
  readonly nudges: Set<(reason: NudgeReason) => void>
  /** Set for the first scheduled task. */
  timer: { readonly at: number; readonly cancel: CancelTimer } | undefined
}

/** The wake subscriptions of one memory backend. */
export class Wakers {
  readonly #watched = new Map<string, Watched>()
  readonly #clock: Clock
  readonly #order: (queue: string) => QueueOrder

  constructor(clock: Clock, order: (queue: string) => QueueOrder) {
    this.#clock = clock
    this.#order = order
  }

  /** Starts a subscription; the function returned ends it. */
  subscribe(queues: readonly string[], nudge: (queue: string, reason: NudgeReason) => void): () => void {
    const entries = [...new Set(queues)].map(
      (queue) => [queue, (reason: NudgeReason): void => nudge(queue, reason)] as const,
    )
    for (const [queue, call] of entries) {
      let watched = this.#watched.get(queue)
      if (watched === undefined) {
        watched = { nudges: new Set(), timer: undefined }
        this.#watched.set(queue, watched)
      }
      watched.nudges.add(call)
      this.#arm(queue, watched)
    }
    return () => {
      for (const [queue, call] of entries) {
        const watched = this.#watched.get(queue)
        if (watched === undefined || !watched.nudges.delete(call) || watched.nudges.size > 0) continue
        watched.timer?.cancel()
        this.#watched.delete(queue)
      }
    }
  }

  /** What waits in these queues is not what it was: nudges where there is work, and sets the timers. */
  changed(queues: Iterable<string>): void {
    for (const queue of queues) {
      const watched = this.#watched.get(queue)
      if (watched === undefined) continue
      this.#arm(queue, watched)
      if (this.#order(queue).hasDue(this.#clock.now())) nudgeAll(watched, 'work')
    }
  }

  /** A beat of the workers of these queues brings something new. */
  news(queues: Iterable<string>): void {
    for (const queue of queues) {
      const watched = this.#watched.get(queue)
      if (watched !== undefined) nudgeAll(watched, 'news')
    }
  }

  /** Ends all subscriptions. */
  clear(): void {
    for (const watched of this.#watched.values()) watched.timer?.cancel()
    this.#watched.clear()
  }

  #arm(queue: string, watched: Watched): void {
    const now = this.#clock.now()
    const at = this.#order(queue).nextScheduledAt(now)
    if (watched.timer?.at === at) return
    watched.timer?.cancel()
    watched.timer = undefined
    if (at === null) return
    const fire = (): void => {
      watched.timer = undefined
      this.changed([queue])
    }
    watched.timer = { at, cancel: this.#clock.after(at - now, fire) }
  }
}

function nudgeAll(watched: Watched, reason: NudgeReason): void {
  for (const call of Array.from(watched.nudges)) {
    try {
      call(reason)
    } catch {
      // A hint: what its receiver throws must not fail the push that caused it.
    }
  }
}
