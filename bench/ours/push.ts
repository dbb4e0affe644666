/** Ours: single pushes by callers at once, and everything in one call. */
import { callers } from '../callers.ts'
import type { BenchDatabase } from '../database.ts'
import type { Contender } from '../harness.ts'
import type { Meter } from '../meter.ts'
import { payload, payloads } from '../payload.ts'
import { withStorage } from './storage.ts'

/** A contender with this many callers of `push` at once. */
export function oursPush(database: BenchDatabase, meter: Meter, concurrent: number, size: number): Contender {
  return {
    name: `q push, ${concurrent}`,
    note: `storage.push, ${concurrent} caller(s) of one storage`,
    size,
    run: (count) =>
      withStorage(database, async (storage) => {
        const push = (n: number): Promise<unknown> => storage.push(payload(n))
        await callers(concurrent, concurrent * 2, push)
        return meter(count, () => callers(concurrent, count, push))
      }),
  }
}

/** A contender that pushes an iterable. */
export function oursPushAll(database: BenchDatabase, meter: Meter, size: number): Contender {
  return {
    name: 'q pushAll',
    note: 'storage.pushAll of an iterable',
    size,
    run: (count) =>
      withStorage(database, async (storage) => {
        await storage.push(payload(0))
        return meter(count, async () => {
          await storage.pushAll(payloads(count))
        })
      }),
  }
}
