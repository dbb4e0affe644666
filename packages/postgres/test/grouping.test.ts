import { describe, expect, test } from 'vitest'
import { MAX_BATCH, weightOfSettlements } from '../src/grouping.ts'

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
