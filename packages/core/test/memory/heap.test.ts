import { expect, test } from 'vitest'
import { Heap } from '../../src/memory/heap.ts'

interface Item {
  readonly value: number
  heapAt: number
}

const item = (value: number): Item => ({ value, heapAt: 0 })
const heap = (): Heap<Item> => new Heap<Item>((a, b) => a.value < b.value)

/** Numbers that look random and are the same in every run. */
function* numbers(seed: number): Generator<number, never, void> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    yield state >>> 8
  }
}

test.each([1, 2, 3, 4, 5])('pushes, pops and removals in any order keep the smallest first (%i)', (seed) => {
  const random = numbers(seed)
  const next = (below: number): number => random.next().value % below
  const sut = heap()
  const model: Item[] = []
  for (let step = 0; step < 3_000; step++) {
    const kind = next(4)
    if (kind < 2) {
      const added = item(next(1_000_000) * 3_000 + step)
      sut.push(added)
      model.push(added)
    } else if (kind === 2) {
      const popped = sut.pop()
      expect(popped).toBe(model.toSorted((a, b) => a.value - b.value)[0])
      if (popped !== undefined) model.splice(model.indexOf(popped), 1)
    } else if (model.length > 0) {
      const [gone] = model.splice(next(model.length), 1)
      expect(sut.remove(gone!)).toBe(true)
    }
    expect(sut.size).toBe(model.length)
  }
  const rest: number[] = []
  for (let one = sut.pop(); one !== undefined; one = sut.pop()) rest.push(one.value)
  expect(rest).toEqual(model.map(({ value }) => value).sort((a, b) => a - b))
})

test('what is not inside, or not any more, cannot be removed', () => {
  const [sut, other] = [heap(), heap()]
  const [inside, elsewhere, never] = [item(1), item(1), item(1)]
  sut.push(inside)
  other.push(elsewhere)
  expect(sut.remove(elsewhere)).toBe(false)
  expect(sut.remove(never)).toBe(false)
  expect(sut.remove(inside)).toBe(true)
  expect(sut.remove(inside)).toBe(false)
  expect(sut.pop()).toBeUndefined()
})
