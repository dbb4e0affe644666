import { describe, expect, test } from 'vitest'
import type { LimitRequest } from '../../src/backend/control.ts'
import { rejection } from '../failure.ts'
import { Setup } from './setup.ts'

const token = (limit: number, periodMs: number, key = 'k'): LimitRequest => ({ kind: 'rate', key, limit, periodMs })

async function granted(setup: Setup, request: LimitRequest): Promise<boolean> {
  const [answer] = await setup.backend.acquire([request])
  return answer!.granted
}

describe('a token bucket', () => {
  test.each([
    [3, 1_000],
    [7, 1_000],
    [10, 999],
    [1, 1],
    [1_000, 60_000],
  ])('of %i per %i ms gives exactly that, asked for as it says', async (limit, periodMs) => {
    const setup = new Setup()
    const request = token(limit, periodMs)
    const start = setup.clock.now()
    let got = 0
    while (setup.clock.now() - start < 10 * periodMs) {
      const [answer] = await setup.backend.acquire([request])
      if (answer!.granted) got += 1
      else {
        expect(answer!.retryAfterMs).toBeGreaterThanOrEqual(1)
        setup.clock.advance(answer!.retryAfterMs)
      }
    }
    // Full at the start, filled ten times; whoever asks in whole milliseconds may come a little late for each token.
    expect(got).toBeLessThanOrEqual(11 * limit)
    const lateMs = 1
    expect(got).toBeGreaterThanOrEqual(limit + Math.floor((10 * periodMs) / (periodMs / limit + lateMs)) - 1)
  })

  test('asked every millisecond loses nothing to rounding', async () => {
    const setup = new Setup()
    let got = 0
    for (let ms = 0; ms < 10_000; ms++) {
      if (await granted(setup, token(7, 1_000))) got += 1
      setup.clock.advance(1)
    }
    expect(got).toBeGreaterThanOrEqual(76)
    expect(got).toBeLessThanOrEqual(77)
  })

  test('goes on when the clock steps back', async () => {
    const setup = new Setup()
    expect(await granted(setup, token(1, 1_000))).toBe(true)
    setup.clock.jump(-60_000)
    expect(await granted(setup, token(1, 1_000))).toBe(false)
    setup.clock.advance(1_000)
    expect(await granted(setup, token(1, 1_000))).toBe(true)
  })

  test('is its own among thousands that come and go', async () => {
    const setup = new Setup()
    expect(await granted(setup, token(1, 3_600_000))).toBe(true)
    for (let n = 0; n < 5_000; n++) {
      await granted(setup, token(1, 10, `key ${n}`))
      setup.clock.advance(1)
    }
    expect(await granted(setup, token(1, 3_600_000))).toBe(false)
  })
})

test('a token that is not current takes no place', async () => {
  const setup = new Setup()
  await setup.push()
  await setup.push()
  const instance = await setup.instance()
  const over = await setup.claimOne(instance)
  await setup.settle(over, { kind: 'done', result: null })
  const held = await setup.claimOne(instance)
  const place = ({ id, token: claim }: { id: string; token: string }): LimitRequest => ({
    kind: 'concurrency',
    key: 'k',
    limit: 1,
    id,
    token: claim,
  })
  expect(await granted(setup, place(over))).toBe(false)
  expect(await granted(setup, place({ id: held.id, token: over.token }))).toBe(false)
  expect(await granted(setup, place(held))).toBe(true)
})

test.each([
  [token(0, 1_000), 'limit'],
  [token(1.5, 1_000), 'limit'],
  [token(1, 0), 'periodMs'],
  [token(1, NaN), 'periodMs'],
  [{ kind: 'concurrency', key: 'k', limit: -1, id: 'x', token: '1' } as const, 'limit'],
])('%j is refused', async (request, name) => {
  const error = await rejection('ERR_OPTION', new Setup().backend.acquire([request]))
  expect(error.message).toContain(name)
})
