/** Writes what a step gives for a map or a fold in pages, while it is made: nobody holds all of it. */
import { AbortError, type ClaimedTask, type Encoded, isQError, QError } from '@q/core'
import type { GraphNode } from '../graph/graph.ts'
import { CollectionOf } from './collection.ts'
import { encodeParts, OVERFLOW } from './collections.ts'
import type { Host } from './host.ts'
import { mustTurn, turn } from './turn.ts'

/** Up to so many elements, and so many bytes, an array is a value like any other. */
const PLAIN_ELEMENTS = 1_000
const PLAIN_BYTES = 256 * 1024
/** Most elements of a page, and about the most bytes of one. */
const PAGE_ELEMENTS = 500
const PAGE_BYTES = 256 * 1024
/** So many elements say how large the others will be. */
const SAMPLE = 50
/** About so many bytes go into one statement. */
const WRITE_BYTES = 1024 * 1024

/** Whether one of the nodes goes over a collection. */
export function feedsCollection(nodes: readonly (GraphNode | undefined)[]): boolean {
  return nodes.some((node) => node?.work.kind === 'map' || node?.work.kind === 'fold' || node?.work.kind === 'collect')
}

/** The value, or the collection that its elements were written to; of an iterable that is short an array. */
export async function page(host: Host, task: ClaimedTask, value: unknown): Promise<unknown> {
  if (value instanceof CollectionOf || !isIterable(value)) return value
  if (Array.isArray(value))
    return value.length <= PLAIN_ELEMENTS && encodeShort(host, value) !== undefined ? value : paged(host, task, value)
  const plain: unknown[] = []
  let writer: PageWriter | undefined
  for await (const element of value) {
    if (writer === undefined) {
      plain.push(element)
      if (plain.length <= PLAIN_ELEMENTS) continue
      writer = new PageWriter(host, task)
      for (const each of plain.splice(0)) await writer.add(each)
    } else await writer.add(element)
  }
  if (writer !== undefined) return writer.end()
  return encodeShort(host, plain) === undefined ? paged(host, task, plain) : plain
}

/**
 * The collection that elements were written to.
 * @throws QError `ERR_LEASE_LOST`, `ERR_NOT_SUPPORTED`; `ERR_ABORT` for an element that cannot be stored.
 */
export async function paged(
  host: Host,
  task: ClaimedTask,
  elements: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<CollectionOf> {
  const writer = new PageWriter(host, task)
  if (Symbol.iterator in elements) for (const element of elements) await writer.add(element)
  else for await (const element of elements) await writer.add(element)
  return writer.end()
}

/** Whether elements can be taken from it one after the other. A text is a value. */
export function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
}

/** A value that is short enough to be one, in the codec of the queue. @throws QError `ERR_ABORT` for what cannot be stored. */
export function encodeShort(host: Host, value: unknown, most: number = PLAIN_BYTES): Encoded | undefined {
  try {
    const encoded = host.values.encode(value)
    return encoded === null || encoded.bytes.byteLength > most ? undefined : encoded
  } catch (error) {
    if (isQError(error, 'ERR_PAYLOAD_TOO_LARGE')) return undefined
    throw unstorable(error)
  }
}

class PageWriter {
  readonly #host: Host
  readonly #task: ClaimedTask
  #size = 0
  #count = 0
  #written = 0
  #overflow = OVERFLOW
  #page: unknown[] = []
  #ready: Encoded[] = []
  #bytes = 0

  constructor(host: Host, task: ClaimedTask) {
    this.#host = host
    this.#task = task
  }

  /** Something to wait for only where a page is full. */
  add(element: unknown): Promise<void> | undefined {
    this.#count += 1
    this.#page.push(element)
    if (this.#size === 0) return this.#page.length < SAMPLE ? undefined : this.#choose()
    return this.#page.length < this.#size ? undefined : this.#turn(this.#page.splice(0))
  }

  async end(): Promise<CollectionOf> {
    if (this.#size === 0) await this.#choose()
    if (this.#page.length > 0) await this.#turn(this.#page.splice(0))
    await this.#flush()
    const { id, token } = this.#task
    return this.#host.collections.open({ kind: 'pages', owner: id, made: token, count: this.#count, size: this.#size })
  }

  /** All pages have as many elements, so that one knows where each is. The first ones say how many that should be. */
  async #choose(): Promise<void> {
    const first = this.#page
    this.#page = []
    let bytes = 0
    for (const element of first) bytes += bytesOf(this.#encode([element]))
    const size = Math.floor((PAGE_BYTES * first.length) / Math.max(1, bytes))
    this.#size = Math.max(1, Math.min(PAGE_ELEMENTS, size))
    for (const element of first) {
      this.#page.push(element)
      if (this.#page.length === this.#size) await this.#turn(this.#page.splice(0))
    }
  }

  async #turn(elements: readonly unknown[]): Promise<void> {
    const whole = encodeShort(this.#host, elements, 2 * PAGE_BYTES)
    const page = whole ?? (await this.#split(elements))
    this.#ready.push(page)
    this.#bytes += page.bytes.byteLength
    if (this.#bytes >= WRITE_BYTES || this.#ready.length >= 100) await this.#flush()
    if (mustTurn()) await turn()
  }

  /** A page that the first elements did not foretell: it says where its parts are. */
  async #split(elements: readonly unknown[]): Promise<Encoded> {
    const first = this.#overflow
    for (const part of this.#parts(elements)) {
      await this.#host.collections.store.writePages(this.#task, this.#overflow, [part])
      this.#overflow += 1
    }
    return encodeParts({ first, count: this.#overflow - first })
  }

  *#parts(elements: readonly unknown[]): Generator<Encoded> {
    const whole = elements.length === 1 ? this.#encode(elements) : encodeShort(this.#host, elements)
    if (whole !== undefined) return yield whole
    const half = Math.ceil(elements.length / 2)
    yield* this.#parts(elements.slice(0, half))
    yield* this.#parts(elements.slice(half))
  }

  async #flush(): Promise<void> {
    const pages = this.#ready
    this.#ready = []
    this.#bytes = 0
    if (pages.length === 0) return
    await this.#host.collections.store.writePages(this.#task, this.#written, pages)
    this.#written += pages.length
  }

  #encode(elements: readonly unknown[]): Encoded {
    try {
      const page = this.#host.values.encode(elements)
      if (page !== null) return page
    } catch (error) {
      throw unstorable(error)
    }
    throw unstorable(
      new QError('ERR_ENCODE', 'The codec of the queue gives nothing for an array: it cannot keep collections.'),
    )
  }
}

/** Another attempt would give the same. */
function unstorable(error: unknown): unknown {
  return isQError(error) && !isQError(error, 'ERR_ABORT') ? new AbortError(error) : error
}

function bytesOf(encoded: Encoded): number {
  return encoded.bytes.byteLength
}
