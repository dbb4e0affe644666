import { expect, test } from 'vitest'
import { sent, Trust } from '../../src/worker/trust.ts'
import { ManualClock } from '../manual-clock.ts'

const LEASE_MS = 10_000

test('a lease is trusted for its length from the moment its renewal was sent', () => {
  const clock = new ManualClock()
  const trust = new Trust(clock, LEASE_MS, sent(clock))
  clock.advance(9_999)
  expect(trust.holds(clock.now())).toBe(true)
  clock.advance(1)
  expect(trust.holds(clock.now())).toBe(false)
  trust.renewed(sent(clock))
  expect([trust.holds(clock.now()), trust.since]).toEqual([true, clock.wall()])
})

test.each<[string, number, number, boolean]>([
  ['the machine slept for longer', LEASE_MS, 0, false],
  ['the machine slept for a part of it', LEASE_MS - 1, 0, true],
  ['the wall clock was set back', -3_600_000, LEASE_MS - 1, true],
  ['the wall clock was set back and its time is over', -3_600_000, LEASE_MS, false],
])('when %s either clock ends it', (_case, wallMs, passedMs, held) => {
  const clock = new ManualClock()
  const trust = new Trust(clock, LEASE_MS, sent(clock))
  clock.suspend(wallMs)
  clock.advance(passedMs)
  expect(trust.holds(clock.now())).toBe(held)
})
