import { describe, expect, test } from 'vitest'
import { toBackendError } from '../src/connection/classify.ts'
import { MAX_BATCH, together, weightOfSettlements } from '../src/grouping.ts'

const id = '01890a5d-ac96-774b-bcce-b302099a8057'
const megabyte = new Uint8Array(2 ** 20)
const text = 'x'.repeat(2 ** 20)

describe('a settlement counts by its bytes', () => {
  test.each([
    ['results', { kind: 'done', result: { codec: 'json', bytes: megabyte } }],
    ['checkpoints', { kind: 'progress', checkpoint: megabyte }],
    ['errors', { kind: 'killed', error: { name: 'Error', message: text } }],
    [
      'follow-on tasks',
      {
        kind: 'released',
        follow: [
          {
            id,
            queue: 'q',
            payload: { codec: 'json', bytes: megabyte },
            priority: 0,
            due: { afterMs: 0 },
            maxAttempts: null,
            key: null,
            metadata: null,
          },
        ],
      },
    ],
  ] as const)('eight megabytes of %s fill a statement', (_, settlement) => {
    expect(8 * weightOfSettlements([{ id, token: '1', ...settlement }])).toBeGreaterThan(MAX_BATCH)
  })

  test('without any it counts as one', () => {
    expect(weightOfSettlements([{ id, token: '1', kind: 'done', result: null }])).toBe(1)
  })
})

describe('calls that share a statement', () => {
  const refusing = (code: string, message: string, blame: Record<string, string>) =>
    toBackendError(Object.assign(new Error(message), { code, detail: JSON.stringify(blame) }), 'test', 'q')
  const heldOf = (ids: readonly string[]) =>
    refusing('Q0002', 'held', Object.fromEntries(ids.map((name) => [name, `somebody holds ${name}`])))
  const run = (held: (items: readonly string[]) => string[]) => {
    const statements: string[][] = []
    const answers = (calls: readonly string[][]) =>
      together(
        calls,
        async (items) => {
          statements.push([...items])
          const stuck = held(items)
          if (stuck.length > 0) throw heldOf(stuck)
          return items.map((item) => item.toUpperCase())
        },
        'test',
        (item) => item,
      )
    return { statements, answers }
  }

  test('fail alone when the server names them, and the rest goes together again', async () => {
    const { statements, answers } = run((items) => items.filter((item) => item.startsWith('x')))
    expect(await answers([['a'], ['b', 'x1'], ['c', 'd'], ['x2']])).toEqual([
      ['A'],
      expect.objectContaining({
        code: 'ERR_BACKEND_UNAVAILABLE',
        message: expect.stringContaining('somebody holds x1'),
      }),
      ['C', 'D'],
      expect.objectContaining({ message: expect.stringContaining('somebody holds x2') }),
    ])
    expect(statements).toEqual([
      ['a', 'b', 'x1', 'c', 'd', 'x2'],
      ['a', 'c', 'd'],
    ])
  })

  test('give up after the third time that another key turns out to be held', async () => {
    const { statements, answers } = run((items) => items.slice(0, 1))
    const given = await answers(['a', 'b', 'c', 'd', 'e'].map((item) => [item]))
    expect(statements).toHaveLength(3)
    expect(given).toEqual(Array(5).fill(expect.objectContaining({ code: 'ERR_BACKEND_UNAVAILABLE' })))
  })

  test('go one by one when the server refuses them without a name', async () => {
    const given = await together(
      [['a'], ['bad'], ['c']],
      async (items: readonly string[]) => {
        if (items.includes('bad')) throw new Error('no')
        return items
      },
      'test',
    )
    expect(given).toEqual([['a'], expect.objectContaining({ code: 'ERR_BACKEND' }), ['c']])
  })
})
