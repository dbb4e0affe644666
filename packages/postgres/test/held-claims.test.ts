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

test('what is remembered is bounded: the oldest claims are forgotten', () => {
  const claims = new HeldClaims(4)
  const of = (token: string) => ['a', 'b'].map((id) => ({ id, token }))
  for (const token of ['1', '2', '3']) for (const one of of(token)) claims.add(one)
  expect(['1', '2', '3'].map((token) => claims.finishedBy(of(token)))).toEqual([[], ['2'], ['3']])
  claims.settle(of('2'), ['2'])
  for (const one of of('4')) claims.add(one)
  expect(['3', '4'].map((token) => claims.finishedBy(of(token)))).toEqual([['3'], ['4']])
  for (let n = 0; n < 10; n++) claims.add({ id: `${n}`, token: '5' })
  expect(claims.finishedBy(of('4'))).toEqual([])
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
