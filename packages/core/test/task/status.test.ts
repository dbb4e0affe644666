import { expect, test } from 'vitest'
import { isFinal, STATUSES, TRANSITIONS } from '../../src/task/status.ts'

test('done, killed and cancelled are final, and nothing else is', () => {
  expect(STATUSES.filter(isFinal)).toEqual(['done', 'killed', 'cancelled'])
})

test('every status is reached from pending, and leads only to statuses there are', () => {
  const reached = new Set<string>(['pending'])
  for (const status of reached) {
    for (const next of TRANSITIONS[status as keyof typeof TRANSITIONS]) reached.add(next)
  }
  expect([...reached].sort()).toEqual([...STATUSES].sort())
})

test('only a claim leads into queued, and only queued into running', () => {
  const before = (status: string): string[] =>
    STATUSES.filter((from) => (TRANSITIONS[from] as readonly string[]).includes(status))
  expect(before('queued')).toEqual(['pending', 'failed'])
  expect(before('running')).toEqual(['queued'])
})
