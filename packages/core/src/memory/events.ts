/** The last things that happened in each queue, and who reads along. */
import type { TaskEvent } from '../backend/visibility.ts'
import { QError } from '../error.ts'
import { show } from '../show.ts'
import { copyError } from './row.ts'

/** A reader that falls behind by more than this misses what it did not read. */
const KEPT_EVENTS = 10_000

/** The events of one queue, numbered from 1. */
interface Stream {
  /** A ring; event `n` stands at `(n - 1) % KEPT_EVENTS`. */
  readonly ring: Omit<TaskEvent, 'cursor'>[]
  total: number
  /** Readers that have read everything. */
  readonly idle: Set<() => void>
}

/** The streams of one memory backend. */
export class EventLog {
  readonly #streams = new Map<string, Stream>()
  #failure: { readonly error: unknown } | undefined

  add(event: Omit<TaskEvent, 'cursor'>): void {
    const stream = this.#stream(event.queue)
    stream.ring[stream.total % KEPT_EVENTS] = event
    stream.total += 1
    wakeUp(stream)
  }

  /** Ends every reader with an error. */
  failAll(error: unknown): void {
    this.#failure = { error }
    for (const stream of this.#streams.values()) wakeUp(stream)
  }

  /**
   * What happens in a queue after an event, or from this call on.
   * @throws QError `ERR_OPTION` for a cursor that no event had.
   */
  read(
    queue: string,
    after: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TaskEvent, void, void> {
    const stream = this.#stream(queue)
    return this.#read(stream, after === undefined ? stream.total : positionOf(after), signal)
  }

  async *#read(stream: Stream, start: number, signal: AbortSignal | undefined): AsyncGenerator<TaskEvent, void, void> {
    let last = start
    while (!signal?.aborted) {
      if (this.#failure !== undefined) throw this.#failure.error
      if (last >= stream.total) {
        await change(stream, signal)
        continue
      }
      last = Math.max(last, stream.total - KEPT_EVENTS) + 1
      const event = stream.ring[(last - 1) % KEPT_EVENTS]!
      yield { ...event, error: event.error === null ? null : copyError(event.error), cursor: String(last) }
    }
  }

  #stream(queue: string): Stream {
    let stream = this.#streams.get(queue)
    if (stream === undefined) {
      stream = { ring: [], total: 0, idle: new Set() }
      this.#streams.set(queue, stream)
    }
    return stream
  }
}

function positionOf(cursor: string): number {
  if (typeof cursor === 'string' && /^\d{1,15}$/.test(cursor)) return Number(cursor)
  throw new QError('ERR_OPTION', `events: after must be the cursor of an event, got ${show(cursor)}.`)
}

/** Resolves at the next event, failure or abort. */
function change(stream: Stream, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stream.idle.delete(end)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    stream.idle.add(end)
    signal?.addEventListener('abort', end, { once: true })
  })
}

function wakeUp(stream: Stream): void {
  for (const end of Array.from(stream.idle)) end()
}
