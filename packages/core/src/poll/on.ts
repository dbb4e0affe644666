/** Looks again for each item of a stream. */
import { sleep } from '../clock.ts'
import { QError } from '../error.ts'
import { show } from '../show.ts'
import type { PollStrategy } from './poll.ts'
import { ENDED_MS, StreamReader } from './stream-reader.ts'
import { unlessAborted } from './unless-aborted.ts'

/**
 * Looks whenever the stream yields something, whatever it is. Every worker that shares it looks for each item; items that come while
 * a worker is busy are one look afterwards. The stream is read from the first tick on, and told to end (`return()`) once the last
 * worker that waited for it is over. When it has ended or failed, workers look every five seconds; given as a
 * function that opens it, it is opened again, for workers that come later too.
 *
 * Between items nothing is looked for: add an interval by {@link pollRace} where items may get lost.
 * @throws QError `ERR_OPTION` for what is neither an async iterable nor a function.
 */
export function pollOn(stream: AsyncIterable<unknown> | (() => AsyncIterable<unknown>)): PollStrategy {
  if (typeof stream !== 'function' && typeof stream?.[Symbol.asyncIterator] !== 'function')
    throw new QError(
      'ERR_OPTION',
      `pollOn: takes an async iterable, or a function that opens one, got ${show(stream)}.`,
    )
  const reader = new StreamReader(stream)
  /** Items counted when each worker last looked. */
  const seen = new WeakMap<object, number>()
  return {
    async tick(_idle, clock, signal, worker) {
      reader.start(worker, clock)
      if (reader.count === (seen.get(worker) ?? 0)) {
        if (reader.ended) await sleep(clock, ENDED_MS, signal)
        else await unlessAborted(reader.next, signal)
      }
      if (!signal.aborted) seen.set(worker, reader.count)
    },
    end(worker) {
      reader.leave(worker)
    },
  }
}
