import { describe, expect, test } from 'vitest'
import { groupCommit } from '../src/group-commit.ts'

/** A flush that ends when the test says so. */
function controlled(options: { max: number; lanes?: number; weigh?: (item: number) => number }) {
  const flushes: {
    items: readonly number[]
    answer: (answers?: readonly string[]) => void
    fail: (error: unknown) => void
  }[] = []
  const group = groupCommit<number, string>((items) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    flushes.push({
      items,
      answer: (answers = items.map((item) => `answer ${item}`)) => resolve(answers),
      fail: reject,
    })
    return promise
  }, options)
  return { group, flushes }
}

/** Long enough for every microtask that is waiting; no time passes. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('groupCommit', () => {
  test('flushes at once when idle', async () => {
    const { group, flushes } = controlled({ max: 10 })
    const added = group.add(1)
    await settle()
    expect(flushes.map(({ items }) => items)).toEqual([[1]])
    flushes[0]!.answer()
    expect(await added).toBe('answer 1')
    expect(group.size).toBe(0)
  })

  test('puts what is added in one go into the first flush', async () => {
    const { group, flushes } = controlled({ max: 10 })
    const added = Promise.all([1, 2, 3].map((item) => group.add(item)))
    await settle()
    expect(flushes.map(({ items }) => items)).toEqual([[1, 2, 3]])
    flushes[0]!.answer()
    expect(await added).toEqual(['answer 1', 'answer 2', 'answer 3'])
  })

  test('collects while a flush is under way and sends all of it in the next', async () => {
    const { group, flushes } = controlled({ max: 10 })
    const first = group.add(1)
    await settle()
    const later = []
    for (const item of [2, 3, 4]) {
      later.push(group.add(item))
      await settle()
    }
    expect(flushes).toHaveLength(1)
    expect(group.size).toBe(4)
    flushes[0]!.answer()
    expect(await first).toBe('answer 1')
    await settle()
    expect(flushes.map(({ items }) => items)).toEqual([[1], [2, 3, 4]])
    flushes[1]!.answer()
    expect(await Promise.all(later)).toEqual(['answer 2', 'answer 3', 'answer 4'])
  })

  test('never sends more than max in one flush, and keeps the order', async () => {
    const { group, flushes } = controlled({ max: 2 })
    const added = Promise.all([1, 2, 3, 4, 5].map((item) => group.add(item)))
    for (let at = 0; at < 3; at++) {
      await settle()
      flushes[at]!.answer()
    }
    expect(await added).toHaveLength(5)
    expect(flushes.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]])
  })

  test('measures a flush by weight, and sends what is too heavy alone', async () => {
    const { group, flushes } = controlled({ max: 10, weigh: (item) => item })
    const added = Promise.all([4, 6, 1, 50, 2, 3, 5, 1].map((item) => group.add(item)))
    for (let at = 0; at < 5; at++) {
      await settle()
      flushes[at]!.answer()
    }
    expect(await added).toHaveLength(8)
    expect(flushes.map(({ items }) => items)).toEqual([[4, 6], [1], [50], [2, 3, 5], [1]])
  })

  test('a flush that fails rejects its own items and nobody else', async () => {
    const { group, flushes } = controlled({ max: 2 })
    const added = [1, 2, 3].map((item) => group.add(item))
    const outcomes = Promise.allSettled(added)
    await settle()
    flushes[0]!.fail(new Error('connection lost'))
    await settle()
    flushes[1]!.answer()
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    await expect(added[0]).rejects.toThrow('connection lost')
    const next = group.add(4)
    await settle()
    flushes[2]!.answer()
    expect(await next, 'the group goes on').toBe('answer 4')
  })

  test('a flush that throws before it waits rejects too', async () => {
    const group = groupCommit<number, number>(
      () => {
        throw new Error('at once')
      },
      { max: 10 },
    )
    await expect(group.add(1)).rejects.toThrow('at once')
    expect(group.size).toBe(0)
  })

  test('runs as many flushes at a time as there are lanes', async () => {
    const { group, flushes } = controlled({ max: 1, lanes: 2 })
    const added = Promise.all([1, 2, 3].map((item) => group.add(item)))
    await settle()
    const atFirst = flushes.length
    expect(atFirst).toBeLessThanOrEqual(2)
    void group.add(4)
    await settle()
    expect(flushes).toHaveLength(2)
    for (let at = 0; at < 4; at++) {
      flushes[at]!.answer()
      await settle()
    }
    expect(await added).toHaveLength(3)
  })

  test('answers each of 10,000 concurrent callers with its own answer', async () => {
    let flushes = 0
    const group = groupCommit<number, number>(
      async (items) => {
        flushes += 1
        await settle()
        return items.map((item) => item * 2)
      },
      { max: 500 },
    )
    const items = Array.from({ length: 10_000 }, (_, n) => n)
    expect(await Promise.all(items.map((item) => group.add(item)))).toEqual(items.map((n) => n * 2))
    expect(flushes).toBe(20)
  })
})
