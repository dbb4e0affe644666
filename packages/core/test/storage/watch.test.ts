import { describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/id.ts'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'
import type { WatchEvent } from '../../src/storage/watch.ts'
import { rejection } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'
import { settled } from '../worker/paced-clock.ts'
import { error, holder } from './held.ts'

async function scene() {
  const clock = new ManualClock()
  const backend = new MemoryBackend({ clock })
  const storage = new MemoryStorage<number>({ backend, queue: 'numbers' })
  const { claim } = await holder(backend, 'numbers')
  const line = (message: string) => ({ attempt: 1, level: 'info', message, fields: null, at: 0 }) as const
  return { clock, backend, storage, claim, line }
}

/** Notes what a stream yields, in short. */
function note(events: AsyncIterable<WatchEvent>): { readonly seen: string[]; readonly over: Promise<void> } {
  const seen: string[] = []
  const read = async (): Promise<void> => {
    for await (const event of events)
      seen.push(
        event.type === 'status'
          ? `${event.status}/${event.attempt}${event.cancelling ? ' cancelling' : ''}`
          : event.type === 'progress'
            ? `${event.progress.done}/${event.progress.total}`
            : event.line.message,
      )
  }
  return { seen, over: read() }
}

/** Lets the reader look until it has nothing to do but wait, then moves the clock to its next look. */
async function look(clock: ManualClock, times = 1): Promise<void> {
  for (let n = 0; n < times; n++) {
    await settled()
    clock.advance(clock.nextMs ?? 0)
    await settled()
  }
}

describe('watch', () => {
  test('tells each change as it comes, lines before the end they led to, the end last', async () => {
    const { clock, backend, storage, claim, line } = await scene()
    const { id } = await storage.push(1)
    const { seen, over } = note(storage.watch(id))
    await look(clock)
    expect(seen).toEqual(['pending/0'])
    const { token } = await claim()
    await backend.report([{ id, token, progress: { done: 1, total: 3, note: null }, lines: [line('begun')] }])
    await look(clock)
    expect(seen.slice(1)).toEqual(['begun', '1/3', 'queued/1'])
    await storage.cancel(id)
    await look(clock)
    expect(seen.at(-1)).toBe('queued/1 cancelling')
    await backend.settle([{ id, token, kind: 'released' }])
    await look(clock)
    await backend.report([{ id, token, lines: [line('too late, but told')] }])
    await look(clock, 8)
    await over
    expect(seen.slice(4)).toEqual(['queued/1 cancelling', 'too late, but told', expect.stringMatching(/^cancelled\//)])
  })

  test('tells only the end of a task that has ended', async () => {
    const { clock, backend, storage, claim } = await scene()
    const { id } = await storage.push(1)
    const { token } = await claim()
    await backend.settle([{ id, token, kind: 'killed', error }])
    const { seen, over } = note(storage.watch(id, { logs: false }))
    await over
    expect(seen).toEqual(['killed/1'])
    const withLogs = note(storage.watch(id))
    await look(clock, 5)
    await withLogs.over
    expect(withLogs.seen).toEqual(['killed/1'])
  })

  test('looks ever more rarely while nothing happens, at most a second apart, and soon again after news', async () => {
    const { clock, storage, claim } = await scene()
    const { id } = await storage.push(1)
    const over = new AbortController()
    note(storage.watch(id, { signal: over.signal }))
    const pauses: (number | undefined)[] = []
    for (let n = 0; n < 7; n++) {
      await settled()
      pauses.push(clock.nextMs)
      clock.advance(clock.nextMs ?? 0)
    }
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000])
    await settled()
    await claim()
    await look(clock)
    expect(clock.nextMs).toBe(50)
    over.abort()
  })

  test('ends without a word when its signal aborts, leaving no timer', async () => {
    const { clock, storage } = await scene()
    const { id } = await storage.push(1)
    const stop = new AbortController()
    const { seen, over } = note(storage.watch(id, { signal: stop.signal }))
    await settled()
    stop.abort()
    await over
    expect(seen).toEqual(['pending/0'])
    expect(clock.timers).toBe(0)
  })

  test('ends when the task is deleted, and rejects for one that never was', async () => {
    const { clock, storage } = await scene()
    const { id } = await storage.push(1)
    const { over } = note(storage.watch(id))
    await settled()
    await storage.remove(id)
    await look(clock)
    await over
    await rejection('ERR_TASK_NOT_FOUND', note(storage.watch(uuidv7())).over)
  })
})

test('logs follows a task until it has ended and is quiet', async () => {
  const { clock, backend, storage, claim, line } = await scene()
  const { id } = await storage.push(1)
  const { token } = await claim()
  await backend.report([{ id, token, lines: [line('one')] }])
  const seen: string[] = []
  const read = async (): Promise<void> => {
    for await (const { message } of storage.logs(id, { follow: true })) seen.push(message)
  }
  const over = read()
  await look(clock)
  await backend.report([{ id, token, lines: [line('two')] }])
  await look(clock)
  expect(seen).toEqual(['one', 'two'])
  await backend.settle([{ id, token, kind: 'done', result: null }])
  await look(clock)
  await backend.report([{ id, token, lines: [line('three')] }])
  await look(clock, 8)
  await over
  expect(seen).toEqual(['one', 'two', 'three'])
  expect(clock.timers).toBe(0)
})
