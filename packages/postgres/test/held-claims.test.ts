import { expect, test } from 'vitest'
import { HeldClaims } from '../src/held-claims.ts'

const held = (id: string): { readonly id: string; readonly token: string } => ({ id, token: '7' })

test('a claim is finished with the last of its tasks', () => {
  const claims = new HeldClaims()
  for (const id of ['a', 'b']) claims.add(held(id))
  const first = claims.finishedBy([held('a')])
  expect(first).toEqual([])
  claims.settle([held('a')], first)
  expect(claims.finishedBy([held('b')])).toEqual(['7'])
})

test('a claim whose last tasks were settled by two statements at once is finished by the next', () => {
  const claims = new HeldClaims()
  for (const id of ['a', 'b']) claims.add(held(id))
  const one = claims.finishedBy([held('a')])
  const other = claims.finishedBy([held('b')])
  expect([one, other]).toEqual([[], []])
  claims.settle([held('a')], one)
  claims.settle([held('b')], other)
  const next = claims.finishedBy([])
  expect(next).toEqual(['7'])
  claims.settle([], next)
  expect(claims.finishedBy([])).toEqual([])
})
