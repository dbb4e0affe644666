/** A binary heap: the smallest item first, in O(log n). */

/** Items in the order of `before`, which must be a strict total order that never changes for an item inside. */
export class Heap<T> {
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
    const items = this.#items
    let at = items.length
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = items[parentAt]!
      if (!this.#before(item, parent)) break
      items[at] = parent
      at = parentAt
    }
    items[at] = item
  }

  /** Takes the first item out. */
  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= items.length) break
      const right = childAt + 1
      if (right < items.length && this.#before(items[right]!, items[childAt]!)) childAt = right
      const child = items[childAt]!
      if (!this.#before(child, last)) break
      items[at] = child
      at = childAt
    }
    items[at] = last
    return first
  }
}
