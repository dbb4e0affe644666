/**
 * What is too long for one value: read page by page, in order, wherever it is kept.
 *
 * The elements stand in pages of the step that made them, or in the results of the slices of a map. A reference is small
 * and travels from step to step; nothing copies the elements.
 */
import type { ClaimToken, ErrorRecord, RunId, TaskId } from '@q/core'
import { checkInteger, QError } from '@q/core'
import { mustTurn, turn } from './turn.ts'

/** Most elements that an array is made of. */
const MAX_ARRAY = 100_000
/** Parts read by the first statement, and the most by one. */
const READ_FIRST = 20
const READ_MOST = 400
/** More is read at once as long as it is no more than this, in bytes; and less from there on. */
const READ_BYTES = 1024 * 1024

/**
 * Where the elements of a collection are. `made`: by which attempt; the parts of a step that is run anew are others, though
 * they stand in the same place.
 */
export type CollectionRef =
  /** Pages of `size` elements each, the last one shorter. */
  | {
      readonly kind: 'pages'
      readonly owner: TaskId
      readonly made: ClaimToken
      readonly count: number
      readonly size: number
    }
  /** What the slices of a map kept, at most `size` elements each. */
  | {
      readonly kind: 'slices'
      readonly run: RunId
      readonly node: string
      readonly made: ClaimToken
      readonly slices: number
      readonly count: number
      readonly size: number
      /** So many elements the map went over; with holes where an earlier one had left some out. */
      readonly of: number
      /** Elements that failed for good. */
      readonly failed: number
    }

/** An element that failed for good. */
export interface FailedElement {
  /** Its place in what the map went over. */
  readonly index: number
  readonly error: ErrorRecord | null
}

/** A long list that is read in parts, in order. */
export interface Collection<T> extends AsyncIterable<T> {
  /** Elements. */
  readonly count: number
  /** The elements, some at a time. */
  pages(): AsyncIterable<readonly T[]>
  /** Elements of the map that made it that failed for good and were tolerated; none of other collections. */
  failed(): AsyncIterable<FailedElement>
  /**
   * All of it.
   * @param options.limit Default 100,000.
   * @throws QError `ERR_PAYLOAD_TOO_LARGE` when there are more elements.
   */
  toArray(options?: { readonly limit?: number }): Promise<T[]>
}

/** Parts that were read, and how many bytes they had. */
export interface ReadParts<Part> {
  readonly parts: readonly Part[]
  readonly bytes: number
}

/** Reads the parts of a collection. */
export interface Parts {
  readonly parts: number
  /** At least one part, `most` at most. */
  read(from: number, most: number): Promise<ReadParts<readonly unknown[]>>
  failed(): AsyncIterable<FailedElement>
}

/** Reads parts in order: a few at once where they are large, many where they are small. */
export async function* inTurn<Part>(
  parts: number,
  from: number,
  read: (from: number, most: number) => Promise<ReadParts<Part>>,
): AsyncGenerator<Part, void, void> {
  let most = READ_FIRST
  for (let part = from; part < parts;) {
    const found = await read(part, Math.min(most, parts - part))
    if (found.parts.length === 0) throw missing(part)
    part += found.parts.length
    most = Math.min(READ_MOST, Math.max(READ_FIRST, found.bytes < READ_BYTES / 4 ? most * 4 : most >> 1))
    for (const each of found.parts) {
      yield each
      if (mustTurn()) await turn()
    }
  }
}

/** A short list as a collection. */
export class ListCollection<T> implements Collection<T> {
  readonly elements: readonly T[]

  constructor(elements: readonly T[]) {
    this.elements = elements
  }

  get count(): number {
    return this.elements.length
  }
  async *pages(): AsyncGenerator<readonly T[], void, void> {
    if (this.count > 0) yield this.elements
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    yield* this.elements
  }
  async *failed(): AsyncGenerator<FailedElement, void, void> {
    // Only maps have elements that fail.
  }
  async toArray(): Promise<T[]> {
    return [...this.elements]
  }
}

/** A collection by its reference. */
export class CollectionOf<T = unknown> implements Collection<T> {
  readonly ref: CollectionRef
  readonly #parts: Parts

  constructor(ref: CollectionRef, parts: Parts) {
    this.ref = ref
    this.#parts = parts
  }

  get count(): number {
    return this.ref.count
  }

  /** @param from The first part to read. */
  async *pages(from = 0): AsyncGenerator<readonly T[], void, void> {
    for await (const page of inTurn(this.#parts.parts, from, (part, most) => this.#parts.read(part, most)))
      yield page as readonly T[]
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for await (const page of this.pages()) yield* page
  }

  failed(): AsyncIterable<FailedElement> {
    return this.#parts.failed()
  }

  async toArray({ limit = MAX_ARRAY }: { readonly limit?: number } = {}): Promise<T[]> {
    checkInteger('toArray', 'limit', limit, 0, Number.MAX_SAFE_INTEGER)
    if (this.count > limit)
      throw new QError(
        'ERR_PAYLOAD_TOO_LARGE',
        `The collection has ${this.count} elements, and an array takes ${limit}. Go over it with fold() or filterMap(), or read it in parts with collect().`,
      )
    const all: T[] = []
    for await (const page of this.pages()) for (const element of page) all.push(element)
    return all
  }
}

function missing(part: number): QError {
  return new QError('ERR_TASK_NOT_FOUND', `Part ${part} of a collection is gone: the steps that made it were removed.`)
}
