/** A subscription to nudges, as the cases hear it. */
import type { NudgeReason } from '@q/core'
import type { CaseContext } from './context.ts'

/** What a subscription has heard. */
export interface Heard extends AsyncDisposable {
  /** The queue of every nudge since the subscription began. */
  readonly all: string[]
  /** Resolves once the queue has been nudged, for this reason if one is given. */
  nudged(queue: string, reason?: NudgeReason): Promise<void>
}

/** Subscribes; nudges that a new subscription brings by itself are not counted. For cases that need `wake`. */
export async function listen(c: CaseContext, ...queues: readonly string[]): Promise<Heard> {
  const all: string[] = []
  const reasons = new Set<string>()
  const end = await c.with('wake').wake(queues, (queue, reason) => {
    all.push(queue)
    reasons.add(`${queue} ${reason}`)
  })
  // A connection that has just been made may announce every queue once.
  await new Promise((resolve) => setTimeout(resolve, c.under.advance === undefined ? 30 : 0))
  all.length = 0
  reasons.clear()
  const heard = (queue: string, reason: NudgeReason | undefined): boolean =>
    reason === undefined ? all.includes(queue) : reasons.has(`${queue} ${reason}`)
  return {
    all,
    nudged: async (queue, reason) => {
      await c.until(`a nudge for ${reason ?? 'any reason'} on ${queue}`, () => heard(queue, reason) || undefined)
    },
    [Symbol.asyncDispose]: async () => end(),
  }
}
