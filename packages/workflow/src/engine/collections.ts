/** Opens collections: finds their parts in the store, and keeps the last ones that were read. */
import type { Backend, Collections as Pages, Encoded, ErrorRecord, Runs, StoredTask, TaskSource } from '@q/core'
import { QError, required } from '@q/core'
import { stepId } from '../ids.ts'
import {
  CollectionOf,
  type CollectionRef,
  type FailedElement,
  inTurn,
  type Parts,
  type ReadParts,
} from './collection.ts'
import { readSteps } from './read-steps.ts'

/** Most pages that one statement reads. */
const READ_PAGES = 100
/** Parts that are kept. */
const KEPT = 64
/** The parts of pages that became too large have numbers from here on. */
export const OVERFLOW = 500_000_000

const PARTS = 'q/parts'

/** What a slice of a map leaves as its result. */
export interface SliceResult {
  /** What was kept, in order. */
  readonly v: readonly unknown[]
  /** It was too much for one value: so many elements stand on pages of the step. */
  readonly pages?: { readonly count: number; readonly size: number }
  readonly h?: readonly Hole[]
}

/** An element that became a step of its own: before which of `v` it belongs, its place in the slice, its error if that is final. */
export type Hole = readonly [before: number, at: number, error?: ErrorRecord]

type SlicesRef = Extract<CollectionRef, { kind: 'slices' }>

/** A slice with the elements of it that ran by themselves. */
interface FoundSlice {
  readonly slice: number
  readonly step: StoredTask
  readonly left: SliceResult
  readonly alone: readonly (StoredTask | null)[]
}

/** Index of the step of a slice, by its number. */
export function sliceIndex(slice: number): number {
  return slice + 1
}

/** Index of the step of an element that failed in its slice. */
export function elementIndex(slice: number, size: number, at: number): number {
  return -(slice * size + at + 1)
}

/** A page that says where its parts are. */
export function encodeParts(parts: { readonly first: number; readonly count: number }): Encoded {
  return { codec: PARTS, bytes: new TextEncoder().encode(JSON.stringify(parts)) }
}

/** Collections of one queue. */
export class Collections {
  readonly #backend: Backend
  readonly #runs: Runs
  readonly #codec: TaskSource['values']
  readonly #kept = new Map<string, Promise<readonly unknown[]>>()

  constructor(backend: Backend, runs: Runs, codec: TaskSource['values']) {
    this.#backend = backend
    this.#runs = runs
    this.#codec = codec
  }

  /** Where pages are kept. @throws QError `ERR_NOT_SUPPORTED` */
  get store(): Pages {
    return required(this.#backend, 'writePages')
  }

  open(ref: CollectionRef): CollectionOf {
    return new CollectionOf(ref, this.#partsOf(ref))
  }

  /**
   * The elements of one slice of a collection.
   * @param size Elements of a slice, where the collection has no slices of its own.
   */
  async slice(ref: CollectionRef, slice: number, size: number): Promise<readonly unknown[]> {
    if (ref.kind === 'slices')
      return this.#keep(`${ref.run} ${ref.node} ${ref.made} ${slice}`, () => this.#sliceOf(ref, slice))
    const from = slice * size
    const to = Math.min(ref.count, from + size)
    const first = Math.floor(from / ref.size)
    const last = Math.floor((to - 1) / ref.size)
    const elements: unknown[] = []
    for (let page = first; page <= last; page++) {
      const found = await this.#keep(`${ref.owner} ${ref.made} ${page}`, () => this.#pageOf(ref.owner, page))
      elements.push(...found.slice(Math.max(0, from - page * ref.size), to - page * ref.size))
    }
    return elements
  }

  #partsOf(ref: CollectionRef): Parts {
    if (ref.kind === 'pages') {
      const parts = Math.ceil(ref.count / ref.size)
      return { parts, read: (from, most) => this.#pages(ref.owner, from, Math.min(READ_PAGES, most)), failed: none }
    }
    return {
      parts: ref.slices,
      read: async (from, most) => {
        const { parts, bytes } = await this.#slices(ref, from, most)
        return { parts: await Promise.all(parts.map((found) => this.#keptOf(ref, found))), bytes }
      },
      failed: () => this.#failed(ref),
    }
  }

  async #pages(owner: string, first: number, limit: number): Promise<ReadParts<readonly unknown[]>> {
    const pages = await this.store.readPages(owner, first, limit)
    let bytes = 0
    const parts: (readonly unknown[])[] = []
    for (const page of pages) {
      bytes += page.bytes.byteLength
      parts.push(page.codec === PARTS ? await this.#together(owner, page) : this.#decode<readonly unknown[]>(page))
    }
    return { parts, bytes }
  }

  /** A page in parts. */
  async #together(owner: string, page: Encoded): Promise<unknown[]> {
    const { first, count } = JSON.parse(new TextDecoder().decode(page.bytes)) as { first: number; count: number }
    const elements: unknown[] = []
    for (let part = first; part < first + count; part++) elements.push(...(await this.#pageOf(owner, part)))
    return elements
  }

  async #pageOf(owner: string, page: number): Promise<readonly unknown[]> {
    const [found] = (await this.#pages(owner, page, 1)).parts
    if (found === undefined) throw gone(`page ${page} of step ${owner}`)
    return found
  }

  async #sliceOf(ref: SlicesRef, slice: number): Promise<readonly unknown[]> {
    const [found] = (await this.#slices(ref, slice, 1)).parts
    return this.#keptOf(ref, found!)
  }

  async #slices(ref: SlicesRef, from: number, most: number): Promise<ReadParts<FoundSlice>> {
    const numbers = Array.from({ length: most }, (_, index) => from + index)
    const steps = await readSteps(
      this.#runs,
      numbers.map((slice) => stepId(ref.run, ref.node, sliceIndex(slice))),
    )
    let bytes = 0
    const found = steps.map((step, index) => {
      const slice = numbers[index]!
      if (step === null) throw gone(`slice ${slice} of "${ref.node}"`)
      bytes += step.result?.bytes.byteLength ?? 0
      const left = step.status === 'done' ? this.#decode<SliceResult>(step.result) : { v: [] }
      return { slice, step, left }
    })
    const ids = found.flatMap(({ slice, left: { h = [] } }) =>
      h.map(([, at]) => stepId(ref.run, ref.node, elementIndex(slice, ref.size, at))),
    )
    const alone = await readSteps(this.#runs, ids)
    let next = 0
    return {
      parts: found.map((each) => ({ ...each, alone: alone.slice(next, (next += each.left.h?.length ?? 0)) })),
      bytes,
    }
  }

  /** What a slice kept, with what its elements that ran by themselves kept where they belong. */
  async #keptOf(ref: SlicesRef, { slice, step, left, alone }: FoundSlice): Promise<readonly unknown[]> {
    if (!this.#isKept(ref, slice, step)) return []
    const v = await this.#valuesOf(step.id, left)
    const { h = [] } = left
    if (h.length === 0) return v
    const kept: unknown[] = []
    let done = 0
    for (const [index, [before]] of h.entries()) {
      kept.push(...v.slice(done, before))
      done = before
      const element = alone[index] ?? null
      if (this.#isKept(ref, slice, element))
        kept.push(...(await this.#valuesOf(element.id, this.#decode<SliceResult>(element.result))))
    }
    return [...kept, ...v.slice(done)]
  }

  async #valuesOf(owner: string, { v, pages }: SliceResult): Promise<readonly unknown[]> {
    if (pages === undefined) return v
    const elements: unknown[] = []
    const parts = Math.ceil(pages.count / pages.size)
    const read = (from: number, most: number): Promise<ReadParts<readonly unknown[]>> =>
      this.#pages(owner, from, Math.min(READ_PAGES, most))
    for await (const page of inTurn(parts, 0, read)) elements.push(...page)
    return elements
  }

  /**
   * Whether there is something of it to read: of those that failed and were tolerated there is nothing.
   * @throws QError `ERR_TASK_NOT_FOUND` when it is gone or has not ended: its elements must not be missing in silence.
   */
  #isKept({ node, failed }: SlicesRef, slice: number, step: StoredTask | null): step is StoredTask {
    if (step?.status === 'done') return true
    if (failed > 0 && isFailed(step)) return false
    throw new QError(
      'ERR_TASK_NOT_FOUND',
      `A collection cannot be read: a step of slice ${slice} of "${node}" is ${step?.status ?? 'gone'}.`,
    )
  }

  async *#failed(ref: SlicesRef): AsyncGenerator<FailedElement, void, void> {
    const slices = inTurn(ref.slices, 0, (from, most) => this.#slices(ref, from, most))
    for await (const { slice, step, left, alone } of slices) {
      const first = slice * ref.size
      if (isFailed(step))
        for (let index = first; index < Math.min(first + ref.size, ref.of); index++) yield { index, error: step.error }
      for (const [place, element] of alone.entries())
        if (isFailed(element)) yield { index: first + left.h![place]![1], error: element.error }
    }
  }

  #decode<Value>(encoded: Encoded | null): Value {
    return (encoded === null ? { v: [] } : this.#codec.decodeArgs(encoded)) as Value
  }

  /** Steps of one map that run side by side read the same pages. */
  #keep(key: string, read: () => Promise<readonly unknown[]>): Promise<readonly unknown[]> {
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const reading = read()
    this.#kept.set(key, reading)
    reading.catch(() => this.#kept.delete(key))
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    return reading
  }
}

/** It ended without a result. */
function isFailed(step: StoredTask | null): step is StoredTask {
  return step?.status === 'killed' || step?.status === 'cancelled'
}

async function* none(): AsyncGenerator<FailedElement, void, void> {
  // Only maps have elements that fail.
}

function gone(what: string): QError {
  return new QError('ERR_TASK_NOT_FOUND', `A collection cannot be read: ${what} is gone.`)
}
