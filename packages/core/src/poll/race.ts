/** Looks again when the first of several strategies says so. */
import { QError } from '../error.ts'
import type { PollStrategy } from './poll.ts'

/**
 * Looks at the first tick of any. The others are told to stop waiting and lose nothing: intervals start anew, promises and
 * streams keep what they have. One that fails leaves it to the others.
 * @throws QError `ERR_OPTION` without strategies, or for what is none.
 */
export function pollRace(...strategies: readonly PollStrategy[]): PollStrategy {
  if (strategies.length === 0) throw new QError('ERR_OPTION', 'pollRace: takes at least one strategy.')
  for (const [index, strategy] of strategies.entries())
    if (typeof strategy?.tick !== 'function')
      throw new QError(
        'ERR_OPTION',
        `pollRace: strategy ${index + 1} has no tick(); use pollEvery, pollWhen or pollOn.`,
      )
  return {
    async tick(idle, clock, signal, worker) {
      const end = new AbortController()
      const aborted = (): void => end.abort()
      if (signal.aborted) return
      signal.addEventListener('abort', aborted, { once: true })
      try {
        await Promise.any(strategies.map(async (each) => each.tick(idle, clock, end.signal, worker)))
      } finally {
        signal.removeEventListener('abort', aborted)
        end.abort()
      }
    },
    end(worker) {
      for (const strategy of strategies) strategy.end?.(worker)
    },
  }
}
