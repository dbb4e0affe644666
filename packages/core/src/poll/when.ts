/** Looks again when a promise resolves. */
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { QError } from '../error.ts'
import { show } from '../show.ts'
import type { PollStrategy } from './poll.ts'
import { unlessAborted } from './unless-aborted.ts'

/** The longest pause that is put before a look when promises resolve at once and nothing is found. */
const MAX_PAUSE_MS = 1_000

/**
 * Looks when the promise that `next` makes resolves, then asks for another. One that is still open when something else woke the
 * worker is waited for again the next time, so that no tick is lost. When promises resolve at once
 * although nothing is found, pauses that grow up to a second are put between; after a rejection the worker looks
 * a second later.
 * @param next Gets how many looks in a row found nothing. Called once per worker and tick.
 * @throws QError `ERR_OPTION` when it is not a function.
 */
export function pollWhen(next: (idle: number) => PromiseLike<unknown>): PollStrategy {
  if (typeof next !== 'function')
    throw new QError('ERR_OPTION', `pollWhen: takes a function that returns a promise, got ${show(next)}.`)
  const open = new WeakMap<object, Promise<unknown>>()
  return {
    async tick(idle, clock, signal, worker) {
      const startedAt = clock.now()
      let promise = open.get(worker)
      if (promise === undefined) {
        promise = Promise.resolve(next(idle))
        open.set(worker, promise)
        // It may reject while nobody waits for it.
        promise.catch(() => undefined)
      }
      try {
        await unlessAborted(promise, signal)
      } catch (error) {
        open.delete(worker)
        throw error
      }
      if (signal.aborted) return
      open.delete(worker)
      await restOf(pauseFor(idle), startedAt, clock, signal)
    },
  }
}

function pauseFor(idle: number): number {
  return idle === 0 ? 0 : Math.min(MAX_PAUSE_MS, 2 ** Math.min(idle, 10))
}

function restOf(pauseMs: number, startedAt: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const left = pauseMs - (clock.now() - startedAt)
  return left > 0 ? sleep(clock, left, signal) : Promise.resolve()
}
