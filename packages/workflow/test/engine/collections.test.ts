/** How collections are read: in few statements, and never with a hole where something is still to come. */
import { json, type StoredTask } from '@q/core'
import { describe, expect, it } from 'vitest'
import { Collections } from '../../src/engine/collections.ts'
import { list } from '../../src/engine/work/step.ts'

const codec = json
const values = {
  encodeResult: (value: unknown) => ({ codec: codec.tag, bytes: codec.encode(value) }),
  decodeArgs: ({ bytes }: { bytes: Uint8Array }) => codec.decode(bytes),
}

/** Collections over steps that are all alike. */
function over(step: Partial<StoredTask>): { collections: Collections; reads: number[] } {
  const reads: number[] = []
  const readSteps = async (ids: readonly string[]): Promise<StoredTask[]> => {
    reads.push(ids.length)
    return ids.map((id) => ({ id, error: null, ...step }) as StoredTask)
  }
  return { collections: new Collections({} as never, { readSteps } as never, values as never), reads }
}

function slices(count: number, failed: number): Parameters<Collections['open']>[0] {
  return { kind: 'slices', run: 'r', node: 'n', made: 't', slices: count, size: 1, of: count, count, failed }
}

describe('a collection of slices', () => {
  it('of 2,000 small ones is read in a handful of statements, of 1,000 rows at most', async () => {
    const { collections, reads } = over({ status: 'done', result: values.encodeResult({ v: [1] }) })
    expect(await collections.open(slices(2_000, 0)).toArray()).toHaveLength(2_000)
    expect(await list(collections.open(slices(2_000, 0)).failed())).toEqual([])
    expect(reads.length).toBeLessThanOrEqual(16)
    expect(Math.max(...reads)).toBeLessThanOrEqual(1_000)
  })

  it('of large ones is read a few at once', async () => {
    const { collections, reads } = over({ status: 'done', result: values.encodeResult({ v: ['x'.repeat(100_000)] }) })
    expect(await collections.open(slices(100, 0)).toArray()).toHaveLength(100)
    expect(reads).toEqual([20, 20, 20, 20, 20])
  })

  it.each(['pending', 'running', 'killed', 'cancelled'] as const)(
    'is not read without one that is %s',
    async (status) => {
      const { collections } = over({ status, result: null })
      await expect(collections.open(slices(3, 0)).toArray()).rejects.toThrow(`slice 0 of "n" is ${status}`)
    },
  )

  it.each(['killed', 'cancelled'] as const)('leaves out those that are %s where that was tolerated', async (status) => {
    const { collections } = over({ status, result: null })
    expect(await collections.open(slices(3, 3)).toArray()).toEqual([])
    expect(await list(collections.open(slices(3, 3)).failed())).toHaveLength(3)
  })
})
