/** A binary heap that knows where its items are: the smallest first, any one taken out, in O(log n). */

/** What can be in one heap at a time. */
export interface HeapItem {
  /** Kept by the heap that the item is in. */
  heapAt: number
}

/** Items in the order of `before`, which must be a strict total order that never changes for an item inside. */
export class Heap<T extends HeapItem> {
  readonly #before: (a: T, b: T) => boolean
  readonly #items: T[] = []

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  /** The first item, left in place. */
  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#rise(this.#items.length, item)
  }

  /** Takes the first item out. */
  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Takes an item out; false when it is not in this heap. */
  remove(item: T): boolean {
    const items = this.#items
    const at = item.heapAt
    if (items[at] !== item) return false
    const last = items.pop()!
    if (last === item) return true
    // The last item fills the gap, and may belong further up than the one that left, or further down.
    if (at > 0 && this.#before(last, items[(at - 1) >> 1]!)) this.#rise(at, last)
    else this.#sink(at, last)
    return true
  }

  #rise(from: number, item: T): void {
    const items = this.#items
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = items[parentAt]!
      if (!this.#before(item, parent)) break
      this.#put(at, parent)
      at = parentAt
    }
    this.#put(at, item)
  }

  #sink(from: number, item: T): void {
    const items = this.#items
    let at = from
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= items.length) break
      const right = childAt + 1
      if (right < items.length && this.#before(items[right]!, items[childAt]!)) childAt = right
      const child = items[childAt]!
      if (!this.#before(child, item)) break
      this.#put(at, child)
      at = childAt
    }
    this.#put(at, item)
  }

  #put(at: number, item: T): void {
    this.#items[at] = item
    item.heapAt = at
  }
}
