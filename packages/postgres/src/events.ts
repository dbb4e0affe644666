/**
 * Streams what happens to the tasks of a queue by looking, quickly while much happens and ever more slowly while little does.
 *
 * Events are read in order of their time from where the stream stands. A transaction may commit after later events were
 * told; so the last ten seconds are looked at again now and then, only for what transactions wrote that were under
 * way at the look before, and what was told already is remembered.
 */
import type { TaskEvent } from '@q/core'
import { checkKnownOptions, checkQueueName, QError, sleep, systemClock } from '@q/core'
import type { Run } from './connection/run.ts'
import { isMicros, isText, isUuid, readCursor, writeCursor } from './cursor.ts'
import type { EventRow, Place } from './query/events.ts'
import { eventsQuery } from './query/events.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500
/** How late a transaction may commit without its events being missed. */
const OVERLAP_US = 10_000_000n
/** The overlap is looked at this often, and more rarely when that takes long. */
const OVERLAP_EVERY_MS = 250
const OVERLAP_SHARE = 10
const BATCH = 500
const LOWEST_ID = '00000000-0000-0000-0000-000000000000'
const START: Place = { at: '0', id: LOWEST_ID }
const HIGHEST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

type Found = Extract<EventRow, { token: string }>
/** An event, and from where to go on after it. */
interface Placed {
  readonly row: Found
  readonly place: Place
}
type After = { readonly at: string; readonly id: string; readonly queue: string }
const SHAPE = {
  at: (value: unknown): value is string => isMicros(value) && !value.startsWith('-'),
  id: isUuid,
  queue: isText,
}
const TYPES: Readonly<Record<number, TaskEvent['type']>> = {
  3: 'failed',
  4: 'done',
  5: 'killed',
  6: 'cancelled',
  10: 'failed',
}

/**
 * What happens in a queue from now on, or after an event, see `Events`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME` at once.
 */
export function readEvents(
  run: Run,
  schema: string,
  queue: string,
  options: { readonly after?: string; readonly signal?: AbortSignal } = {},
  closing: AbortSignal,
): AsyncGenerator<TaskEvent, void, void> {
  checkKnownOptions('events', options, ['after', 'signal'])
  checkQueueName(queue)
  const { after, signal } = options
  const place = after === undefined ? undefined : readCursor<After>('events: after', 'events', after, SHAPE)
  if (place !== undefined && place.queue !== queue)
    throw new QError('ERR_OPTION', `events: after belongs to queue "${place.queue}", not to "${queue}".`)
  const stream = new Stream(run, schema, queue)
  // From this call on, even if the first event is asked for later.
  const started = stream.start(place)
  started.catch(ignore)
  return follow(stream, started, queue, signal === undefined ? closing : AbortSignal.any([signal, closing]), closing)
}

async function* follow(
  stream: Stream,
  started: Promise<void>,
  queue: string,
  signal: AbortSignal,
  closing: AbortSignal,
): AsyncGenerator<TaskEvent, void, void> {
  let pause = FIRST_PAUSE_MS
  await started
  while (!signal.aborted) {
    const found = await stream.next()
    for (const placed of found) {
      if (signal.aborted) break
      yield toEvent(queue, placed)
    }
    pause = found.length > 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pause * 1.5)
    if (found.length < BATCH) await sleep(systemClock, pause, signal)
  }
  closing.throwIfAborted()
}

/** Where one reader stands. */
class Stream {
  readonly #run: Run
  readonly #schema: string
  readonly #queue: string
  #place: Place = START
  /** The oldest transaction under way at the last look at the overlap. */
  #oldest = '0'
  /** What was told of the overlap, with its time. */
  readonly #told = new Map<string, bigint>()
  #overlapAt = 0
  /** Nothing happened for so long that nothing told can be overtaken any more. */
  #quiet = false

  constructor(run: Run, schema: string, queue: string) {
    this.#run = run
    this.#schema = schema
    this.#queue = queue
  }

  /** Takes the place of an event, or that of this call. What can be seen before it counts as told. */
  async start(place: Place | undefined): Promise<void> {
    const called = performance.now()
    const [first] = await this.#run(
      eventsQuery(this.#schema, { queue: this.#queue, after: START, until: START.at, recent: null, limit: 1 }),
      'read events',
    )
    // The clock was read somewhere between the call and the reply, so this is not after the call.
    const sinceUs = BigInt(Math.ceil((performance.now() - called) * 1_000))
    this.#place = place ?? { at: String(BigInt(first!.now_us) - sinceUs), id: HIGHEST_ID }
    this.#oldest = first!.oldest
    await this.#again('now')
  }

  /** What is new; none is normal. Survives a database that goes away for a while. */
  async next(): Promise<Placed[]> {
    try {
      const look = !this.#quiet && performance.now() >= this.#overlapAt
      // One that comes late is behind the place where the stream stands, which stays.
      const late = (look ? await this.#again({ xmin: this.#oldest }) : []).map((row) => ({ row, place: this.#place }))
      const rows = await this.#run(
        eventsQuery(this.#schema, { queue: this.#queue, after: this.#place, until: null, recent: null, limit: BATCH }),
        'read events',
      )
      const found = this.#fresh(rows).map((row) => ({ row, place: { at: row.at_us, id: row.id } }))
      this.#place = found.at(-1)?.place ?? this.#place
      this.#quiet = BigInt(rows[0]!.now_us) - BigInt(this.#place.at) > OVERLAP_US
      return [...late, ...found]
    } catch (error) {
      if (error instanceof QError && error.code === 'ERR_BACKEND_UNAVAILABLE') return []
      throw error
    }
  }

  /** Looks at the overlap for what was committed late. */
  async #again(recent: { readonly xmin: string } | 'now'): Promise<Found[]> {
    const began = performance.now()
    const from = BigInt(this.#place.at) - OVERLAP_US
    for (const [key, at] of this.#told) if (at < from) this.#told.delete(key)
    const late: Found[] = []
    let place: Place = { at: String(from), id: LOWEST_ID }
    let oldest: string | undefined
    for (;;) {
      const rows = await this.#run(
        eventsQuery(this.#schema, { queue: this.#queue, after: place, until: this.#place.at, recent, limit: BATCH }),
        'read events',
      )
      oldest ??= rows[0]!.oldest
      late.push(...this.#fresh(rows))
      const last = rows.at(-1)!
      if (rows.length < BATCH || last.id === null) break
      place = { at: last.at_us, id: last.id }
    }
    this.#oldest = oldest
    const now = performance.now()
    this.#overlapAt = now + Math.max(OVERLAP_EVERY_MS, OVERLAP_SHARE * (now - began))
    return late
  }

  /** Those that were not told before; told from now on. */
  #fresh(rows: readonly EventRow[]): Found[] {
    const fresh: Found[] = []
    for (const row of rows) {
      if (row.id === null) continue
      // A task that was resumed keeps its end in another table: same id and token. Without a claim only the time differs.
      const key = `${row.id} ${row.token === '0' ? row.at_us : row.token}`
      if (this.#told.has(key)) continue
      this.#told.set(key, BigInt(row.at_us))
      fresh.push(row)
    }
    return fresh
  }
}

function toEvent(queue: string, { row, place }: Placed): TaskEvent {
  return {
    cursor: writeCursor('events', { ...place, queue }),
    id: row.id,
    queue,
    type: TYPES[row.type] ?? 'failed',
    attempt: row.attempt,
    at: Number(row.at_us) / 1_000,
    error: row.error,
  }
}

function ignore(): void {
  // The reader gets it with its first event.
}
