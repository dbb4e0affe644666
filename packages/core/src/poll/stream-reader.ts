/** Reads a stream once, for all workers that wait for its next item, and lets go of it after the last of them. */
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'

/** How often workers look, and a stream that can be opened again is opened, once the last one has ended or failed. */
export const ENDED_MS = 5_000
/** After this many items the reader rests, so that a stream without pauses does not keep the process busy. */
const BURST = 100
const REST_MS = 100

/** What can be read: a stream, or what opens one. */
type Stream = AsyncIterable<unknown> | (() => AsyncIterable<unknown>)

/** One stream being read. */
interface Reading {
  readonly iterator: AsyncIterator<unknown>
  readonly over: AbortController
}

/** Reads a stream from the first worker on. */
export class StreamReader {
  /** Items so far; its end counts as one, so that nobody waits for what will not come. */
  count = 0
  next: Promise<void>
  #tell: () => void = () => undefined
  #reading: Reading | undefined = undefined
  #endedAt: number | undefined = undefined
  readonly #workers = new Set<object>()
  readonly #stream: Stream

  constructor(stream: Stream) {
    this.#stream = stream
    this.next = this.#promise()
  }

  get ended(): boolean {
    return this.#endedAt !== undefined
  }

  /** A worker waits: begins to read, or to read again where the stream can be opened again and it is time. */
  start(worker: object, clock: Clock): void {
    this.#workers.add(worker)
    if (this.#reading !== undefined) return
    if (this.#endedAt !== undefined && (typeof this.#stream !== 'function' || clock.now() < this.#endedAt + ENDED_MS))
      return
    this.#endedAt = undefined
    void this.#read(this.#stream, clock)
  }

  /** A worker is over. After the last one the stream is told to end, so that it keeps no timer and no connection. */
  leave(worker: object): void {
    if (!this.#workers.delete(worker) || this.#workers.size > 0) return
    this.#endedAt = undefined
    const reading = this.#reading
    this.#reading = undefined
    if (reading === undefined) return
    reading.over.abort()
    void quietly(async () => reading.iterator.return?.())
  }

  async #read(stream: Stream, clock: Clock): Promise<void> {
    let reading: Reading | undefined
    try {
      const opened = typeof stream === 'function' ? stream() : stream
      reading = { iterator: opened[Symbol.asyncIterator](), over: new AbortController() }
      this.#reading = reading
      for (let items = 1; (await reading.iterator.next()).done !== true; items++) {
        if (this.#reading !== reading) return
        this.#item()
        if (items % BURST === 0) await sleep(clock, REST_MS, reading.over.signal)
      }
    } catch {
      // A stream that fails has ended; how often workers look says the rest.
    }
    if (this.#reading !== reading) return
    this.#reading = undefined
    this.#endedAt = clock.now()
    this.#item()
  }

  #item(): void {
    this.count += 1
    const tell = this.#tell
    this.next = this.#promise()
    tell()
  }

  #promise(): Promise<void> {
    return new Promise((resolve) => {
      this.#tell = resolve
    })
  }
}

async function quietly(end: () => Promise<unknown>): Promise<void> {
  try {
    await end()
  } catch {
    // It is over anyway.
  }
}
