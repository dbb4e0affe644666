import { describe, expect, test } from 'vitest'
import { filter, type FilterOptions } from '../../src/middleware/filter.ts'
import { failure } from '../failure.ts'
import { end, run } from './one.ts'

const even = (n: number): boolean => n % 2 === 0

describe('filter', () => {
  test.each<[FilterOptions, string]>([
    [{}, 'done/1 killed/1'],
    [{ otherwise: 'kill' }, 'done/1 killed/1'],
    [{ otherwise: 'cancel' }, 'done/1 cancelled/1'],
    [{ otherwise: 'defer' }, 'done/1 pending/0'],
    [{ otherwise: 'done' }, 'done/1 done/1'],
  ])('%j: what passes runs, what does not ends as said', async (options, statuses) => {
    for (const predicate of [even, async (n: number) => even(n)]) {
      const seen: number[] = []
      const ran = await run([filter(predicate, options)], (n) => seen.push(n), { count: 2 })
      expect([await ran.statuses(), seen]).toEqual([statuses, [0]])
      await end(ran)
    }
  })

  test('says why in the error of the task', async () => {
    for (const [otherwise, ending] of [
      ['kill', 'killed'],
      ['cancel', 'cancelled'],
    ] as const) {
      const ran = await run([filter(() => false, { otherwise })], () => 1)
      const stored = await ran.it.memory.fetchById(ran.ids[0]!)
      expect(stored).toMatchObject({ status: ending, error: { name: 'FilteredError', code: 'ERR_FILTERED' } })
      await end(ran)
    }
  })

  test('a deferred task comes back when it was said to', async () => {
    let open = false
    const ran = await run([filter(() => open, { otherwise: 'defer', retryAfter: '5s' })], () => 1)
    open = true
    await ran.it.clock.pass(4_900)
    expect(await ran.statuses()).toBe('pending/0')
    await ran.it.clock.pass(200)
    expect(await ran.statuses()).toBe('done/1')
    await end(ran)
  })

  test('a predicate that throws fails the attempt, and does not refuse the task', async () => {
    const ran = await run([filter(() => Promise.reject(new Error('no directory')))], () => 1)
    expect(await ran.statuses()).toBe('failed/1')
    await end(ran)
  })

  test('says what is wrong with its use', () => {
    expect(failure('ERR_OPTION', () => filter('even' as any)).message).toContain(
      'takes a function (args, ctx) => boolean',
    )
    expect(failure('ERR_OPTION', () => filter(even, { otherwise: 'drop' as any })).message).toContain(
      'one of kill, cancel, defer, done, got "drop"',
    )
    expect(failure('ERR_OPTION', () => filter(even, { retryAfter: '1s' })).message).toContain(
      "retryAfter goes with otherwise: 'defer'",
    )
    expect(failure('ERR_OPTION', () => filter(even, { other: 'kill' } as any)).message).toContain(
      'unknown option "other"',
    )
  })
})
